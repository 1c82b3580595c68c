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

/// Taps of a window are numbered row by row; the numbers are as narrow as they allow.
Index tap_number(const Window& w, Index k, Index l) { return k * w.kernel + l; }

DType tap_dtype(const Window& h, const Window& w) { return h.kernel * w.kernel <= 256 ? uint8 : int64; }

template <class F>
decltype(auto) dispatch_taps(DType dtype, F&& f) {
  return dtype == uint8 ? f(std::type_identity<std::uint8_t>{}) : f(std::type_identity<Index>{});
}

/// A tap's number as wide as T where that holds them all: the same vectors choose among both.
template <class T, class Tap>
using TapNumber = std::conditional_t<sizeof(Tap) == 1 && sizeof(T) <= 4, std::int32_t, Index>;

/// Channels of one vector. Loops of this fixed length become a few instructions each.
template <class T>
constexpr Index vector_channels = 64 / Index{sizeof(T)};

/// Calls f(first channel, number of channels), the number a constant but for what is left over.
template <class T, class F>
void for_vectors(Index channels, F f) {
  constexpr Index whole = vector_channels<T>;
  Index c = 0;
  for (; c + whole <= channels; c += whole) f(c, std::integral_constant<Index, whole>{});
  if (c < channels) f(c, channels - c);
}

/// The largest of `count` neighbouring channels under the taps of one window, and the numbers of their taps.
/// `image` is the first pixel's first of them.
template <class T, class Tap, class Count>
void largest(const T* image, const Window& h, const Window& w, Index i, Index j, Index channels, Count count,
             T* __restrict value, Tap* __restrict tap) {
  using Number = TapNumber<T, Tap>;
  constexpr auto size = static_cast<std::size_t>(vector_channels<T>);
  std::array<T, size> best;
  std::array<Number, size> number;
  T* __restrict b = best.data();
  Number* __restrict p = number.data();
  const Index top = h.first_tap(i), bottom = h.last_tap(i), left = w.first_tap(j), right = w.last_tap(j);
  const T* first = image + (h.pixel(i, top) * w.input + w.pixel(j, left)) * channels;
#pragma omp simd
  for (Index c = 0; c < count; ++c) {
    b[c] = first[c];
    p[c] = static_cast<Number>(tap_number(w, top, left));
  }
  for (Index k = top; k < bottom; ++k)
    for (Index l = k == top ? left + 1 : left; l < right; ++l) {
      const T* __restrict x = image + (h.pixel(i, k) * w.input + w.pixel(j, l)) * channels;
      const auto at = static_cast<Number>(tap_number(w, k, l));
#pragma omp simd
      for (Index c = 0; c < count; ++c) {
        const bool wins = (x[c] > b[c]) | ((x[c] != x[c]) & (b[c] == b[c]));
        b[c] = wins ? x[c] : b[c];
        p[c] = wins ? at : p[c];
      }
    }
#pragma omp simd
  for (Index c = 0; c < count; ++c) {
    value[c] = b[c];
    tap[c] = static_cast<Tap>(p[c]);
  }
}

}  // namespace

std::pair<Tensor, Tensor> max_pool2d(const Tensor& x, const Window& h, const Window& w) {
  const Index images = x.size(0), channels = x.size(3), rows = h.output(), columns = w.output();
  return detail::dispatch_number(x.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor values = Tensor::uninitialized({images, rows, columns, channels}, x.dtype());
    Tensor taps = Tensor::uninitialized(values.shape(), tap_dtype(h, w));
    const T* from = x.data<T>();
    T* value = values.mutable_data<T>();
    dispatch_taps(taps.dtype(), [&]<class Tap>(std::type_identity<Tap>) {
      Tap* tap = taps.mutable_data<Tap>();
      for_rows(images, rows, columns * channels * h.kernel * w.kernel, [&](Index n, Index i) {
        const T* image = from + n * h.input * w.input * channels;
        for (Index j = 0; j < columns; ++j) {
          const Index to = ((n * rows + i) * columns + j) * channels;
          for_vectors<T>(channels, [&](Index c, auto count) {
            largest(image + c, h, w, i, j, channels, count, value + to + c, tap + to + c);
          });
        }
      });
    });
    return std::pair{std::move(values), std::move(taps)};
  });
}

Tensor max_pool2d_input_gradient(const Tensor& gradient, const Tensor& taps, const Window& h,
                                 const Window& w) {
  const Index images = taps.size(0), rows = taps.size(1), columns = taps.size(2), channels = taps.size(3);
  Tensor result = Tensor::uninitialized({images, h.input, w.input, channels}, gradient.dtype());
  detail::dispatch_floating(gradient.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = gradient.data<T>();
    T* to = result.mutable_data<T>();
    dispatch_taps(taps.dtype(), [&]<class Tap>(std::type_identity<Tap>) {
      const Tap* chosen = taps.data<Tap>();
      for_rows(images, h.input, w.input * channels, [&](Index n, Index row) {
        T* x = to + (n * h.input + row) * w.input * channels;
        std::fill_n(x, w.input * channels, T(0));
        // The windows whose tap k lies on this row.
        for (Index k = 0; k < h.kernel; ++k) {
          const Index distance = row - h.pixel(0, k), i = distance / h.stride;
          if (distance < 0 || distance % h.stride != 0 || i >= rows) continue;
          for (Index j = 0; j < columns; ++j) {
            const Index window = ((n * rows + i) * columns + j) * channels;
            const Index left = w.first_tap(j), right = w.last_tap(j);
            for (Index l = left; l < right; ++l) {
              T* pixel = x + w.pixel(j, l) * channels;
              using Number = TapNumber<T, Tap>;
              const auto number = static_cast<Number>(tap_number(w, k, l));
              for_vectors<T>(channels, [&](Index first, auto count) {
                const T* __restrict g = from + window + first;
                const Tap* __restrict tap = chosen + window + first;
                T* __restrict sum = pixel + first;
#pragma omp simd
                for (Index c = 0; c < count; ++c)
                  sum[c] += static_cast<Number>(tap[c]) == number ? g[c] : T(0);
              });
            }
          }
        }
      });
    });
  });
  return result;
}

Tensor max_pool2d_positions(const Tensor& taps, const Window& h, const Window& w) {
  const Index columns = taps.size(2), channels = taps.size(3);
  Tensor result = Tensor::uninitialized(taps.shape(), int64);
  Index* to = result.mutable_data<Index>();
  dispatch_taps(taps.dtype(), [&]<class Tap>(std::type_identity<Tap>) {
    const Tap* tap = taps.data<Tap>();
    for_rows(taps.size(0), taps.size(1), columns * channels, [&](Index n, Index i) {
      for (Index j = 0; j < columns; ++j) {
        const Index window = ((n * h.output() + i) * columns + j) * channels;
        for (Index at = window; at < window + channels; ++at) {
          const Index number = static_cast<Index>(tap[at]);
          to[at] = h.pixel(i, number / w.kernel) * w.input + w.pixel(j, number % w.kernel);
        }
      }
    });
  });
  return result;
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
