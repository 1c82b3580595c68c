#include <xgrad/kernels/pooling.hpp>

#include <xgrad/kernels/fold.hpp>
#include <xgrad/tensor/dispatch.hpp>

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
  detail::parallel_for(images * rows, detail::grain_of(work), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) f(row / rows, row % rows);
  });
}

/// Taps of a window are numbered row by row; the numbers are as narrow as they allow.
DType tap_dtype(const Window& h, const Window& w) { return h.kernel * w.kernel <= 256 ? uint8 : int64; }

template <class F>
decltype(auto) dispatch_taps(DType dtype, F&& f) {
  return dtype == uint8 ? f(std::type_identity<std::uint8_t>{}) : f(std::type_identity<Index>{});
}

/// From the pixel under the first tap of a window, padding or not, to that under a tap of given number.
template <class Tap>
class TapOffset {
 public:
  TapOffset(const Window& h, const Window& w)
      : columns_(w.kernel), down_(h.dilation * w.input), across_(w.dilation) {
    if constexpr (tabled)
      for (Index tap = 0; tap < h.kernel * w.kernel; ++tap) table_[static_cast<std::size_t>(tap)] = at(tap);
  }
  Index operator()(Tap tap) const {
    if constexpr (tabled) return table_[tap];
    return at(static_cast<Index>(tap));
  }

 private:
  static constexpr bool tabled = sizeof(Tap) == 1;
  Index at(Index tap) const { return tap / columns_ * down_ + tap % columns_ * across_; }

  Index columns_, down_, across_;
  std::array<Index, tabled ? 256 : 0> table_;
};

/// The taps of one window that lie on pixels: where the first stands in its image, how far it is to the next,
/// and how they are numbered.
struct Taps {
  Taps(const Window& h, const Window& w, Index i, Index j, Index channels)
      : rows(h.last_tap(i) - h.first_tap(i)),
        columns(w.last_tap(j) - w.first_tap(j)),
        first((h.pixel(i, h.first_tap(i)) * w.input + w.pixel(j, w.first_tap(j))) * channels),
        down(h.dilation * w.input * channels),
        across(w.dilation * channels),
        number(h.first_tap(i) * w.kernel + w.first_tap(j)),
        numbers_down(w.kernel) {}
  Index rows, columns, first, down, across, number, numbers_down;
};

/// Where x takes the place of the best before it.
template <class V>
auto beats(const V& x, const V& best) {
  if constexpr (std::is_arithmetic_v<V>)
    return x > best || (x != x && best == best);
  else
    return (x > best) | (xsimd::isnan(x) & (best == best));
}

template <class V>
V choose(bool first, V a, V b) {
  return first ? a : b;
}
template <class V>
V choose(const typename V::batch_bool_type& first, const V& a, const V& b) {
  return xsimd::select(first, a, b);
}

/// The number of a tap as N holds it.
template <class N>
N numbered(Index tap) {
  if constexpr (std::is_arithmetic_v<N>)
    return static_cast<N>(tap);
  else
    return N(static_cast<typename N::value_type>(tap));
}

/// The largest of neighbouring channels under the taps of a window, and the numbers of their taps. V is a
/// vector of channels or one alone, N as many numbers; `x` is the first of them under the first tap.
template <class V, class N, class T>
std::pair<V, N> largest(const T* x, const Taps& taps) {
  using detail::load_as;
  V best = load_as<V>(x);
  N number = numbered<N>(taps.number);
  for (Index k = 0; k < taps.rows; ++k)
    for (Index l = 0; l < taps.columns; ++l) {
      const V pixel = load_as<V>(x + k * taps.down + l * taps.across);
      const auto wins = beats(pixel, best);
      best = choose(wins, pixel, best);
      number = choose(wins, numbered<N>(taps.number + k * taps.numbers_down + l), number);
    }
  return {best, number};
}

/// The same for all channels, to memory.
template <class T, class Tap>
void largest(const T* x, const Taps& taps, Index channels, T* __restrict value, Tap* __restrict tap) {
  Index c = 0;
  // Numbers of one byte are exact in a vector of T too: one mask chooses values and numbers.
  if constexpr (std::is_floating_point_v<T> && sizeof(Tap) == 1) {
    using V = detail::Simd<T>;
    constexpr Index width = V::size;
    for (; c < channels && channels >= width; c += width) {
      c = std::min(c, channels - width);  // the last vector may repeat a part of the one before
      const auto [best, number] = largest<V, V>(x + c, taps);
      best.store_unaligned(value + c);
      std::array<T, V::size> numbers;
      number.store_unaligned(numbers.data());
#pragma omp simd
      for (std::size_t i = 0; i < V::size; ++i) tap[c + static_cast<Index>(i)] = static_cast<Tap>(numbers[i]);
    }
  }
  for (; c < channels; ++c) std::tie(value[c], tap[c]) = largest<T, Tap>(x + c, taps);
}

