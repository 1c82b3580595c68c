#!/usr/bin/env bash
# A Meson project that has xgrad among its subprojects gets it by dependency('xgrad'), without its tests.
set -euo pipefail
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"

mkdir subprojects
ln -s "$SOURCE" subprojects/xgrad
echo '#include <xgrad/xgrad.hpp>
int main() {}' >main.cpp
cat >meson.build <<'MESON'
project('user', 'cpp', default_options: ['cpp_std=c++20'])
executable('user', 'main.cpp', dependencies: dependency('xgrad', fallback: 'xgrad'))
MESON
meson setup build
if ninja -C build -t targets all | grep -q xgrad_tests; then
  echo "a subproject builds the library's tests"
  exit 1
fi
ninja -C build user.p/main.cpp.o
