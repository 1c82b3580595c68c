#include <xgrad/kernels/reduce.hpp>

#include <xgrad/kernels/fold.hpp>
#include <xgrad/kernels/strided.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/vmath/vmath.hpp>

#include <cmath>

namespace xgrad::kernels {
namespace {

using detail::Plan;

/// Sums and products of integers are int64.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, T, std::int64_t>;

/// One run of axes folded into a new tensor.
template <class Op, class Terms>
Tensor fold(const Terms& terms, const Plan& plan) {
  using T = typename Op::Value;
  Tensor result = Tensor::uninitialized({plan.outer, plan.inner}, dtype_of<T>);
  detail::fold<Op>(terms, plan, result.mutable_data<T>());
  return result;
}

/// Folds terms(data of x) over the axes; what was folded once is folded on by `Op` itself.
template <class Op, class Terms>
Tensor fold_axes(const Tensor& x, const IndexList& axes, const Terms& terms) {
  using T = typename Op::Value;
  return detail::reduce_axes(x, axes, [&](const Tensor& part, const Plan& plan, bool first) {
    return first ? fold<Op>(terms, plan) : fold<Op>(detail::Elements<T>{part.data<T>()}, plan);
  });
}

template <template <class> class Op>
Tensor accumulate(const Tensor& x, const IndexList& axes) {
  return detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) {
    return fold_axes<Op<Wide<T>>>(x, axes, detail::Elements<T>{x.data<T>()});
  });
}

void reject_empty(const Tensor& x, const IndexList& axes, const char* what) {
  for (Index axis : axes)
    if (x.shape()[axis] == 0)
      fail<ValueError>(std::string("the ") + what + " of no elements is undefined: axis " +
                       std::to_string(axis) + " of " + to_string(x.shape()) + " is empty");
}

template <bool largest>
Tensor extreme(const Tensor& x, const IndexList& axes) {
  reject_empty(x, axes, largest ? "largest" : "smallest");
  return detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) {
    return fold_axes<detail::Extreme<T, largest>>(x, axes, detail::Elements<T>{x.data<T>()});
  });
}

/// Shape of x with the axes kept as 1.
Shape kept_shape(const Tensor& x, const IndexList& axes) {
  Shape shape = x.shape();
  for (Index axis : axes) shape[axis] = 1;
  return shape;
}

/// True when `value` takes the place of `best`, the extreme of the elements before it.
template <bool largest, class T>
bool supersedes(T value, T best) {
  if constexpr (std::is_floating_point_v<T>)
    return !(largest ? value <= best : value >= best) & (best == best);
  else
    return largest ? value > best : value < best;
}

constexpr Index extreme_strip = 256, extreme_short_row = 64;

/// The extremes of at most extreme_strip columns of fewer than 2^31 rows, and the first rows they stand in.
template <bool largest, class T>
void extremes_of_columns(const T* x, Index stride, Index rows, Index columns, T* values, Index* positions) {
  // As wide as the elements, so that both advance in the same vectors.
  using Row = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
  std::array<T, extreme_strip> best_of;
  std::array<Row, extreme_strip> row_of;
  T* __restrict best = best_of.data();
  Row* __restrict row = row_of.data();
  std::copy(x, x + columns, best);
  std::fill(row, row + columns, Row{0});
  for (Index i = 1; i < rows; ++i) {
    const T* __restrict from = x + i * stride;
    const Row here = static_cast<Row>(i);
    for (Index j = 0; j < columns; ++j) {
      const bool better = supersedes<largest>(from[j], best[j]);
      best[j] = better ? from[j] : best[j];
      row[j] = better ? here : row[j];
    }
  }
  std::copy(best, best + columns, values);
  std::copy(row, row + columns, positions);
}

/// The same for the rows of an array, `count` of them and `size` long.
template <bool largest, class T>
void extremes_of_rows(const T* x, Index count, Index size, T* values, Index* positions) {
  if (size <= extreme_short_row) {
    // Transposed, so that vectors run across the rows.
    constexpr Index abreast = 64;
    std::array<T, extreme_short_row * abreast> columns;
    for (Index first = 0; first < count; first += abreast) {
      const Index n = std::min(abreast, count - first);
      const T* from = x + first * size;
      T* __restrict to = columns.data();
      for (Index r = 0; r < n; ++r)
        for (Index i = 0; i < size; ++i) to[i * abreast + r] = from[r * size + i];
      extremes_of_columns<largest>(to, abreast, size, n, values + first, positions + first);
    }
    return;
  }
  for (; count > 0; --count, x += size, ++values, ++positions) {
    const T best = detail::fold_run<detail::Extreme<T, largest>>(detail::Elements<T>{x}, 0, size);
    Index i = 0;
    if constexpr (std::is_floating_point_v<T>) {
      using V = detail::Simd<T>;
      constexpr Index width = V::size;
      const V wanted(best);
      // A row whose extreme is not NaN holds no NaN.
      for (; i + width <= size; i += width)
        if (const V v = V::load_unaligned(x + i); xsimd::any((v == wanted) | xsimd::isnan(v))) break;
      while (!((x[i] == best) | (x[i] != x[i]))) ++i;
    } else {
      while (x[i] != best) ++i;
    }
    *values = x[i];
    *positions = i;
  }
}

