#include <xgrad/kernels/gather.hpp>

#include <xgrad/kernels/fold.hpp>
#include <xgrad/tensor/dispatch.hpp>

#include <algorithm>
#include <cstring>

namespace xgrad::kernels {
namespace {

using detail::Plan;

void check_dtype(const Tensor& target, const Tensor& source) {
  if (target.dtype() != source.dtype())
    fail<DTypeError>(
        "expects a source of " + std::string(to_string(target.dtype())) + ", got " + describe(source),
        "convert with cast");
}

/// x's shape with `axis` replaced by the axes of the index.
Shape selected_shape(const Shape& x, Index axis, const Shape& index) {
  Shape shape;
  for (Index i = 0; i < axis; ++i) shape.push_back(x[i]);
  for (Index size : index) shape.push_back(size);
  for (Index i = axis + 1; i < x.rank(); ++i) shape.push_back(x[i]);
  return shape;
}

/// Calls f(target offset, source offset, columns) for the runs that an index along `plan` pairs up, in the
/// order of the index for any one target element.
template <class F>
void for_runs(const Plan& plan, const Index* index, Index count, F f) {
  // Threads part the columns or the outer slices, never the index: repeats meet on one thread.
  const Index strip = plan.outer > 1 ? std::max<Index>(plan.inner, 1) : 64;
  const Index strips = (plan.inner + strip - 1) / strip;
  detail::parallel_for(plan.outer * strips, detail::grain_of(count * strip), [&](Index begin, Index end) {
    while (begin < end) {
      const Index o = begin / strips, stop = std::min(end, (o + 1) * strips);
      const Index first = (begin - o * strips) * strip,
                  last = std::min(plan.inner, (stop - o * strips) * strip);
      for (Index i = 0; i < count; ++i)
        f((o * plan.size + index[i]) * plan.inner + first, (o * count + i) * plan.inner + first,
          last - first);
      begin = stop;
    }
  });
}

/// target[index] op= source, for index_add and index_put.
template <class Update>
void index_update(Tensor& target, Index axis, const Tensor& index, const Tensor& source, Update update) {
  check_dtype(target, source);
  if (const Shape expected = selected_shape(target.shape(), axis, index.shape()); source.shape() != expected)
    fail<ShapeError>("expects a source of shape " + to_string(expected) + ", got " +
                     to_string(source.shape()));
  const Tensor positions = index, values = source;  // keep the elements when the target is one of them
  const Plan plan = detail::plan_along(target.shape(), axis);
  const Index* index_data = positions.data<Index>();
  detail::dispatch(target.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = values.data<T>();
    T* to = target.mutable_data<T>();
    for_runs(plan, index_data, positions.count(), [&](Index target_at, Index source_at, Index n) {
      T* __restrict t = to + target_at;
      const T* __restrict s = from + source_at;
      for (Index j = 0; j < n; ++j) update(t[j], s[j]);
    });
  });
}

void check_index_shape(const Tensor& x, Index axis, const Tensor& index) {
  bool fits = x.rank() == index.rank();
  for (Index i = 0; fits && i < x.rank(); ++i) fits = i == axis || index.shape()[i] <= x.shape()[i];
  if (!fits)
    fail<ShapeError>("expects an index that fits " + to_string(x.shape()) + " on all axes but " +
                     std::to_string(axis) + ", got " + to_string(index.shape()));
}

/// Calls f(offset into x, flat position in index, columns, step in x) for the rows of the index along its
/// last axis. Offsets leave out the axis itself. Only rows or columns that differ off the axis run at the
/// same time.
template <class F>
void for_index_rows(const Shape& x, const Shape& index, Index axis, F f) {
  const Index rank = x.rank(), columns = rank == 0 ? 1 : index.back();
  if (index.count() == 0) return;
  const Index rows = index.count() / columns;
  IndexList strides = contiguous_strides(x);
  if (rank > 0) strides[axis] = 0;
  const Index step = rank == 0 ? 0 : strides[rank - 1];
  const auto run = [&](Index first_row, Index last_row, Index first, Index last) {
    for (Index row = first_row; row < last_row; ++row) {
      Index at = first * step;
      for (Index i = rank - 1, rest = row; i-- > 0; rest /= index[i]) at += rest % index[i] * strides[i];
      f(at, row * columns + first, last - first, step);
    }
  };
  if (axis > 0) {
    const Index slices = index[0], per_slice = rows / slices;
    detail::parallel_for(slices, detail::grain_of(per_slice * columns), [&](Index begin, Index end) {
      run(begin * per_slice, end * per_slice, 0, columns);
    });
  } else if (rank > 1) {
    detail::parallel_for(columns, std::max<Index>(64, detail::grain_of(rows)),
                         [&](Index begin, Index end) { run(0, rows, begin, end); });
  } else {
    run(0, rows, 0, columns);
  }
}

template <class Update>
void scatter_update(Tensor& target, Index axis, const Tensor& index, const Tensor& source, Update update) {
  check_dtype(target, source);
  check_index_shape(target, axis, index);
  if (source.shape() != index.shape())
    fail<ShapeError>("expects a source of the index's shape " + to_string(index.shape()) + ", got " +
                     to_string(source.shape()));
  const Tensor positions = index, values = source;
  const Index* i = positions.data<Index>();
  const Index stride = target.rank() == 0 ? 0 : contiguous_strides(target.shape())[axis];
  detail::dispatch(target.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = values.data<T>();
    T* to = target.mutable_data<T>();
    for_index_rows(target.shape(), positions.shape(), axis, [&](Index at, Index flat, Index n, Index step) {
      for (Index j = 0; j < n; ++j) update(to[at + j * step + i[flat + j] * stride], from[flat + j]);
    });
  });
}

