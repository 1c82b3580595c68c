#!/usr/bin/env bash
# Reads every #include of the project and fails on an arrow that the layering does not allow. Arguments: the public
# headers. Prints each offence as file:line: reason.
set -euo pipefail
public=("$@")

# What a file in a folder may include of the library.
declare -A allowed=(
  [tensor]="tensor" [autograd]="tensor autograd" [nn]="tensor autograd nn" [optim]="tensor autograd optim"
  [data]="tensor data"
)
# Other people's headers that only one file of the library, under tensor/, may include.
declare -A foreign=(
  [xtensor]='<(xtensor|xtl)/' [xtensor-blas]='<(xtensor-blas|xflens)/' [xsimd]='<xsimd/'
  [BLAS]='<(cblas|lapacke?|openblas|f77blas)[^>]*>' [oneDNN]='<(oneapi/)?dnnl'
)

# includes FOLDER...: lines 'file:line:#include ...' of the C++ files below.
includes() {
  find "$@" -name '*.[ch]pp' -exec grep -nHE '^[[:space:]]*#[[:space:]]*include' {} + || true
}

# offences: checks the tree in the current directory; prints one line for each offence.
offences() {
  local part file line place target folder name files
  for part in "${!allowed[@]}"; do
    [ -d "$part" ] || continue
    while IFS=: read -r file line target; do
      place=$file:$line
      target=${target#*include}
      case ${target//[[:space:]]/} in
      '"'*) echo "$place: write <xgrad/...> in place of quotes" ;;
      '<xgrad/'*/*)
        folder=${target#*<xgrad/}
        folder=${folder%%/*}
        [[ " ${allowed[$part]} " == *" $folder "* ]] || echo "$place: $part/ must not include $folder/"
        ;;
      '<xgrad/'*) echo "$place: the library must not include its umbrella header" ;;
      esac
    done < <(includes "$part")
  done

  for name in "${!foreign[@]}"; do
    files=$(includes tensor autograd nn optim data | grep -E "include[[:space:]]*${foreign[$name]}" | cut -d: -f1 | sort -u)
    while IFS= read -r line; do
      [[ -z $line || $line == tensor/* ]] || echo "$line:1: $name headers are for tensor/ only"
    done <<<"$files"
    if (($(grep -c . <<<"$files") > 1)); then
      echo "tensor:1: $name headers are included from more than one file:" $files
    fi
  done

  # Programs use what is installed, and an installed header includes nothing else. Tests look inside, too.
  while IFS=: read -r file line target; do
    target=${target#*<xgrad/}
    target=${target%%>*}
    [[ " $published " == *" $target "* ]] || echo "$file:$line: $target is not a public header"
  done < <(includes $(ls -d examples benchmarks 2>/dev/null) $published | grep '<xgrad/')
}

# The checker itself: a small tree with one offence of each kind.
self_test() {
  local found
  cd "$temporary"
  mkdir -p tensor autograd nn optim data examples
  echo '#include <xgrad/nn/module.hpp>' >optim/sgd.cpp
  printf '#include <cblas.h>\n#include "tensor.hpp"\n' | tee tensor/a.cpp >tensor/b.cpp
  echo '#include <dnnl.hpp>' >autograd/c.cpp
  echo '#include <xgrad/xgrad.hpp>' >nn/d.hpp
  echo '#include <xgrad/tensor/private.hpp>' >examples/e.cpp
  published="nn/d.hpp xgrad.hpp"
  touch xgrad.hpp
  found=$(offences)
  for reason in 'optim/sgd.cpp:1: optim/ must not' 'tensor/a.cpp:2: write' 'BLAS headers are included from more' \
    'autograd/c.cpp:1: oneDNN headers are for' 'nn/d.hpp:1: the library must not' 'examples/e.cpp:1: tensor/private.hpp is not'; do
    grep -qF "$reason" <<<"$found" || { echo "the checker overlooks: $reason"; exit 1; }
  done
}

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
(self_test)

cd "$SOURCE"
published=$(realpath --relative-to=. "${public[@]}" | tr '\n' ' ')
found=$(offences)
[ -z "$found" ] || { echo "$found"; exit 1; }
echo "$(includes tensor autograd nn optim data | grep -c '<xgrad/') arrows, all allowed"
