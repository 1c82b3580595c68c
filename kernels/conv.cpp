// Where the backend has no convolution of its own, products of matrices with the windows as rows.
// Invariant: the results of these do not depend on the number of threads beyond what the products make of
// it: blocks depend on the sizes alone, and each pixel's contributions are added in one order.
#include <xgrad/kernels/conv.hpp>

#include <xgrad/backend/convolution.hpp>
#include <xgrad/backend/products.hpp>
#include <xgrad/kernels/strided.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>

namespace xgrad::kernels {
namespace {

using backend::Pass;

/// One matrix for each group, with a row for every position of a window: the values under its taps.
template <class T>
struct Columns {
  T* data;
  Index stride;  // from row to row
  Index step;    // from group to group
};

/// A convolution as products of matrices: what they have in common. A line is one row of positions in one
/// image.
struct Lowering {
  explicit Lowering(const Convolution& convolution) : sizes(convolution) {
    // About a megabyte at a time: enough rows for the product, few enough for the cache.
    constexpr Index elements = 1 << 18;
    lines_at_once = std::max<Index>(1, pointwise() ? lines : elements / (positions * groups_taps()));
    lines_at_once = std::min(lines_at_once, std::max<Index>(1, lines));
  }

  /// The windows are the pixels: x itself holds their rows.
  bool pointwise() const { return sizes.height.trivial() && sizes.width.trivial(); }
  Index groups_taps() const { return std::max<Index>(1, taps * sizes.groups); }

  /// Calls f(first line, last line) for each block.
  template <class F>
  void blocks(F f) const {
    for (Index line = 0; line < lines; line += lines_at_once) f(line, std::min(lines, line + lines_at_once));
  }
  /// Room for the rows of a block.
  Tensor buffer(DType dtype) const {
    return Tensor::uninitialized({lines_at_once * positions * sizes.groups * taps}, dtype);
  }
  template <class T>
  Columns<T> columns(T* data, Index rows) const {
    if (pointwise()) return {data, sizes.in, channels};
    return {data, taps, rows * taps};
  }

  const Convolution& sizes;
  Index channels = sizes.in / sizes.groups;   // of one group of x
  Index features = sizes.out / sizes.groups;  // of one group of y
  Index positions = sizes.width.output();     // of one line
  Index lines = sizes.batch * sizes.height.output();
  Index taps = sizes.height.kernel * sizes.width.kernel * channels;
  Index lines_at_once = 1;
};

/// Calls f(column, pixel, count) for the taps of one row of the window that lie on pixels: `count` values
/// from that column on belong to x from that pixel of the row on. Neighbours in both are one call.
template <class F>
void for_taps(const Lowering& lowering, Index j, F f) {
  const Window& w = lowering.sizes.width;
  const Index first = w.first_tap(j), last = w.last_tap(j);
  if (w.dilation == 1 && lowering.sizes.groups == 1) {
    if (first < last) f(first * lowering.channels, w.pixel(j, first), (last - first) * lowering.channels);
    return;
  }
  for (Index l = first; l < last; ++l) f(l * lowering.channels, w.pixel(j, l), lowering.channels);
}

/// Writes the rows of lines [first, last).
template <class T>
void gather(const Lowering& lowering, const T* x, Index first, Index last, T* columns) {
  const Window &h = lowering.sizes.height, &w = lowering.sizes.width;
  const Index in = lowering.sizes.in, across = w.kernel * lowering.channels,
              rows = (last - first) * lowering.positions;
  const Index grain = detail::grain_of(2 * lowering.groups_taps());
  detail::parallel_for(rows * lowering.sizes.groups, grain, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const Index group = row / rows, position = row % rows, line = first + position / lowering.positions;
      const Index n = line / h.output(), i = line % h.output(), j = position % lowering.positions;
      T* to = columns + row * lowering.taps;
      for (Index k = 0; k < h.kernel; ++k, to += across) {
        const Index pixel = h.pixel(i, k);
        if (pixel < 0 || pixel >= h.input) {
          std::fill_n(to, across, T(0));
          continue;
        }
        const T* from = x + (n * h.input + pixel) * w.input * in + group * lowering.channels;
        if (w.first_tap(j) > 0 || w.last_tap(j) < w.kernel) std::fill_n(to, across, T(0));
        for_taps(lowering, j, [&](Index column, Index at, Index count) {
          std::copy_n(from + at * in, count, to + column);
        });
      }
    }
  });
}

