#!/usr/bin/env bash
# A user's program is built from the installed headers and pkg-config alone, and runs; xtensor is asked for where it is
# used.
set -euo pipefail
source "$SOURCE/tests/support/installed.sh"

# What the library was built with is no business of its users.
flags=$(pkg-config --cflags --libs xgrad)
if grep -qE -- '-march|-fopenmp|blas|dnnl|zlib|-lz\b|-O[0-9]|-fvisibility|xtensor|xsimd' <<<"$flags"; then
  echo "pkg-config hands on private flags: $flags"
  exit 1
fi
required=$(pkg-config --print-requires --print-requires-private xgrad)
[ -z "$required" ] || { echo "pkg-config asks for $required"; exit 1; }
pkg-config --print-requires xgrad-xtensor | grep -qx xtensor || { echo "xgrad-xtensor does not ask for xtensor"; exit 1; }

cp "$SOURCE"/tests/install/user.cpp "$SOURCE"/tests/install/bridge.cpp "$temporary"
cd "$temporary"
# xtensor may lie where every compiler looks: what is opened tells.
compile="$CXX -std=c++20 -O1 -Wall -Wextra -Werror"
$compile -H user.cpp -o user $flags 2>opened || { cat opened; exit 1; }
grep -q '/xgrad/tensor/tensor\.hpp$' opened || { echo "the compiler does not list what it opens"; exit 1; }
if grep -E '/(xtensor|xtl|xsimd)/' opened; then echo "<xgrad/xgrad.hpp> includes these"; exit 1; fi
$CXX -std=c++20 -O0 bridge.cpp -o bridge $(pkg-config --cflags --libs xgrad-xtensor)

# The command finds its library beside itself, where the loader would not look.
command=$installed/bin/xgrad
[ ! -e "$command" ] || [ "$prefix" = /usr ] || "$command" --version

LD_LIBRARY_PATH=$(pkg-config --variable=libdir xgrad)
export LD_LIBRARY_PATH
# gdb looks for the printers under the name of the file that the library's names lead to.
library=$(basename "$(realpath "$LD_LIBRARY_PATH/libxgrad.so")")
printers=$installed/share/gdb/auto-load$prefix${LD_LIBRARY_PATH#"$installed"}/$library-gdb.py
[ "$(uname)" != Linux ] || [ -e "$printers" ] || { echo "no $printers"; exit 1; }
./user
./bridge
