// IDX files from memory, plain and gzipped.
#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xgrad;
  return test::fuzz(data, size, [&](const io::detail::SharedInput& input) {
    constexpr std::uint64_t best_ratio = 1032;  // of deflate
    const Tensor tensor = io::detail::read_idx(*input);
    test::require(static_cast<std::uint64_t>(tensor.bytes()) <= best_ratio * test::unpacked_limit(size),
                  "a tensor is larger than its file allows");
  });
}
