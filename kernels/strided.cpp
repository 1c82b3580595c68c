#include <xgrad/kernels/strided.hpp>

#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/tensor/wrapping.hpp>

#include <algorithm>
#include <array>

namespace xgrad::kernels {
namespace {

constexpr Index bytes_worth_a_thread = 2 * detail::worth_a_thread;
constexpr Index repeated_row = 512;

/// A view as nested loops, outermost first and at least one: unit sizes dropped, loops that continue one
/// another merged.
struct Loops {
  Index offset;
  Index count;
  Shape sizes;
  IndexList strides;

  Index inner() const { return sizes.back(); }
  Index stride() const { return strides.back(); }
};

Loops collapse(const View& view) {
  Loops loops{view.offset, view.shape.count(), {}, {}};
  for (Index axis = 0; axis < view.shape.rank(); ++axis) {
    const Index size = view.shape[axis], stride = view.strides[axis];
    if (size == 1) continue;
    const Index last = loops.sizes.rank() - 1;
    if (last >= 0 && loops.strides[last] == stride * size) {
      loops.sizes[last] *= size;
      loops.strides[last] = stride;
    } else {
      loops.sizes.push_back(size);
      loops.strides.push_back(stride);
    }
  }
  if (loops.sizes.empty()) {
    loops.sizes.push_back(1);
    loops.strides.push_back(1);
  }
  return loops;
}

/// The position of a nest of loops, as an odometer that also carries the offset into the strided side.
class Odometer {
 public:
  Odometer(const Shape& sizes, const IndexList& strides, Index offset, Index start)
      : sizes_(sizes), strides_(strides), position_(index_of(start, sizes)), offset_(offset) {
    for (Index axis = sizes.rank(); axis-- > 0;) offset_ += position_[axis] * strides[axis];
  }

  Index offset() const { return offset_; }
  void next() {
    for (Index axis = sizes_.rank(); axis-- > 0;) {
      offset_ += strides_[axis];
      if (++position_[axis] < sizes_[axis]) return;
      offset_ -= sizes_[axis] * strides_[axis];
      position_[axis] = 0;
    }
  }

