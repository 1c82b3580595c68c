// What the fuzzers share: a parser gets bytes in memory; what it opens is read. It may throw the library's
// errors and nothing else, and takes no more memory than the bytes justify.
#pragma once

#include <xgrad/io/contents.hpp>
#include <xgrad/tensor/error.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace xgrad::test {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "ERROR: fuzz: %s\n", what);
  std::abort();
}

/// Gives the bytes to the parser. Always 0, as libFuzzer expects.
template <class Parse>
int fuzz(const std::uint8_t* data, std::size_t size, const Parse& parse) {
  const auto input = std::make_shared<const io::detail::Input>(
      "fuzz", std::span(reinterpret_cast<const std::byte*>(data), size));
  try {
    parse(input);
  } catch (const FormatError& error) {
    require(std::string_view(error.what()).size() > 4, "an error without a text");
  } catch (const IoError&) {
    // The machine has not the memory that a file with holes would take.
  }
  return 0;
}

/// Reads every tensor. `limit`: bytes that each may take.
inline void read_all(const io::detail::Contents& contents, std::uint64_t limit) {
  for (std::size_t i = 0; i < contents.entries.size(); ++i) {
    const io::Entry& entry = contents.entries[i];
    const std::uint64_t bytes = static_cast<std::uint64_t>(entry.shape.count()) *
                                static_cast<std::uint64_t>(element_size(entry.dtype));
    require(bytes <= limit, "a tensor is larger than its file allows");
    Tensor tensor;
    try {
      tensor = contents.read(i);
    } catch (const FormatError&) {
      continue;
    }
    require(tensor.shape() == entry.shape && tensor.dtype() == entry.dtype, "a tensor is not as described");
    require(entry.name.size() <= limit + 16, "a name is longer than its file");
  }
}

/// Bytes that the elements of an unpacked file of `size` bytes may take: int8 becomes int64.
inline std::uint64_t unpacked_limit(std::size_t size) { return 8 * static_cast<std::uint64_t>(size); }

}  // namespace xgrad::test
