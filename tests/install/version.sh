#!/usr/bin/env bash
# Headers and library agree on their version: with another interface a program does not link, and one that was linked
# with another library does not start; another patch will do.
set -euo pipefail
source "$SOURCE/tests/support/installed.sh"

cd "$temporary"
version=$(pkg-config --modversion xgrad)
soname=libxgrad.so.${version%.*}
[ "${version%%.*}" = 0 ] || soname=libxgrad.so.${version%%.*}
libdir=$(pkg-config --variable=libdir xgrad)
[ -e "$libdir/$soname" ] || { echo "there is no $soname"; exit 1; }
cat >program.cpp <<'END'
#include <iostream>
#include <xgrad/tensor/error.hpp>
static_assert(XGRAD_VERSION == XGRAD_VERSION_MAJOR * 10000 + XGRAD_VERSION_MINOR * 100 + XGRAD_VERSION_PATCH);
int main() { std::cout << XGRAD_VERSION_STRING << ' ' << xgrad::library_version() << '\n'; }
END

# link PROGRAM INCLUDE LIBDIR, run PROGRAM LIBDIR.
link() { $CXX -std=c++20 -O2 program.cpp -o "$1" -I"$2" -L"$3" -lxgrad 2>link.log; }
run() { LD_LIBRARY_PATH=$2 "./$1" 2>run.log; }
# headers NAME PART: a copy of the headers with PART of the version raised to 77.
headers() {
  cp -r "$installed/include" "$1"
  sed -i "s/^\(#define XGRAD_VERSION_$2\) .*/\1 77/" "$1/xgrad/tensor/version.hpp"
}

link program "$installed/include" "$libdir" || { cat link.log; exit 1; }
[ "$(run program "$libdir")" = "$version $version" ] || { cat run.log; exit 1; }

headers patch PATCH
link patched patch "$libdir" || { cat link.log; exit 1; }
[ "$(run patched "$libdir")" = "${version%.*}.77 $version" ] || { cat run.log; exit 1; }

parts=(MAJOR)
[ "${version%%.*}" != 0 ] || parts+=(MINOR)
for part in "${parts[@]}"; do
  headers "$part" "$part"
  if link other "$part" "$libdir"; then echo "headers of another $part version link"; exit 1; fi
  grep -qE 'Interface<[0-9]+, [0-9]+>' link.log || { echo "no version is named:"; cat link.log; exit 1; }
  # A library of these headers, which the program is linked with, gives way to the one that is installed.
  mkdir -p "stub-$part"
  $CXX -std=c++20 -fPIC -shared -I"$part" "$SOURCE/tensor/version.cpp" -o "stub-$part/libxgrad.so" -Wl,-soname,"$soname"
  ln -s libxgrad.so "stub-$part/$soname"
  link other "$part" "stub-$part" || { cat link.log; exit 1; }
  run other "stub-$part" >/dev/null || { cat run.log; exit 1; }
  if run other "$libdir"; then echo "a program of another $part version starts"; exit 1; fi
  grep -q 'undefined symbol: .*Interface' run.log || { echo "no version is named:"; cat run.log; exit 1; }
done
echo "$version: $soname"