/// The extremes along an axis and the first position of each; the first NaN where there is one.
template <bool largest>
std::pair<Tensor, Tensor> extremes_along(const Tensor& x, Index axis) {
  Shape shape = x.shape();
  if (x.rank() > 0) {
    reject_empty(x, {axis}, largest ? "largest" : "smallest");
    shape.erase(axis);
  }
  if (shape.count() == 0)
    return {Tensor::uninitialized(shape, x.dtype()), Tensor::uninitialized(shape, int64)};
  const Plan plan = detail::plan_along(x.shape(), axis);
  const Index outer = plan.outer, size = plan.size, inner = plan.inner;
  const Index block = std::max<Index>(256, (Index{1} << 16) / inner), blocks = (size + block - 1) / block;
  const Index strips = (inner + extreme_strip - 1) / extreme_strip;

  Tensor part_values = Tensor::uninitialized({outer, blocks, inner}, x.dtype());
  Tensor part_positions = Tensor::uninitialized({outer, blocks, inner}, int64);
  return detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) -> std::pair<Tensor, Tensor> {
    const T* data = x.data<T>();
    T* values = part_values.mutable_data<T>();
    Index* positions = part_positions.mutable_data<Index>();
    const Index work = std::min(block, size) * std::min(inner, extreme_strip);
    detail::parallel_for(outer * blocks * strips, detail::grain_of(work), [&](Index task, Index last) {
      if (inner == 1 && blocks == 1)
        return extremes_of_rows<largest>(data + task * size, last - task, size, values + task,
                                         positions + task);
      for (; task < last; ++task) {
        const Index strip = task % strips, o = task / strips / blocks, b = task / strips % blocks;
        const Index rows = std::min(block, size - b * block), column = strip * extreme_strip;
        const T* from = data + (o * size + b * block) * inner + column;
        const Index to = (o * blocks + b) * inner + column;
        if (inner == 1)
          extremes_of_rows<largest>(from, 1, rows, values + to, positions + to);
        else
          extremes_of_columns<largest>(from, inner, rows, std::min(extreme_strip, inner - column),
                                       values + to, positions + to);
      }
    });
    if (blocks == 1) return {part_values.reshape(shape), part_positions.reshape(shape)};
    std::pair<Tensor, Tensor> result{Tensor::uninitialized(shape, x.dtype()),
                                     Tensor::uninitialized(shape, int64)};
    T* best = result.first.mutable_data<T>();
    Index* at = result.second.mutable_data<Index>();
    for (Index o = 0; o < outer; ++o, values += blocks * inner, positions += blocks * inner)
      for (Index j = 0; j < inner; ++j) {
        Index b = 0;
        for (Index other = 1; other < blocks; ++other)
          if (supersedes<largest>(values[other * inner + j], values[b * inner + j])) b = other;
        *best++ = values[b * inner + j];
        *at++ = positions[b * inner + j] + b * block;
      }
    return result;
  });
}

template <class T, class F>
void each(Tensor& x, F f) {
  for (T& value : x.mutable_span<T>()) value = f(value);
}

/// (sum |x|^p)^(1/p) with every power taken of |x| / m, m the largest (for p < 0 the smallest) |x|.
template <class T>
Tensor scaled_norm(const Tensor& x, T p, const IndexList& axes) {
  const detail::Magnitudes<T> magnitudes{x.data<T>()};
  Tensor result = p > 0 ? fold_axes<detail::Extreme<T, true>>(x, axes, magnitudes)
                        : fold_axes<detail::Extreme<T, false>>(x, axes, magnitudes);
  const auto usable = [](T m) { return std::isfinite(m) && m != 0; };
  const auto extremes = result.span<T>();
  if (std::none_of(extremes.begin(), extremes.end(), usable)) return result;

  Tensor powers = broadcast_to(result.reshape(kept_shape(x, axes)), x.shape());
  const T* values = x.data<T>();
  T* terms = powers.mutable_data<T>();
  detail::parallel_for(x.count(), detail::grain_of(2), [&](Index begin, Index end) {
    constexpr Index chunk = 1024;
    std::array<T, chunk> exponents;
    exponents.fill(p);
    for (; begin < end; begin += chunk) {
      const Index n = std::min(chunk, end - begin);
      T* to = terms + begin;
      for (Index i = 0; i < n; ++i) to[i] = std::abs(values[begin + i]) / to[i];
      vmath::pow(to, exponents.data(), to, n);
    }
  });
  const Tensor sums = sum(powers, axes);
  const T* total = sums.data<T>();
  each<T>(result, [&](T m) {
    const T s = *total++;
    return usable(m) ? m * std::pow(s, 1 / p) : m;
  });
  return result;
}

