// Which library reads an image, and the channels that are asked for.
#include <xgrad/data/image_files.hpp>

#include <xgrad/data/image_bytes.hpp>
#include <xgrad/data/whole_file.hpp>

#include <xgrad/io/sink.hpp>

#include <xgrad/tensor/dispatch.hpp>

#include <algorithm>
#include <cmath>
#include <ostream>

namespace xgrad::data {
namespace detail {

void ImageBytes::reject(const std::string& text, std::size_t offset) const {
  throw FormatError(xgrad::detail::message_prefix() + path + ": " + text, offset);
}

void ImageBytes::check_size(std::uint64_t height, std::uint64_t width, std::uint64_t bytes_of_row,
                            std::uint64_t best_ratio, std::int64_t max_pixels) const {
  // Sizes are of 32 bits: no product overflows.
  const std::string declared =
      "the header declares " + std::to_string(height) + " x " + std::to_string(width) + " pixels, ";
  if (height == 0 || width == 0) reject(declared + "which is no image");
  if (height > static_cast<std::uint64_t>(max_pixels) / width)
    reject(declared + "more than max_pixels, " + std::to_string(max_pixels));
  if (height * bytes_of_row > best_ratio * bytes.size())
    reject(declared + "more than the " + std::to_string(bytes.size()) + " bytes of the file can hold");
}

namespace {

std::uint32_t on_background(std::uint32_t value, std::uint32_t alpha, std::uint32_t background) {
  return (value * alpha + background * (255 - alpha) + 127) / 255;
}

// From `from` channels to 1 or 3.
Tensor with_channels(const Tensor& image, Index to, std::uint8_t background) {
  const Index from = image.size(2), pixels = image.size(0) * image.size(1);
  if (from == to) return image;
  const bool coloured = from > 2, alpha = from % 2 == 0;
  Tensor result = Tensor::uninitialized({image.size(0), image.size(1), to}, uint8);
  const std::uint8_t* in = image.data<std::uint8_t>();
  std::uint8_t* out = result.mutable_data<std::uint8_t>();
  for (Index i = 0; i < pixels; ++i, in += from, out += to) {
    std::uint32_t rgb[] = {in[0], in[coloured ? 1 : 0], in[coloured ? 2 : 0]};
    if (alpha)
      for (std::uint32_t& value : rgb) value = on_background(value, in[from - 1], background);
    if (to == 1)
      out[0] = static_cast<std::uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
    else
      for (int k = 0; k < 3; ++k) out[k] = static_cast<std::uint8_t>(rgb[k]);
  }
  return result;
}

}  // namespace

Tensor decode_image(const ImageBytes& image, const ReadImageOptions& options) {
  constexpr std::string_view png = "\x89PNG\r\n\x1a\n", jpeg = "\xff\xd8\xff";
  Tensor pixels;
  if (image.bytes.substr(0, png.size()) == png)
    pixels = read_png(image, options.max_pixels);
  else if (image.bytes.substr(0, jpeg.size()) == jpeg)
    pixels = read_jpeg(image, options.max_pixels);
  else
    image.reject(image.bytes.empty() ? "the file is empty"
                                     : "neither a PNG nor a JPEG file, as its first bytes tell");
  if (options.mode == ImageMode::stored) return pixels;
  return with_channels(pixels, options.mode == ImageMode::grey ? 1 : 3, options.background);
}

namespace {

// (H, W) or (H, W, C) as bytes (H, W, C).
Tensor bytes_of(const Tensor& image) {
  if (!image.defined()) fail<GraphError>("the image is undefined");
  Shape shape = image.shape();
  if (shape.rank() == 2) shape.push_back(1);
  if (shape.rank() != 3 || shape[2] < 1 || shape[2] > 4)
    fail<ShapeError>("expects an image (H, W) or (H, W, C), C from 1 to 4, got " + describe(image));
  constexpr Index most = 0x7fffffff;  // of PNG
  if (shape[0] < 1 || shape[1] < 1 || shape[0] > most || shape[1] > most)
    fail<ShapeError>("expects an image of at least one pixel, got " + describe(image));
  if (image.dtype() == uint8) return image.reshape(shape);
  if (!is_floating(image.dtype()))
    fail<DTypeError>("expects uint8, float32 or float64, got " + describe(image));
  Tensor bytes = Tensor::uninitialized(shape, uint8);
  std::uint8_t* out = bytes.mutable_data<std::uint8_t>();
  xgrad::detail::dispatch_floating(image.dtype(), [&]<class T>(std::type_identity<T>) {
    for (const T value : image.span<T>()) {
      if (!(value >= 0 && value <= 1))
        fail<ValueError>("expects numbers from 0 to 1, got " + std::to_string(value),
                         "scale or clamp them first");
      *out++ = static_cast<std::uint8_t>(std::lround(static_cast<double>(value) * 255));
    }
  });
  return bytes;
}

}  // namespace
}  // namespace detail

std::string to_string(ImageMode mode) {
  return mode == ImageMode::stored ? "stored" : mode == ImageMode::grey ? "grey" : "rgb";
}
std::ostream& operator<<(std::ostream& stream, ImageMode mode) { return stream << to_string(mode); }

Tensor read_image(const std::string& path, const ReadImageOptions& options, Place place) {
  const Scope scope("read_image", place);
  if (options.max_pixels < 1)
    fail<ValueError>("max_pixels must be at least 1, got " + std::to_string(options.max_pixels));
  const io::detail::Input input(path);
  input.require_memory(input.size());
  // As the file is: an image that was gzipped is none.
  const std::string bytes = input.read_text(input.size(), 0, "the image");
  return detail::decode_image({path, bytes}, options);
}

void write_png(const std::string& path, const Tensor& image, Place place) {
  const Scope scope("write_png", place);
  const std::string bytes = detail::png_of(detail::bytes_of(image));
  io::detail::Sink sink(path);
  sink.write(bytes);
  sink.commit();
}

}  // namespace xgrad::data
