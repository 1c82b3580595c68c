#!/usr/bin/env bash
# Reads every #include of the project and fails on an arrow that the layering does not allow. Arguments: the public
# headers. Prints each offence as file:line: reason.
set -euo pipefail
public=("$@")

# What a file in a folder may include of the library.
declare -A allowed=(
  [tensor]="tensor" [vmath]="tensor vmath" [backend]="tensor backend" [kernels]="tensor vmath backend kernels"
  [autograd]="tensor vmath kernels autograd" [nn]="tensor kernels autograd nn" [optim]="tensor kernels autograd optim"
  [io]="tensor io" [data]="tensor io data" [plot]="tensor io plot"
  [train]="tensor autograd nn optim io data plot train"
)
# One more arrow: random numbers are transformed by the loops of vmath/.
excepted="tensor/random.cpp vmath"
# backend/ has these doors; what stands behind them, no kernel knows.
doors="backend/products.hpp backend/convolution.hpp backend/lapack.hpp"
# Files of the engine that name operations, which stand above it: autograd/engine.hpp says what for.
upward="chain.cpp chain_rule.hpp dual.hpp engine.cpp functional.cpp gradient_slot.cpp record.cpp run_queue.cpp"
# Other people's headers: one file of the library, in the folder named, may include them.
declare -A foreign=(
  [xtensor]='<(xtensor|xtl)/' [xtensor-blas]='<(xtensor-blas|xflens)/' [xsimd]='<xsimd/'
  [BLAS]='<(cblas|lapacke?|openblas|f77blas)[^>]*>' [oneDNN]='<(oneapi/)?dnnl' [OpenMP]='<omp\.h>'
  [nlohmann]='<nlohmann/' [zlib]='<zlib\.h>' [libzip]='<zip\.h>'
  [libpng]='<(libpng[^/]*/)?png(conf)?\.h>' [libjpeg]='<j(peglib|error|morecfg|config)\.h>' [HDF5]='<(hdf5(/serial)?/)?(hdf5|H5[^>]*)\.h>'
)
declare -A folder_of=(
  [xtensor]=tensor [xtensor-blas]=backend [xsimd]=vmath [BLAS]=backend [oneDNN]=backend [OpenMP]=tensor
  [nlohmann]=io [zlib]=io [libzip]=io
  [libpng]=data [libjpeg]=data [HDF5]=data
)

# library: the folders of the library that are there.
library() { ls -d "${!allowed[@]}" 2>/dev/null; }

# includes FOLDER...: lines 'file:line:#include ...' of the C++ files below.
includes() {
  find "$@" -name '*.[ch]pp' -exec grep -nHE '^[[:space:]]*#[[:space:]]*include' {} + || true
}

# offences: checks the tree in the current directory; prints one line for each offence.
offences() {
  local part file line place target folder name files
  for part in $(library); do
    while IFS=: read -r file line target; do
      place=$file:$line
      target=${target#*include}
      case ${target//[[:space:]]/} in
      '"'*) echo "$place: write <xgrad/...> in place of quotes" ;;
      '<xgrad/'*/*)
        folder=${target#*<xgrad/}
        folder=${folder%%/*}
        [[ " ${allowed[$part]} " == *" $folder "* || "$file $folder" == "$excepted" ]] ||
          echo "$place: $part/ must not include $folder/"
        target=${target#*<xgrad/}
        target=${target%%>*}
        [[ $part == backend || $folder != backend || " $doors " == *" $target "* ]] ||
          echo "$place: $target is private to backend/"
        [[ $file != autograd/* || $file == autograd/ops/* || $target != autograd/ops/* ||
          " $upward " == *" ${file#autograd/} "* ]] ||
          echo "$place: this file of the engine must not include $target"
        ;;
      '<xgrad/'*) echo "$place: the library must not include its umbrella header" ;;
      esac
    done < <(includes "$part")
  done

  for name in "${!foreign[@]}"; do
    folder=${folder_of[$name]}
    files=$(includes $(library) | grep -E "include[[:space:]]*${foreign[$name]}" | cut -d: -f1 | sort -u)
    while IFS= read -r line; do
      [[ -z $line || $line == "$folder"/* ]] || echo "$line:1: $name headers are for $folder/ only"
    done <<<"$files"
    if (($(grep -c . <<<"$files") > 1)); then
      echo "$folder:1: $name headers are included from more than one file:" $files
    fi
  done

  # Programs use what is installed, and an installed header includes nothing else. Tests look inside, too.
  while IFS=: read -r file line target; do
    target=${target#*<xgrad/}
    target=${target%%>*}
    [[ " $published " == *" $target "* ]] || echo "$file:$line: $target is not a public header"
  done < <(includes $(ls -d examples benchmarks tools/xgrad 2>/dev/null) $published | grep '<xgrad/')
}

# The checker itself: a small tree with one offence of each kind.
self_test() {
  local found
  cd "$temporary"
  mkdir -p tensor backend kernels autograd/ops nn optim io data examples tools/xgrad
  echo '#include <xgrad/nn/module.hpp>' >optim/sgd.cpp
  echo '#include <xgrad/vmath/vmath.hpp>' | tee tensor/random.cpp >tensor/print.cpp
  printf '#include <cblas.h>\n#include "tensor.hpp"\n' | tee backend/a.cpp >backend/b.cpp
  echo '#include <dnnl.hpp>' >autograd/c.cpp
  echo '#include <xgrad/xgrad.hpp>' >nn/d.hpp
  echo '#include <xgrad/tensor/private.hpp>' | tee examples/e.cpp >tools/xgrad/e.cpp
  echo '#include <omp.h>' >nn/f.cpp
  echo '#include <zip.h>' | tee io/z.cpp >data/z.cpp
  printf '#include <%s.h>\n' png jerror hdf5 >io/i.cpp
  printf '#include <xgrad/backend/%s.hpp>\n' products blas >kernels/g.cpp
  echo '#include <xgrad/autograd/ops/math.hpp>' | tee autograd/node.cpp autograd/dual.hpp >autograd/ops/h.cpp
  published="nn/d.hpp xgrad.hpp"
  touch xgrad.hpp
  found=$(offences)
  for reason in 'optim/sgd.cpp:1: optim/ must not' 'backend/a.cpp:2: write' 'BLAS headers are included from more' \
    'autograd/c.cpp:1: oneDNN headers are for' 'nn/f.cpp:1: OpenMP headers are for' 'data/z.cpp:1: libzip headers are for io/ only' \
    'libzip headers are included from more' 'io/i.cpp:1: libpng headers are for data/ only' \
    'io/i.cpp:1: libjpeg headers' 'io/i.cpp:1: HDF5 headers' 'kernels/g.cpp:2: backend/blas.hpp is private' \
    'autograd/node.cpp:1: this file of the engine' \
    'tensor/print.cpp:1: tensor/ must not' 'nn/d.hpp:1: the library must not' 'examples/e.cpp:1: tensor/private.hpp is not' \
    'tools/xgrad/e.cpp:1: tensor/private.hpp is not'; do
    grep -qF "$reason" <<<"$found" || { echo "the checker overlooks: $reason"; exit 1; }
  done
  if grep -E '^(tensor/random.cpp|kernels/g.cpp:1|autograd/(dual.hpp|ops))' <<<"$found"; then exit 1; fi
}

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
(self_test)

cd "$SOURCE"
published=$(realpath --relative-to=. "${public[@]}" | tr '\n' ' ')
found=$(offences)
[ -z "$found" ] || { echo "$found"; exit 1; }
echo "$(includes $(library) | grep -c '<xgrad/') arrows, all allowed"
