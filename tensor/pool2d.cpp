#include <xgrad/tensor/pool2d.hpp>

#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>
#include <array>

namespace xgrad::kernels {
namespace {

/// Channels that are worked on together.
constexpr Index strip = 64;

/// Calls f(first channel, number of channels) for each strip.
template <class F>
void strips(Index channels, F f) {
  for (Index c = 0; c < channels; c += strip) f(c, std::min(strip, channels - c));
}

/// Calls f(image, row) for every row of every image, on several threads when a row of `work` steps is worth
/// it.
template <class F>
void for_rows(Index images, Index rows, Index work, F f) {
  detail::parallel_for(images * rows, std::max<Index>(1, 32768 / std::max<Index>(work, 1)),
                       [&](Index begin, Index end) {
                         for (Index row = begin; row < end; ++row) f(row / rows, row % rows);
                       });
}

/// The largest of `count` neighbouring channels under the taps of one window. `image` is the first pixel's
/// first of them.
template <class T>
void largest(const T* image, const Window& h, const Window& w, Index i, Index j, Index channels, Index count,
             T* value, Index* position) {
  std::array<T, strip> best;
  std::array<Index, strip> where;
  bool first = true;
  for (Index k = h.first_tap(i); k < h.last_tap(i); ++k)
    for (Index l = w.first_tap(j); l < w.last_tap(j); ++l) {
      const Index at = h.pixel(i, k) * w.input + w.pixel(j, l);
      const T* __restrict x = image + at * channels;
      if (first) {
        std::copy_n(x, count, best.data());
        std::fill_n(where.data(), count, at);
        first = false;
        continue;
      }
      T* __restrict b = best.data();
      Index* __restrict p = where.data();
#pragma omp simd
      for (Index c = 0; c < count; ++c) {
        const bool wins = (x[c] > b[c]) | ((x[c] != x[c]) & (b[c] == b[c]));
        b[c] = wins ? x[c] : b[c];
        p[c] = wins ? at : p[c];
      }
    }
  std::copy_n(best.data(), count, value);
  std::copy_n(where.data(), count, position);
}

}  // namespace

std::pair<Tensor, Tensor> max_pool2d(const Tensor& x, const Window& h, const Window& w) {
  const Index images = x.size(0), channels = x.size(3), rows = h.output(), columns = w.output();
  return detail::dispatch_number(x.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor values = Tensor::uninitialized({images, rows, columns, channels}, x.dtype());
    Tensor positions = Tensor::uninitialized(values.shape(), int64);
    const T* from = x.data<T>();
    T* value = values.mutable_data<T>();
    Index* position = positions.mutable_data<Index>();
    for_rows(images, rows, columns * channels * h.kernel * w.kernel, [&](Index n, Index i) {
      const T* image = from + n * h.input * w.input * channels;
      for (Index j = 0; j < columns; ++j) {
        const Index to = ((n * rows + i) * columns + j) * channels;
        strips(channels, [&](Index c, Index count) {
          largest(image + c, h, w, i, j, channels, count, value + to + c, position + to + c);
        });
      }
    });
    return std::pair{std::move(values), std::move(positions)};
  });
}

Tensor avg_pool2d(const Tensor& x, const Averaging& h, const Averaging& w) {
  const Index images = x.size(0), channels = x.size(3);
  Tensor result = Tensor::uninitialized({images, h.output, w.output, channels}, x.dtype());
  detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = x.data<T>();
    T* to = result.mutable_data<T>();
    const Index work = w.output * channels * (h.end(0) - h.begin(0)) * (w.end(0) - w.begin(0));
    for_rows(images, h.output, work, [&](Index n, Index i) {
      for (Index j = 0; j < w.output; ++j) {
        const double divisor = static_cast<double>(h.divisor(i)) * static_cast<double>(w.divisor(j));
        T* y = to + ((n * h.output + i) * w.output + j) * channels;
        strips(channels, [&](Index first, Index count) {
          // Rows are summed one by one, which keeps the roundings few.
          std::array<double, strip> total{};
          for (Index k = h.begin(i); k < h.end(i); ++k) {
            std::array<double, strip> row{};
            for (Index l = w.begin(j); l < w.end(j); ++l) {
              const T* __restrict pixel = from + ((n * h.input + k) * w.input + l) * channels + first;
              double* __restrict sum = row.data();
#pragma omp simd
              for (Index c = 0; c < count; ++c) sum[c] += static_cast<double>(pixel[c]);
            }
            for (std::size_t c = 0; c < strip; ++c) total[c] += row[c];
          }
          for (Index c = 0; c < count; ++c)
            y[first + c] = static_cast<T>(total[static_cast<std::size_t>(c)] / divisor);
        });
      }
    });
  });
  return result;
}

Tensor avg_pool2d_input_gradient(const Tensor& gradient, const Averaging& h, const Averaging& w) {
  const Index images = gradient.size(0), channels = gradient.size(3);
  Tensor result = Tensor::uninitialized({images, h.input, w.input, channels}, gradient.dtype());
  detail::dispatch_floating(gradient.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = gradient.data<T>();
    T* to = result.mutable_data<T>();
    for_rows(images, h.input, w.input * channels, [&](Index n, Index row) {
      T* x = to + (n * h.input + row) * w.input * channels;
      std::fill_n(x, w.input * channels, T(0));
      for (Index i = 0; i < h.output; ++i) {
        if (row < h.begin(i) || row >= h.end(i)) continue;
        for (Index j = 0; j < w.output; ++j) {
          const T share =
              static_cast<T>(1 / (static_cast<double>(h.divisor(i)) * static_cast<double>(w.divisor(j))));
          const T* __restrict g = from + ((n * h.output + i) * w.output + j) * channels;
          for (Index l = w.begin(j); l < w.end(j); ++l) {
            T* __restrict pixel = x + l * channels;
#pragma omp simd
            for (Index c = 0; c < channels; ++c) pixel[c] += share * g[c];
          }
        }
      }
    });
  });
  return result;
}

}  // namespace xgrad::kernels