 private:
  const Shape& sizes_;
  const IndexList& strides_;
  IndexList position_;
  Index offset_;
};

/// Applies op(dense element, strided element) row by row along the innermost loop.
template <class D, class S, class Op>
void transfer_rows(D* dense, S* strided, const Loops& loops, Op op) {
  const Index inner = loops.inner(), stride = loops.stride();
  Shape sizes = loops.sizes;
  IndexList strides = loops.strides;
  sizes.erase(sizes.rank() - 1);
  strides.erase(strides.size() - 1);
  const Index grain = detail::grain_of(sizeof(D), bytes_worth_a_thread);
  detail::parallel_for(loops.count, grain, [&](Index begin, Index end) {
    Odometer row(sizes, strides, loops.offset, begin / inner);
    for (Index column = begin % inner; begin < end; column = 0, row.next()) {
      const Index n = std::min(inner - column, end - begin);
      D* __restrict to = dense + begin;
      S* __restrict from = strided + row.offset() + column * stride;
      if (stride == 1)
        for (Index i = 0; i < n; ++i) op(to[i], from[i]);
      else if (stride == 0)
        for (Index i = 0; i < n; ++i) op(to[i], *from);
      else
        for (Index i = 0; i < n; ++i) op(to[i], from[i * stride]);
      begin += n;
    }
  });
}

/// The same for short contiguous rows each of which is read again and again: several of them as one long row.
template <class D, class S, class Op>
void transfer_repeated(D* dense, const S* strided, const Loops& loops, Op op) {
  const Index inner = loops.inner(), last = loops.sizes.rank() - 1, times = loops.sizes[last - 1];
  const Index abreast = std::min(times, repeated_row / inner);
  Shape sizes = loops.sizes;
  IndexList strides = loops.strides;
  for (Index i : {last, last - 1}) {
    sizes.erase(i);
    strides.erase(i);
  }
  const Index grain = detail::grain_of(Index{sizeof(D)} * inner, bytes_worth_a_thread);
  detail::parallel_for(loops.count / inner, grain, [&](Index row, Index end) {
    Odometer from(sizes, strides, loops.offset, row / times);
    std::array<S, repeated_row> repeated;
    for (Index stop; row < end; row = stop, from.next()) {
      for (Index k = 0; k < abreast; ++k)
        std::copy_n(strided + from.offset(), inner, repeated.data() + k * inner);
      stop = std::min(end, (row / times + 1) * times);
      for (; row < stop; row += abreast) {
        const Index n = std::min(abreast, stop - row) * inner;
        D* __restrict to = dense + row * inner;
        const S* __restrict values = repeated.data();
        for (Index i = 0; i < n; ++i) op(to[i], values[i]);
      }
    }
  });
}

/// The same where loop `axis` is contiguous on the strided side and the innermost is not: in square tiles, so
/// that both sides use whole cache lines. Tiles are staged: lines at strides of a power of two would drive
/// one another out of the cache.
template <class D, class S, class Op>
void transfer_tiles(D* dense, S* strided, const Loops& loops, Index axis, Op op) {
  constexpr Index tile = sizeof(S) > 4 ? 32 : 64;  // half of the first-level cache when staged
  constexpr Index pitch = tile + 1;
  const Index inner = loops.inner(), stride = loops.stride(), last = loops.sizes.rank() - 1;
  const Index tiles = (loops.sizes[axis] + tile - 1) / tile;
  const IndexList dense_strides = contiguous_strides(loops.sizes);
  const Index dense_stride = dense_strides[axis];

  // Loops around the tiles: all but the two, and the tiles of `axis` in its place.
  Shape sizes = loops.sizes;
  IndexList strides = loops.strides, steps = dense_strides;
  sizes[axis] = tiles;
  strides[axis] = tile;
  steps[axis] = dense_stride * tile;
  sizes.erase(last);
  strides.erase(last);
  steps.erase(last);

  const Index grain = detail::grain_of(Index{sizeof(D)} * tile * inner, bytes_worth_a_thread);
  detail::parallel_for(sizes.count(), grain, [&](Index begin, Index end) {
    Odometer to(sizes, steps, 0, begin), from(sizes, strides, loops.offset, begin);
    std::array<std::remove_const_t<S>, tile * pitch> staged;
    Index inside = 1;
    for (Index i = axis + 1; i < last; ++i) inside *= sizes[i];
    for (; begin < end; ++begin, to.next(), from.next()) {
      const Index rows = std::min(tile, loops.sizes[axis] - begin / inside % tiles * tile);
      for (Index column = 0; column < inner; column += tile) {
        const Index columns = std::min(tile, inner - column);
        S* __restrict s = strided + from.offset() + column * stride;
        for (Index j = 0; j < columns; ++j) std::copy_n(s + j * stride, rows, staged.data() + j * pitch);
        for (Index i = 0; i < rows; ++i) {
          D* __restrict d = dense + to.offset() + i * dense_stride + column;
          for (Index j = 0; j < columns; ++j) op(d[j], staged[static_cast<std::size_t>(j * pitch + i)]);
        }
        if constexpr (!std::is_const_v<S>)
          for (Index j = 0; j < columns; ++j) std::copy_n(staged.data() + j * pitch, rows, s + j * stride);
      }
    }
  });
}

template <class D, class S, class Op>
void transfer(D* dense, S* strided, const View& view, Op op) {
  const Loops loops = collapse(view);
  if (loops.count == 0) return;
  if (const Index stride = loops.stride(); stride != 1 && stride != 0)
    for (Index axis = 0; axis + 1 < loops.sizes.rank(); ++axis)
      if (loops.strides[axis] == 1) return transfer_tiles(dense, strided, loops, axis, op);
  if constexpr (std::is_const_v<S>)
    if (const Index last = loops.sizes.rank() - 1;
        last > 0 && loops.stride() == 1 && loops.strides[last - 1] == 0 && loops.inner() <= repeated_row / 4)
      return transfer_repeated(dense, strided, loops, op);
  transfer_rows(dense, strided, loops, op);
}

/// Calls f with a type of the elements' size that may stand for them.
template <class F>
void dispatch_bytes(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32:
      return f(std::type_identity<float>{});
    case DType::float64:
      return f(std::type_identity<double>{});
    case DType::int64:
      return f(std::type_identity<std::int64_t>{});
    case DType::uint8:
    case DType::boolean:
      return f(std::type_identity<unsigned char>{});
  }
  __builtin_unreachable();
}

void check(const Tensor& target, const View& view, const Tensor& source) {
  if (target.dtype() != source.dtype())
    fail<DTypeError>(
        "expects values of " + std::string(to_string(target.dtype())) + ", got " + describe(source),
        "convert with to(dtype)");
  if (view.shape.count() != source.count())
    fail<ShapeError>("expects values of shape " + to_string(view.shape) + ", got " +
                     to_string(source.shape()));
}

/// x repeated to `shape`.
View broadcast_view(const Tensor& x, const Shape& shape) {
  if (!broadcasts_to(x.shape(), shape))
    fail<ShapeError>("broadcast_to: " + to_string(x.shape()) + " does not broadcast to " + to_string(shape),
                     "sizes must match from the right, or be 1");
  return {0, shape, broadcast_strides(x.shape(), shape.rank())};
}

}  // namespace

