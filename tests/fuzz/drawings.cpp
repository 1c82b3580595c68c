// Drawings from memory, plain and gzipped.
#include "target.hpp"

#include <xgrad/data/drawings_text.hpp>
#include <xgrad/data/whole_file.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xgrad;
  return test::fuzz(data, size, [&](const io::detail::SharedInput& input) {
    constexpr std::uint64_t most = 1 << 16;
    const std::string text = data::detail::read_whole(*input, most);
    // Pixels are as they are in the file; strokes take no more than so many for each.
    const Index side = static_cast<Index>(size % 8);
    Tensor images;
    try {
      images = data::detail::parse_drawings(*input, text,
                                            {.size = side, .line_width = static_cast<double>(size % 3)});
    } catch (const ValueError&) {
      // Pixels of another size than was asked for.
      return;
    }
    test::require(images.rank() == 3 && images.size(0) > 0 && images.size(1) == images.size(2), "no images");
    test::require(static_cast<std::size_t>(images.count()) <= 28 * 28 * text.size(), "more pixels than text");
  });
}
