// npy from memory.
#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xgrad;
  return test::fuzz(data, size, [&](const io::detail::SharedInput& input) {
    test::read_all(io::detail::open_npy(input), test::unpacked_limit(size));
  });
}