IndexList broadcast_strides(const Shape& from, Index rank) {
  IndexList strides = contiguous_strides(from);
  for (Index axis = 0; axis < from.rank(); ++axis)
    if (from[axis] == 1) strides[axis] = 0;
  while (strides.size() < rank) strides.insert(0, 0);
  return strides;
}

Tensor copy(const Tensor& source, const View& view) {
  Tensor result = Tensor::uninitialized(view.shape, source.dtype());
  dispatch_bytes(source.dtype(), [&]<class T>(std::type_identity<T>) {
    transfer(reinterpret_cast<T*>(result.mutable_raw()), reinterpret_cast<const T*>(source.raw()), view,
             [](T& dense, const T& strided) { dense = strided; });
  });
  return result;
}

void write(Tensor& target, const View& view, const Tensor& source) {
  check(target, view, source);
  const Tensor values = source;  // keeps the elements when both are the same object
  dispatch_bytes(target.dtype(), [&]<class T>(std::type_identity<T>) {
    transfer(reinterpret_cast<const T*>(values.raw()), reinterpret_cast<T*>(target.mutable_raw()), view,
             [](const T& dense, T& strided) { strided = dense; });
  });
}

void add(Tensor& target, const View& view, const Tensor& source) {
  check(target, view, source);
  const Tensor values = source;
  detail::dispatch_number(target.dtype(), [&]<class T>(std::type_identity<T>) {
    transfer(values.data<T>(), target.mutable_data<T>(), view,
             [](const T& dense, T& strided) { strided = detail::plus(strided, dense); });
  });
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return copy(x, broadcast_view(x, shape));
}

void add_broadcast(Tensor& target, const Tensor& x) {
  const View view = broadcast_view(x, target.shape());
  const Tensor values = x;
  detail::dispatch_number(target.dtype(), [&]<class T>(std::type_identity<T>) {
    transfer(target.mutable_data<T>(), values.data<T>(), view,
             [](T& dense, const T& strided) { dense = detail::plus(dense, strided); });
  });
}

Tensor permute(const Tensor& x, const IndexList& order) {
  View view{0, x.shape(), x.shape().sizes()};
  const IndexList strides = contiguous_strides(x.shape());
  for (Index i = 0; i < order.size(); ++i) {
    view.shape[i] = x.shape()[order[i]];
    view.strides[i] = strides[order[i]];
  }
  return copy(x, view);
}

}  // namespace xgrad::kernels
