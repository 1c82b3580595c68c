// Random and other transforms of images.
#include <xgrad/data/transforms.hpp>

#include <xgrad/data/image_view.hpp>
#include <xgrad/tensor/random.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <utility>

namespace xgrad::data {
namespace {

double draw() { return uniform({}, 0, 1, float64).item(); }
// One of 0 ... count - 1.
Index draw_below(Index count) { return randint({}, 0, count).item<Index>(); }

void check_probability(double p) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>("p must be from 0 to 1, got " + std::to_string(p));
}

void check_fill(double fill) {
  if (!std::isfinite(fill)) fail<ValueError>("fill must be finite, got " + std::to_string(fill));
}

// The image of whose pixels (row, column) is that at source(row, column).
template <class Source>
Tensor moved(const Tensor& image, const detail::ImageSize& size, Source source) {
  Tensor result = Tensor::uninitialized_like(image);
  const auto pixel = static_cast<std::size_t>(size.channels * element_size(image.dtype()));
  if (result.count() == 0) return result;
  const std::byte* in = image.raw();
  std::byte* out = result.mutable_raw();
  for (Index row = 0; row < size.height; ++row)
    for (Index column = 0; column < size.width; ++column) {
      std::memcpy(out, in + static_cast<std::size_t>(source(row, column)) * pixel, pixel);
      out += pixel;
    }
  return result;
}

// A piece whose corner is at (top, left), which may be outside.
template <class T>
Tensor piece(const Tensor& image, const detail::ImageSize& size, Index top, Index left, Index height,
             Index width, double fill) {
  Tensor result = Tensor::uninitialized(size.shape(height, width), image.dtype());
  const T* in = image.data<T>();
  T* out = result.mutable_data<T>();
  const T outside = detail::to_pixel<T>(fill);
  for (Index row = top; row < top + height; ++row)
    for (Index column = left; column < left + width; ++column) {
      const bool inside = row >= 0 && row < size.height && column >= 0 && column < size.width;
      for (Index c = 0; c < size.channels; ++c)
        *out++ = inside ? in[(row * size.width + column) * size.channels + c] : outside;
    }
  return result;
}

struct Rectangle {
  Index top = 0, left = 0, height = 0, width = 0;
};

Rectangle draw_rectangle(const detail::ImageSize& size, const EraseOptions& options) {
  const double pixels = static_cast<double>(size.height) * static_cast<double>(size.width);
  for (int attempt = 0; attempt < 100; ++attempt) {
    const double area = pixels * (options.least_area + (options.most_area - options.least_area) * draw());
    const double aspect = options.aspect + (1 / options.aspect - options.aspect) * draw();
    const auto height = static_cast<Index>(std::sqrt(area * aspect));
    const auto width = static_cast<Index>(std::sqrt(area / aspect));
    if (height < 1 || width < 1 || height > size.height || width > size.width) continue;
    const Index top = draw_below(size.height - height + 1);
    return {top, draw_below(size.width - width + 1), height, width};
  }
  return {};
}

template <class T>
Tensor erased(const Tensor& image, const detail::ImageSize& size, const Rectangle& at,
              const EraseOptions& options) {
  Tensor result = image;
  T* out = result.mutable_data<T>();
  const Index values = at.height * at.width * size.channels;
  const Tensor noise = options.noise ? uniform({values}, 0, 1, float64) : Tensor();
  const double* next = options.noise ? noise.data<double>() : nullptr;
  for (Index row = at.top; row < at.top + at.height; ++row)
    for (Index column = at.left; column < at.left + at.width; ++column)
      for (Index c = 0; c < size.channels; ++c) {
        double value = options.fill;
        if (next != nullptr) value = std::is_same_v<T, std::uint8_t> ? std::floor(*next++ * 256) : *next++;
        out[(row * size.width + column) * size.channels + c] = detail::to_pixel<T>(value);
      }
  return result;
}

template <class T, class Out>
Tensor normalized(const Tensor& image, const std::vector<double>& means,
                  const std::vector<double>& deviations) {
  Tensor result = Tensor::uninitialized_like(image, dtype_of<Out>);
  const T* in = image.data<T>();
  Out* out = result.mutable_data<Out>();
  constexpr double unit = std::is_same_v<T, std::uint8_t> ? 255.0 : 1.0;
  for (Index i = 0; i < image.count();)
    for (std::size_t c = 0; c < means.size(); ++c, ++i)
      out[i] = static_cast<Out>((static_cast<double>(in[i]) / unit - means[c]) / deviations[c]);
  return result;
}

template <class T>
Tensor grey(const Tensor& image, const detail::ImageSize& size) {
  Tensor result = Tensor::uninitialized({size.height, size.width, 1}, image.dtype());
  const T* in = image.data<T>();
  T* out = result.mutable_data<T>();
  for (Index i = 0; i < result.count(); ++i, in += 3)
    out[i] = detail::to_pixel<T>(0.299 * static_cast<double>(in[0]) + 0.587 * static_cast<double>(in[1]) +
                                 0.114 * static_cast<double>(in[2]));
  return result;
}

}  // namespace

Transform compose(std::vector<Transform> transforms) {
  return [transforms = std::move(transforms)](const Tensor& image) {
    Tensor result = image;
    for (const Transform& transform : transforms) result = transform(result);
    return result;
  };
}

