#!/usr/bin/env bash
# Every installed header compiles alone, without a warning, and without any header that is not installed.
set -euo pipefail
source "$SOURCE/tests/support/installed.sh"

mapfile -t headers < <(cd "$installed/include" && find xgrad -name '*.hpp' | sort)
((${#headers[@]} > 0)) || { echo "no header is installed"; exit 1; }

# A header that lacks an include fails, or this check would prove nothing.
export compile="$CXX -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion -Wshadow -Werror -Wno-psabi"
if $compile -x c++ - 2>/dev/null <<<'inline std::string name;'; then
  echo "the check accepts a header that does not compile"
  exit 1
fi
check() {
  local module=xgrad
  [ "$1" != xgrad/tensor/xtensor.hpp ] || module=xgrad-xtensor
  $compile $(pkg-config --cflags "$module") -x c++ - <<<"#include <$1>" || { echo "$1 does not compile alone"; return 1; }
}
export -f check
printf '%s\n' "${headers[@]}" | xargs -P "$(nproc)" -I{} bash -c 'check "$1"' check {}
echo "${#headers[@]} headers compile alone"