/// The square root of the sum of squares; nothing when a square may have left the range.
template <class T>
bool plain_norm(const Tensor& x, const IndexList& axes, Tensor& result) {
  // Below `low` the terms that underflowed could count.
  constexpr T low = std::is_same_v<T, float> ? T(0x1p-100) : T(0x1p-900);
  constexpr T high = std::numeric_limits<T>::max();
  result = sum_product(x, x, axes);
  for (T s : result.span<T>())
    if (!(s >= low && s <= high)) return false;
  each<T>(result, [](T s) { return std::sqrt(s); });
  return true;
}

template <class T>
Tensor norm_of(const Tensor& x, double p, const IndexList& axes) {
  const detail::Magnitudes<T> magnitudes{x.data<T>()};
  if (p == 0) return count_nonzero(x, axes).to(dtype_of<T>);
  if (p == 1 || x.count() == 0) return fold_axes<detail::Addition<T>>(x, axes, magnitudes);
  if (std::isinf(p))
    return p > 0 ? fold_axes<detail::Extreme<T, true>>(x, axes, magnitudes)
                 : fold_axes<detail::Extreme<T, false>>(x, axes, magnitudes);
  if (Tensor result; p == 2 && plain_norm<T>(x, axes, result)) return result;
  return scaled_norm<T>(x, static_cast<T>(p), axes);
}

/// Where x is not zero, NaN included, folded with Op.
template <class Op>
Tensor fold_nonzeros(const Tensor& x, const IndexList& axes) {
  const Tensor nonzero = x.to(boolean);
  return fold_axes<Op>(nonzero, axes, detail::Elements<bool>{nonzero.data<bool>()});
}

}  // namespace

Tensor sum(const Tensor& x, const IndexList& axes) { return accumulate<detail::Addition>(x, axes); }

Tensor prod(const Tensor& x, const IndexList& axes) { return accumulate<detail::Multiplication>(x, axes); }

Tensor sum_product(const Tensor& a, const Tensor& b, const IndexList& axes) {
  if (a.shape() != b.shape())
    fail<ShapeError>("expects equal shapes, got " + to_string(a.shape()) + " and " + to_string(b.shape()));
  return detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    return fold_axes<detail::Addition<T>>(a, axes, detail::Products<T>{a.data<T>(), b.data<T>()});
  });
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (!broadcasts_to(shape, x.shape()))
    fail<ShapeError>("sum_to: " + to_string(shape) + " does not broadcast to " + to_string(x.shape()));
  const Index added = x.rank() - shape.rank();
  IndexList axes;
  for (Index axis = 0; axis < x.rank(); ++axis)
    if (axis < added || (shape[axis - added] == 1 && x.shape()[axis] != 1)) axes.push_back(axis);
  return sum(x, axes).reshape(shape);
}

Tensor max(const Tensor& x, const IndexList& axes) { return extreme<true>(x, axes); }
Tensor min(const Tensor& x, const IndexList& axes) { return extreme<false>(x, axes); }
std::pair<Tensor, Tensor> max_with_index(const Tensor& x, Index axis) {
  return extremes_along<true>(x, axis);
}
std::pair<Tensor, Tensor> min_with_index(const Tensor& x, Index axis) {
  return extremes_along<false>(x, axis);
}
Tensor argmax(const Tensor& x, Index axis) { return max_with_index(x, axis).second; }
Tensor argmin(const Tensor& x, Index axis) { return min_with_index(x, axis).second; }

Tensor norm(const Tensor& x, double p, const IndexList& axes) {
  if (std::isnan(p)) fail<ValueError>("norm: the order p must be a number, got NaN");
  return detail::dispatch_floating(x.dtype(),
                                   [&]<class T>(std::type_identity<T>) { return norm_of<T>(x, p, axes); });
}

Tensor all(const Tensor& x, const IndexList& axes) {
  return fold_nonzeros<detail::Extreme<bool, false>>(x, axes);
}
Tensor any(const Tensor& x, const IndexList& axes) {
  return fold_nonzeros<detail::Extreme<bool, true>>(x, axes);
}
Tensor count_nonzero(const Tensor& x, const IndexList& axes) {
  return fold_nonzeros<detail::Addition<std::int64_t>>(x, axes);
}

}  // namespace xgrad::kernels
