// Reads a file of tensors and writes what it holds to another: python.sh compares them in Python.
#include <xgrad/io/file.hpp>
#include <xgrad/tensor/error.hpp>

#include <cstdio>

int main(int count, char** paths) {
  if (count != 3) {
    std::fputs("usage: exchange FROM TO\n", stderr);
    return 2;
  }
  try {
    xgrad::StateDict dict = xgrad::io::load(paths[1]);
    // All are of Python's.
    if (dict.layout() == xgrad::StateDict::Layout::unknown)
      dict.set_layout(xgrad::StateDict::Layout::pytorch);
    xgrad::io::save(paths[2], dict);
  } catch (const xgrad::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