/// Adds the rows of lines [first, last) to the pixels they came from: the adjoint of gather. Threads part the
/// rows of pixels.
template <class T>
void scatter(const Lowering& lowering, const T* columns, Index first, Index last, T* x) {
  const Window &h = lowering.sizes.height, &w = lowering.sizes.width;
  const Index in = lowering.sizes.in, across = w.kernel * lowering.channels,
              rows = (last - first) * lowering.positions;
  const Index image = first / h.output(), images = (last - 1) / h.output() + 1 - image;
  const Index work = lowering.positions * lowering.groups_taps() / h.stride;
  detail::parallel_for(images * h.input, detail::grain_of(2 * work), [&](Index begin, Index end) {
    for (Index row = image * h.input + begin; row < image * h.input + end; ++row) {
      const Index n = row / h.input, pixel = row % h.input;
      for (Index k = 0; k < h.kernel; ++k) {
        const Index distance = pixel - h.pixel(0, k), i = distance / h.stride, line = n * h.output() + i;
        if (distance < 0 || distance % h.stride != 0 || i >= h.output() || line < first || line >= last)
          continue;
        for (Index group = 0; group < lowering.sizes.groups; ++group)
          for (Index j = 0; j < lowering.positions; ++j) {
            const T* from = columns +
                            (group * rows + (line - first) * lowering.positions + j) * lowering.taps +
                            k * across;
            for_taps(lowering, j, [&](Index column, Index at, Index count) {
              const T* __restrict source = from + column;
              T* __restrict to = x + (row * w.input + at) * in + group * lowering.channels;
              for (Index c = 0; c < count; ++c) to[c] += source[c];
            });
          }
      }
    }
  });
}

/// The sizes of one group's product, for the caller to set the matrices.
template <class T>
backend::Product<T> product(const Lowering& lowering) {
  return {.transpose_a = false,
          .transpose_b = false,
          .rows = 0,
          .columns = 0,
          .inner = 0,
          .a = nullptr,
          .lda = 0,
          .b = nullptr,
          .ldb = 0,
          .beta = T(0),
          .c = nullptr,
          .ldc = 0,
          .batch = lowering.sizes.groups};
}

template <class T>
void forward(const Convolution& sizes, const T* x, const T* weight, const T* bias, T* y) {
  const Lowering lowering(sizes);
  Tensor buffer = lowering.pointwise() ? Tensor() : lowering.buffer(dtype_of<T>);
  lowering.blocks([&](Index first, Index last) {
    const Index rows = (last - first) * lowering.positions;
    T* out = y + first * lowering.positions * sizes.out;
    if (bias != nullptr)
      for (Index row = 0; row < rows; ++row) std::copy_n(bias, sizes.out, out + row * sizes.out);
    if (!lowering.pointwise()) gather(lowering, x, first, last, buffer.mutable_data<T>());
    const auto columns = lowering.columns(lowering.pointwise() ? x : buffer.data<T>(), rows);
    auto p = product<T>(lowering);
    p.transpose_b = true;
    p.rows = rows;
    p.columns = lowering.features;
    p.inner = lowering.taps;
    p.a = columns.data;
    p.lda = columns.stride;
    p.step_a = columns.step;
    p.b = weight;
    p.ldb = lowering.taps;
    p.step_b = lowering.features * lowering.taps;
    p.beta = bias != nullptr ? T(1) : T(0);
    p.c = out;
    p.ldc = sizes.out;
    p.step_c = lowering.features;
    backend::multiply(p);
  });
}

template <class T>
void input_gradient(const Convolution& sizes, const T* gradient, const T* weight, T* x) {
  const Lowering lowering(sizes);
  Tensor buffer = lowering.pointwise() ? Tensor() : lowering.buffer(dtype_of<T>);
  if (!lowering.pointwise()) std::fill_n(x, sizes.x().count(), T(0));
  lowering.blocks([&](Index first, Index last) {
    const Index rows = (last - first) * lowering.positions;
    const auto columns = lowering.columns(lowering.pointwise() ? x : buffer.mutable_data<T>(), rows);
    auto p = product<T>(lowering);
    p.rows = rows;
    p.columns = lowering.taps;
    p.inner = lowering.features;
    p.a = gradient + first * lowering.positions * sizes.out;
    p.lda = sizes.out;
    p.step_a = lowering.features;
    p.b = weight;
    p.ldb = lowering.taps;
    p.step_b = lowering.features * lowering.taps;
    p.c = columns.data;
    p.ldc = columns.stride;
    p.step_c = columns.step;
    backend::multiply(p);
    if (!lowering.pointwise()) scatter<T>(lowering, columns.data, first, last, x);
  });
}

