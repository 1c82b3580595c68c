#!/usr/bin/env bash
# A user's program is built from the installed headers and pkg-config alone, and runs.
set -euo pipefail
source "$SOURCE/tests/support/installed.sh"

# What the library was built with is no business of its users.
flags=$(pkg-config --cflags --libs xgrad)
if grep -qE -- '-march|-fopenmp|blas|dnnl|zlib|-lz\b|-O[0-9]' <<<"$flags"; then
  echo "pkg-config hands on private flags: $flags"
  exit 1
fi

cp "$SOURCE/tests/install/user.cpp" "$temporary"
cd "$temporary"
$CXX -std=c++20 -O1 -Wall -Wextra -Werror user.cpp -o user $flags
LD_LIBRARY_PATH=$(pkg-config --variable=libdir xgrad) ./user