constexpr auto assign = [](auto& target, auto value) { target = value; };
constexpr auto accumulate = [](auto& target, auto value) { target = detail::plus(target, value); };

void reject_boolean(const Tensor& target) {
  detail::dispatch_number(target.dtype(), [](auto) {});
}

}  // namespace

Tensor normalize_indices(const Tensor& index, Index size, Index axis) {
  if (!is_integer(index.dtype()))
    fail<DTypeError>("expects an index of int64 or uint8, got " + describe(index),
                     "convert with cast(index, int64)");
  Tensor result = index.to(int64);
  bool negative = false;
  for (Index i : result.span<Index>()) {
    if (i < -size || i >= size) fail<IndexError>(detail::out_of_range(i, axis, size));
    negative |= i < 0;
  }
  if (negative)
    for (Index& i : result.mutable_span<Index>()) i += i < 0 ? size : 0;
  return result;
}

Tensor index_select(const Tensor& x, Index axis, const Tensor& index) {
  Tensor result = Tensor::uninitialized(selected_shape(x.shape(), axis, index.shape()), x.dtype());
  const Index* positions = index.data<Index>();
  const Index count = index.count();
  if (result.count() == 0) return result;
  const Plan plan = detail::plan_along(x.shape(), axis);
  detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = x.data<T>();
    T* to = result.mutable_data<T>();
    detail::parallel_for(plan.outer * count, detail::grain_of(plan.inner), [&](Index begin, Index end) {
      for (Index row = begin; row < end; ++row) {
        const T* source = from + (row / count * plan.size + positions[row % count]) * plan.inner;
        if (plan.inner == 1)
          to[row] = *source;
        else
          std::copy(source, source + plan.inner, to + row * plan.inner);
      }
    });
  });
  return result;
}

void index_add(Tensor& target, Index axis, const Tensor& index, const Tensor& source) {
  reject_boolean(target);
  index_update(target, axis, index, source, accumulate);
}

void index_put(Tensor& target, Index axis, const Tensor& index, const Tensor& source) {
  index_update(target, axis, index, source, assign);
}

Tensor gather(const Tensor& x, Index axis, const Tensor& index) {
  check_index_shape(x, axis, index);
  Tensor result = Tensor::uninitialized(index.shape(), x.dtype());
  const Index* i = index.data<Index>();
  const Index stride = x.rank() == 0 ? 0 : contiguous_strides(x.shape())[axis];
  detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = x.data<T>();
    T* to = result.mutable_data<T>();
    for_index_rows(x.shape(), index.shape(), axis, [&](Index at, Index flat, Index n, Index step) {
      for (Index j = 0; j < n; ++j) to[flat + j] = from[at + j * step + i[flat + j] * stride];
    });
  });
  return result;
}

void scatter(Tensor& target, Index axis, const Tensor& index, const Tensor& source) {
  scatter_update(target, axis, index, source, assign);
}

void scatter_add(Tensor& target, Index axis, const Tensor& index, const Tensor& source) {
  reject_boolean(target);
  scatter_update(target, axis, index, source, accumulate);
}

Tensor scatter_singles(const Shape& shape, Index axis, const Tensor& index, const Tensor& source) {
  Shape kept = shape;
  if (kept.rank() > 0) kept[axis] = 1;
  if (index.shape() != kept || source.shape() != kept)
    fail<ShapeError>("expects an index and a source of shape " + to_string(kept) + ", got " +
                     to_string(index.shape()) + " and " + to_string(source.shape()));
  Tensor result = Tensor::uninitialized(shape, source.dtype());
  const Plan plan = detail::plan_along(shape, axis);
  const Index size = plan.size, inner = plan.inner;
  const Index* at = index.data<Index>();
  detail::dispatch(source.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = source.data<T>();
    T* to = result.mutable_data<T>();
    const auto mark = [&](Index o, Index first, Index last) {
      for (Index j = first; j < last; ++j)
        to[(o * size + at[o * inner + j]) * inner + j] = from[o * inner + j];
    };
    if (plan.outer == 1)
      return detail::parallel_for(inner, std::max<Index>(64, detail::grain_of(size)),
                                  [&](Index begin, Index end) {
                                    for (Index i = 0; i < size; ++i)
                                      std::fill(to + i * inner + begin, to + i * inner + end, T(0));
                                    mark(0, begin, end);
                                  });
    // Slices that fit the first cache are filled and marked together.
    constexpr Index first_cache = 32 * 1024;
    const Index together = std::max<Index>(1, first_cache / std::max<Index>(size * inner * 8, 1));
    detail::parallel_for(plan.outer, detail::grain_of(size * inner), [&](Index begin, Index end) {
      while (begin < end) {
        const Index stop = std::min(end, begin + together);
        std::fill(to + begin * size * inner, to + stop * size * inner, T(0));
        for (; begin < stop; ++begin) mark(begin, 0, inner);
      }
    });
  });
  return result;
}

Tensor nonzero_flat(const Tensor& mask) {
  return detail::dispatch(mask.dtype(), [&]<class T>(std::type_identity<T>) {
    const auto values = mask.span<T>();
    const Index count =
        values.empty() ? 0 : static_cast<Index>(std::count_if(values.begin(), values.end(), [](T value) {
          return value != T(0);
        }));
    Tensor result = Tensor::uninitialized({count}, int64);
    Index* to = result.mutable_data<Index>();
    for (Index i = 0; i < mask.count(); ++i)
      if (values[static_cast<std::size_t>(i)] != T(0)) *to++ = i;
    return result;
  });
}

}  // namespace xgrad::kernels
