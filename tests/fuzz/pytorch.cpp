// Files of PyTorch's from memory.
#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xgrad;
  return test::fuzz(data, size, [&](const io::detail::SharedInput& input) {
    constexpr std::uint64_t most = 1 << 16;
    static_cast<void>(io::detail::holds_pytorch(input));
    test::read_all(io::detail::open_pytorch(input, {.max_unpacked = most}), 8 * most);
  });
}
