// JPEG files from memory.
#include "target.hpp"

#include <xgrad/data/image_bytes.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xgrad;
  return test::fuzz(data, size, [&](const io::detail::SharedInput& input) {
    constexpr std::int64_t most = 1 << 20;
    const data::detail::ImageBytes image{input->name(), {reinterpret_cast<const char*>(data), size}};
    try {
      const Tensor pixels = data::detail::read_jpeg(image, most);
      test::require(pixels.rank() == 3 && pixels.count() <= 3 * most, "more pixels than allowed");
    } catch (const NotImplementedError&) {
      // CMYK.
    }
  });
}