Transform horizontal_flip(double p, Place place) {
  const Scope scope("horizontal_flip", place);
  check_probability(p);
  return [=](const Tensor& image) {
    const Scope called("horizontal_flip", place);
    const detail::ImageSize size = detail::size_of(image);
    if (draw() >= p) return image;
    return moved(image, size,
                 [&](Index row, Index column) { return row * size.width + size.width - 1 - column; });
  };
}

Transform vertical_flip(double p, Place place) {
  const Scope scope("vertical_flip", place);
  check_probability(p);
  return [=](const Tensor& image) {
    const Scope called("vertical_flip", place);
    const detail::ImageSize size = detail::size_of(image);
    if (draw() >= p) return image;
    return moved(image, size,
                 [&](Index row, Index column) { return (size.height - 1 - row) * size.width + column; });
  };
}

Transform random_crop(Index height, Index width, const CropOptions& options, Place place) {
  const Scope scope("random_crop", place);
  if (height < 1 || width < 1)
    fail<ValueError>("height and width must be at least 1, got " + std::to_string(height) + " and " +
                     std::to_string(width));
  if (options.padding < 0)
    fail<ValueError>("padding must be at least 0, got " + std::to_string(options.padding));
  if (options.padding > (Index{1} << 31))
    fail<ValueError>("padding must be at most 2^31, got " + std::to_string(options.padding));
  check_fill(options.fill);
  return [=](const Tensor& image) {
    const Scope called("random_crop", place);
    const detail::ImageSize size = detail::size_of(image);
    const Index rows = size.height + 2 * options.padding - height + 1;
    const Index columns = size.width + 2 * options.padding - width + 1;
    if (rows < 1 || columns < 1)
      fail<ShapeError>("a piece of (" + std::to_string(height) + ", " + std::to_string(width) +
                       ") does not fit " + describe(image) + " with " + std::to_string(options.padding) +
                       " of padding");
    const Index top = draw_below(rows) - options.padding;
    const Index left = draw_below(columns) - options.padding;
    return detail::with_pixels(
        image, [&]<class T>(T) { return piece<T>(image, size, top, left, height, width, options.fill); });
  };
}

Transform random_rotation(double degrees, double fill, Place place) {
  const Scope scope("random_rotation", place);
  if (!std::isfinite(degrees) || degrees < 0)
    fail<ValueError>("degrees must be finite and at least 0, got " + std::to_string(degrees));
  check_fill(fill);
  return [=](const Tensor& image) { return rotate_image(image, (2 * draw() - 1) * degrees, fill, place); };
}

Transform random_erase(const EraseOptions& options, Place place) {
  const Scope scope("random_erase", place);
  check_probability(options.p);
  check_fill(options.fill);
  if (!(options.least_area > 0 && options.least_area <= options.most_area && options.most_area < 1))
    fail<ValueError>("expects 0 < least_area <= most_area < 1, got " + std::to_string(options.least_area) +
                     " and " + std::to_string(options.most_area));
  if (!(options.aspect > 0 && options.aspect <= 1))
    fail<ValueError>("aspect must be above 0 and at most 1, got " + std::to_string(options.aspect));
  // Rectangles whose one side is so much longer than the other fit into no image.
  if (options.aspect < 0.001) {
    std::ostringstream text;
    text << "aspect must be at least 0.001, got " << options.aspect;
    fail<ValueError>(text.str());
  }
  return [=](const Tensor& image) {
    const Scope called("random_erase", place);
    const detail::ImageSize size = detail::size_of(image);
    if (draw() >= options.p) return image;
    const Rectangle at = draw_rectangle(size, options);
    if (at.height == 0) return image;
    return detail::with_pixels(image, [&]<class T>(T) { return erased<T>(image, size, at, options); });
  };
}

Transform normalize_channels(std::vector<double> means, std::vector<double> deviations, Place place) {
  const Scope scope("normalize_channels", place);
  if (means.empty() || means.size() != deviations.size())
    fail<ValueError>("expects equally many means and deviations, at least one, got " +
                     std::to_string(means.size()) + " and " + std::to_string(deviations.size()));
  for (std::size_t c = 0; c < means.size(); ++c)
    if (!std::isfinite(means[c]) || !std::isfinite(deviations[c]) || !(deviations[c] > 0))
      fail<ValueError>("expects a finite mean and a finite deviation > 0, got " + std::to_string(means[c]) +
                       " and " + std::to_string(deviations[c]) + " for channel " + std::to_string(c));
  return [means = std::move(means), deviations = std::move(deviations), place](const Tensor& image) {
    const Scope called("normalize_channels", place);
    const detail::ImageSize size = detail::size_of(image);
    if (size.channels != static_cast<Index>(means.size()))
      fail<ShapeError>("has " + std::to_string(means.size()) + " means, got " + describe(image));
    return detail::with_pixels(image, [&]<class T>(T) {
      return normalized<T, std::conditional_t<std::is_same_v<T, double>, double, float>>(image, means,
                                                                                         deviations);
    });
  };
}

Transform grayscale() {
  return [](const Tensor& image) {
    const Scope called("grayscale", {});
    const detail::ImageSize size = detail::size_of(image);
    if (!size.has_channels || size.channels != 3)
      fail<ShapeError>("expects an image (H, W, 3), got " + describe(image));
    return detail::with_pixels(image, [&]<class T>(T) { return grey<T>(image, size); });
  };
}

}  // namespace xgrad::data
