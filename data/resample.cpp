// Images at other sizes and angles.
#include <xgrad/data/transforms.hpp>

#include <xgrad/data/image_view.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string>
#include <vector>

namespace xgrad::data {
namespace {

// What one new pixel takes, along one axis: neighbours from `first` on.
struct Taps {
  Index first = 0;
  std::vector<double> weights;
};

Taps area_taps(Index i, Index from, Index to) {
  const Index begin = i * from / to, end = ((i + 1) * from + to - 1) / to;
  const auto count = static_cast<std::size_t>(end - begin);
  return {begin, std::vector<double>(count, 1 / static_cast<double>(count))};
}

Taps bilinear_taps(Index i, Index from, Index to, bool antialias) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  const double centre = (static_cast<double>(i) + 0.5) * step;  // pixel k has its own at k + 0.5
  if (antialias && step > 1) {
    const auto begin = std::max<Index>(static_cast<Index>(std::floor(centre - step + 0.5)), 0);
    const auto end = std::min<Index>(static_cast<Index>(std::floor(centre + step + 0.5)), from);
    Taps taps{begin, {}};
    double sum = 0;
    for (Index k = begin; k < end; ++k) {
      const double distance = std::abs(static_cast<double>(k) + 0.5 - centre) / step;
      taps.weights.push_back(std::max(0.0, 1 - distance));
      sum += taps.weights.back();
    }
    for (double& weight : taps.weights) weight /= sum;
    return taps;
  }
  const double at = std::max(centre - 0.5, 0.0);
  const auto first = std::min(static_cast<Index>(at), from - 1);
  const double part = at - static_cast<double>(first);
  if (first + 1 >= from) return {first, {1.0}};
  return {first, {1 - part, part}};
}

std::vector<Taps> all_taps(Index from, Index to, const ResizeOptions& options) {
  std::vector<Taps> taps;
  for (Index i = 0; i < to; ++i)
    taps.push_back(options.interpolation == Interpolation::area
                       ? area_taps(i, from, to)
                       : bilinear_taps(i, from, to, options.antialias));
  return taps;
}

void check(Index height, Index width, const ResizeOptions& options) {
  if (height < 1 || width < 1)
    fail<ValueError>("height and width must be at least 1, got " + std::to_string(height) + " and " +
                     std::to_string(width));
  if (options.antialias && options.interpolation == Interpolation::area)
    fail<ValueError>("antialias is for bilinear interpolation", "area takes all pixels anyway");
}

// Rows first, then columns; sums in double precision, rounded once.
template <class T>
Tensor resized(const Tensor& image, const detail::ImageSize& size, Index height, Index width,
               const ResizeOptions& options) {
  // First, since it throws on sizes that are not possible.
  Tensor result = Tensor::uninitialized(size.shape(height, width), image.dtype());
  const auto rows = all_taps(size.height, height, options), columns = all_taps(size.width, width, options);
  const T* in = image.data<T>();
  T* out = result.mutable_data<T>();
  const Index stride = size.width * size.channels;
  std::vector<double> line(static_cast<std::size_t>(stride));
  for (const Taps& row : rows) {
    std::fill(line.begin(), line.end(), 0.0);
    for (std::size_t k = 0; k < row.weights.size(); ++k) {
      const T* source = in + (row.first + static_cast<Index>(k)) * stride;
      for (std::size_t i = 0; i < line.size(); ++i)
        line[i] += row.weights[k] * static_cast<double>(source[i]);
    }
    for (const Taps& column : columns)
      for (Index c = 0; c < size.channels; ++c) {
        double sum = 0;
        const double* source = line.data() + column.first * size.channels + c;
        for (const double weight : column.weights) {
          sum += weight * *source;
          source += size.channels;
        }
        *out++ = detail::to_pixel<T>(sum);
      }
  }
  return result;
}

template <class T>
Tensor rotated(const Tensor& image, const detail::ImageSize& size, double degrees, double fill) {
  const double angle = degrees * std::numbers::pi / 180, cosine = std::cos(angle), sine = std::sin(angle);
  const double y0 = static_cast<double>(size.height - 1) / 2, x0 = static_cast<double>(size.width - 1) / 2;
  Tensor result = Tensor::uninitialized_like(image);
  const T* in = image.data<T>();
  T* out = result.mutable_data<T>();
  for (Index row = 0; row < size.height; ++row)
    for (Index column = 0; column < size.width; ++column) {
      // Turned back: rows go downwards.
      const double dy = static_cast<double>(row) - y0, dx = static_cast<double>(column) - x0;
      const double y = y0 + sine * dx + cosine * dy, x = x0 + cosine * dx - sine * dy;
      const double top = std::floor(y), left = std::floor(x);
      const double part_y = y - top, part_x = x - left;
      for (Index c = 0; c < size.channels; ++c) {
        const auto pixel = [&](double at_y, double at_x) {
          if (at_y < 0 || at_x < 0 || at_y >= static_cast<double>(size.height) ||
              at_x >= static_cast<double>(size.width))
            return fill;
          const Index at = static_cast<Index>(at_y) * size.width + static_cast<Index>(at_x);
          return static_cast<double>(in[at * size.channels + c]);
        };
        // A neighbour of weight 0 is not looked at: it may be NaN, or outside.
        const auto mix = [](double part, auto first, auto second) {
          if (part == 0) return first();
          return (1 - part) * first() + part * second();
        };
        const auto line = [&](double at_y) {
          return mix(
              part_x, [&] { return pixel(at_y, left); }, [&] { return pixel(at_y, left + 1); });
        };
        *out++ = detail::to_pixel<T>(mix(
            part_y, [&] { return line(top); }, [&] { return line(top + 1); }));
      }
    }
  return result;
}

}  // namespace

Tensor resize_image(const Tensor& image, Index height, Index width, const ResizeOptions& options,
                    Place place) {
  const Scope scope("resize_image", place);
  check(height, width, options);
  const detail::ImageSize size = detail::size_of(image);
  if (size.height == 0 || size.width == 0)
    fail<ShapeError>("expects an image with pixels, got " + describe(image));
  if (size.height == height && size.width == width) return image;
  return detail::with_pixels(image,
                             [&]<class T>(T) { return resized<T>(image, size, height, width, options); });
}

Transform resize(Index height, Index width, const ResizeOptions& options, Place place) {
  const Scope scope("resize", place);
  check(height, width, options);
  return [=](const Tensor& image) { return resize_image(image, height, width, options, place); };
}

Tensor rotate_image(const Tensor& image, double degrees, double fill, Place place) {
  const Scope scope("rotate_image", place);
  if (!std::isfinite(degrees) || !std::isfinite(fill))
    fail<ValueError>("expects a finite angle and fill, got " + std::to_string(degrees) + " and " +
                     std::to_string(fill));
  const detail::ImageSize size = detail::size_of(image);
  return detail::with_pixels(image, [&]<class T>(T) { return rotated<T>(image, size, degrees, fill); });
}

}  // namespace xgrad::data