template <class T>
void weight_gradient(const Convolution& sizes, const T* gradient, const T* x, T* weight) {
  const Lowering lowering(sizes);
  Tensor buffer = lowering.pointwise() ? Tensor() : lowering.buffer(dtype_of<T>);
  if (lowering.lines == 0) std::fill_n(weight, sizes.weight().count(), T(0));
  lowering.blocks([&](Index first, Index last) {
    const Index rows = (last - first) * lowering.positions;
    if (!lowering.pointwise()) gather(lowering, x, first, last, buffer.mutable_data<T>());
    const auto columns = lowering.columns(lowering.pointwise() ? x : buffer.data<T>(), rows);
    auto p = product<T>(lowering);
    p.transpose_a = true;
    p.rows = lowering.features;
    p.columns = lowering.taps;
    p.inner = rows;
    p.a = gradient + first * lowering.positions * sizes.out;
    p.lda = sizes.out;
    p.step_a = lowering.features;
    p.b = columns.data;
    p.ldb = columns.stride;
    p.step_b = columns.step;
    p.beta = first > 0 ? T(1) : T(0);
    p.c = weight;
    p.ldc = lowering.taps;
    p.step_c = lowering.features * lowering.taps;
    backend::multiply(p);
  });
}

/// Where windows move by single pixels, the adjoint in x is itself a convolution: of y's gradient, with the
/// weight mirrored and its channels exchanged.
Convolution mirrored(const Convolution& c) {
  const auto axis = [](const Window& w) {
    const Index reach = w.extent() - 1;
    return Window{.input = w.output(),
                  .kernel = w.kernel,
                  .before = reach - w.before,
                  .after = reach - w.after,
                  .dilation = w.dilation};
  };
  return {c.batch, axis(c.height), axis(c.width), c.out, c.in, 1};
}

Tensor mirrored(const Tensor& weight) {
  const Index out = weight.size(0), height = weight.size(1), width = weight.size(2), in = weight.size(3);
  return copy(weight, {.offset = (height * width - 1) * in,
                       .shape = {in, height, width, out},
                       .strides = {1, -width * in, -in, height * width * in}});
}

/// The adjoint in x by the backend, where it can.
template <class T>
bool convolve_back(const Convolution& sizes, const Tensor& gradient, const Tensor& weight, T* x) {
  constexpr const T* no_bias = nullptr;
  if (backend::prefers_mirrored(sizes, weight.dtype())) {
    const Tensor flipped = mirrored(weight);
    if (backend::convolve(Pass::forward, mirrored(sizes), gradient.data<T>(), flipped.data<T>(), no_bias, x))
      return true;
  }
  return backend::convolve(Pass::input_gradient, sizes, gradient.data<T>(), weight.data<T>(), no_bias, x);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Convolution& sizes) {
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor y = Tensor::uninitialized(sizes.y(), x.dtype());
    const T *a = x.data<T>(), *w = weight.data<T>(), *b = bias.defined() ? bias.data<T>() : nullptr;
    T* out = y.mutable_data<T>();
    if (!backend::convolve(Pass::forward, sizes, a, w, b, out)) forward(sizes, a, w, b, out);
    return y;
  });
}

Tensor conv2d_input_gradient(const Tensor& gradient, const Tensor& weight, const Convolution& sizes) {
  return detail::dispatch_floating(weight.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor x = Tensor::uninitialized(sizes.x(), weight.dtype());
    T* out = x.mutable_data<T>();
    if (!convolve_back(sizes, gradient, weight, out))
      input_gradient(sizes, gradient.data<T>(), weight.data<T>(), out);
    return x;
  });
}

Tensor conv2d_weight_gradient(const Tensor& gradient, const Tensor& x, const Convolution& sizes) {
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor weight = Tensor::uninitialized(sizes.weight(), x.dtype());
    const T *g = gradient.data<T>(), *a = x.data<T>();
    T* out = weight.mutable_data<T>();
    if (!backend::convolve(Pass::weight_gradient, sizes, g, a, static_cast<const T*>(nullptr), out))
      weight_gradient(sizes, g, a, out);
    return weight;
  });
}

}  // namespace xgrad::kernels