/// Whether every pixel lies in exactly one window.
bool tiles(const Window& w) {
  return w.dilation == 1 && w.stride == w.kernel && w.before == 0 && w.output() * w.kernel == w.input;
}

/// max_pool2d_input_gradient of windows that tile the images, without clearing them first: each pixel has its
/// window's gradient or zero.
template <class T, class Tap>
void spread_over_tiles(const T* gradient, const Tap* chosen, Index images, Index channels, const Window& h,
                       const Window& w, T* x) {
  const Index rows = h.output(), columns = w.output();
  for_rows(images, rows, w.input * channels * h.kernel, [&](Index n, Index i) {
    T* __restrict to = x + (n * rows + i) * h.kernel * w.input * channels;
    for (Index k = 0; k < h.kernel; ++k)
      for (Index j = 0; j < columns; ++j)
        for (Index l = 0; l < w.kernel; ++l, to += channels) {
          const Index window = ((n * rows + i) * columns + j) * channels;
          const T* from = gradient + window;
          const Tap *taps = chosen + window, number = static_cast<Tap>(k * w.kernel + l);
          for (Index c = 0; c < channels; ++c) to[c] = taps[c] == number ? from[c] : T(0);
        }
  });
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
        Index to = (n * rows + i) * columns * channels;
        for (Index j = 0; j < columns; ++j, to += channels) {
          const Taps window(h, w, i, j, channels);
          largest(image + window.first, window, channels, value + to, tap + to);
        }
      });
    });
    return std::pair{std::move(values), std::move(taps)};
  });
}

Tensor max_pool2d_input_gradient(const Tensor& gradient, const Tensor& taps, const Window& h,
                                 const Window& w) {
  const Index images = taps.size(0), rows = taps.size(1), columns = taps.size(2), channels = taps.size(3);
  const Index row = w.input * channels, image = h.input * row;
  Tensor result = Tensor::uninitialized({images, h.input, w.input, channels}, gradient.dtype());
  detail::dispatch_floating(gradient.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = gradient.data<T>();
    T* to = result.mutable_data<T>();
    dispatch_taps(taps.dtype(), [&]<class Tap>(std::type_identity<Tap>) {
      const Tap* chosen = taps.data<Tap>();
      if (tiles(h) && tiles(w)) return spread_over_tiles(from, chosen, images, channels, h, w, to);
      const TapOffset<Tap> offset(h, w);
      detail::parallel_for(images, detail::grain_of(image), [&](Index begin, Index end) {
        for (Index n = begin; n < end; ++n) {
          T* x = to + n * image;
          Index window = n * rows * columns * channels, cleared = 0;
          // Rows are cleared when the first window reaches them, and are in cache when its gradient comes.
          const auto clear = [&](Index last) {
            if (last > cleared) std::fill_n(x + cleared * row, (last - cleared) * row, T(0));
            cleared = std::max(cleared, last);
          };
          for (Index i = 0; i < rows; ++i) {
            clear(std::min(h.input, h.pixel(i, h.kernel - 1) + 1));
            for (Index j = 0; j < columns; ++j, window += channels) {
              const Index first = h.pixel(i, 0) * w.input + w.pixel(j, 0);
              for (Index c = 0; c < channels; ++c)
                x[(first + offset(chosen[window + c])) * channels + c] += from[window + c];
            }
          }
          clear(h.input);
        }
      });
    });
  });
  return result;
}

Tensor max_pool2d_positions(const Tensor& taps, const Window& h, const Window& w) {
  const Index rows = taps.size(1), columns = taps.size(2), channels = taps.size(3);
  Tensor result = Tensor::uninitialized(taps.shape(), int64);
  Index* to = result.mutable_data<Index>();
  dispatch_taps(taps.dtype(), [&]<class Tap>(std::type_identity<Tap>) {
    const Tap* tap = taps.data<Tap>();
    const TapOffset<Tap> offset(h, w);
    for_rows(taps.size(0), rows, columns * channels, [&](Index n, Index i) {
      Index at = (n * rows + i) * columns * channels;
      for (Index j = 0; j < columns; ++j) {
        const Index first = h.pixel(i, 0) * w.input + w.pixel(j, 0);
        for (Index c = 0; c < channels; ++c, ++at) to[at] = first + offset(tap[at]);
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
      // The windows over a row are neighbours, since their beginnings and ends ascend: the first by
      // bisection.
      Index first = 0;
      for (Index step = h.output; step > 0; step /= 2)
        while (first + step <= h.output && h.end(first + step - 1) <= row) first += step;
      for (Index i = first; i < h.output && h.begin(i) <= row; ++i) {
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
