#!/usr/bin/env bash
# A build without the libraries of file formats: its options leave them out, the sources that would call them compile
# without a warning, and each says which package is missing. Compiled are these sources alone, beside the library.
set -euo pipefail
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"

meson setup build "$SOURCE" -Dpng=disabled -Djpeg=disabled -Dhdf5=disabled -Dlibzip=disabled -Dtests=false -Dexamples=false \
  -Dcommand=disabled >setup.log || { tail -n 20 setup.log; exit 1; }
if grep -oE 'XGRAD_(PNG|JPEG|HDF5|LIBZIP)' build/compile_commands.json | sort -u | grep .; then
  echo "is defined in a build that was configured without"
  exit 1
fi

cat >main.cpp <<'END'
#include <xgrad/data/hdf5.hpp>
#include <xgrad/data/image_bytes.hpp>
#include <xgrad/io/zip.hpp>

#include <cstdio>

int failed = 0;

template <class F>
void expect(const char* package, const F& f) {
  std::string text = "nothing";
  try {
    f();
  } catch (const xgrad::NotImplementedError& error) {
    text = error.what();
  }
  if (text.find(package) != text.npos) return;
  std::printf("expected %s, got: %s\n", package, text.c_str());
  ++failed;
}

int main() {
  using namespace xgrad;
  const std::string path = "image";
  const data::detail::ImageBytes image{path, "bytes"};
  expect("libpng-dev", [&] { static_cast<void>(data::detail::read_png(image, 1)); });
  expect("libpng-dev", [] { static_cast<void>(data::detail::png_of(Tensor())); });
  expect("libjpeg62-turbo-dev", [&] { static_cast<void>(data::detail::read_jpeg(image, 1)); });
  expect("libhdf5-dev", [] { static_cast<void>(data::hdf5_datasets("none")); });
  expect("libhdf5-dev", [] { static_cast<void>(data::read_hdf5("none", "x")); });
  expect("libzip-dev", [] { io::detail::ZipReader(nullptr, 1); });
  return failed;
}
END
objects=()
for source in "$SOURCE"/data/{png,jpeg,hdf5}.cpp "$SOURCE"/io/zip.cpp main.cpp; do
  object=$(basename "$source").o
  objects+=("$object")
  $CXX -std=c++20 -O0 -Wall -Wextra -Wconversion -Wshadow -Wno-psabi -Werror -fopenmp-simd -I"$BUILD/include" -c "$source" -o "$object"
done
$CXX "${objects[@]}" -L"$BUILD" -lxgrad -Wl,-rpath,"$BUILD" -o program
./program
