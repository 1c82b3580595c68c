#include <xgrad/tensor/reduce.hpp>

#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/fold.hpp>
#include <xgrad/tensor/strided.hpp>
#include <xgrad/tensor/vmath.hpp>

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
Tensor fold_axes(const Tensor& x, const Shape& axes, const Terms& terms) {
  using T = typename Op::Value;
  return detail::reduce_axes(x, axes, [&](const Tensor& part, const Plan& plan, bool first) {
    return first ? fold<Op>(terms, plan) : fold<Op>(detail::Elements<T>{part.data<T>()}, plan);
  });
}

template <template <class> class Op>
Tensor accumulate(const Tensor& x, const Shape& axes) {
  return detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) {
    return fold_axes<Op<Wide<T>>>(x, axes, detail::Elements<T>{x.data<T>()});
  });
}

void reject_empty(const Tensor& x, const Shape& axes, const char* what) {
  for (Index axis : axes)
    if (x.shape()[axis] == 0)
      fail<ValueError>(std::string("the ") + what + " of no elements is undefined: axis " +
                       std::to_string(axis) + " of " + to_string(x.shape()) + " is empty");
}

template <bool largest>
Tensor extreme(const Tensor& x, const Shape& axes) {
  reject_empty(x, axes, largest ? "largest" : "smallest");
  return detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) {
    return fold_axes<detail::Extreme<T, largest>>(x, axes, detail::Elements<T>{x.data<T>()});
  });
}

/// Shape of x with the axes kept as 1.
Shape kept_shape(const Tensor& x, const Shape& axes) {
  Shape shape = x.shape();
  for (Index axis : axes) shape[axis] = 1;
  return shape;
}

/// The first position along an axis at which x is the extreme, or NaN where that is NaN.
template <bool largest>
Tensor arg_extreme(const Tensor& x, Index axis) {
  if (x.rank() == 0) return Tensor({Nested(0)}, int64).reshape({});
  const Tensor extremes = extreme<largest>(x, {axis});
  Tensor result = Tensor::uninitialized(extremes.shape(), int64);
  const Plan plan = detail::plan_along(x.shape(), axis);
  const Index size = plan.size, inner = plan.inner;
  Index* positions = result.mutable_data<Index>();
  detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T *data = x.data<T>(), *best = extremes.data<T>();
    // A column whose extreme is not NaN holds no NaN.
    const auto found = [](T value, T wanted) {
      if constexpr (std::is_floating_point_v<T>)
        return (value == wanted) | (value != value);
      else
        return value == wanted;
    };
    detail::parallel_for(plan.outer, detail::grain_for(size * inner), [&](Index begin, Index end) {
      for (Index o = begin; o < end; ++o) {
        const T* row = data + o * size * inner;
        if (inner == 1) {
          Index i = 0;
          while (!found(row[i], best[o])) ++i;
          positions[o] = i;
          continue;
        }
        const T* __restrict wanted = best + o * inner;
        Index* __restrict to = positions + o * inner;
        for (Index i = size; i-- > 0;)
          for (Index j = 0; j < inner; ++j) to[j] = found(row[i * inner + j], wanted[j]) ? i : to[j];
      }
    });
  });
  return result;
}

template <class T, class F>
void each(Tensor& x, F f) {
  for (T& value : x.mutable_span<T>()) value = f(value);
}

/// (sum |x|^p)^(1/p) with every power taken of |x| / m, m the largest (for p < 0 the smallest) |x|.
template <class T>
Tensor scaled_norm(const Tensor& x, T p, const Shape& axes) {
  const detail::Magnitudes<T> magnitudes{x.data<T>()};
  Tensor result = p > 0 ? fold_axes<detail::Extreme<T, true>>(x, axes, magnitudes)
                        : fold_axes<detail::Extreme<T, false>>(x, axes, magnitudes);
  const auto usable = [](T m) { return std::isfinite(m) && m != 0; };
  const auto extremes = result.span<T>();
  if (std::none_of(extremes.begin(), extremes.end(), usable)) return result;

  Tensor powers = broadcast_to(result.reshape(kept_shape(x, axes)), x.shape());
  const T* values = x.data<T>();
  T* terms = powers.mutable_data<T>();
  detail::parallel_for(x.count(), 16384, [&](Index begin, Index end) {
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
bool plain_norm(const Tensor& x, const Shape& axes, Tensor& result) {
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
Tensor norm_of(const Tensor& x, double p, const Shape& axes) {
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
Tensor fold_nonzeros(const Tensor& x, const Shape& axes) {
  const Tensor nonzero = x.to(boolean);
  return fold_axes<Op>(nonzero, axes, detail::Elements<bool>{nonzero.data<bool>()});
}

}  // namespace

Tensor sum(const Tensor& x, const Shape& axes) { return accumulate<detail::Addition>(x, axes); }

Tensor prod(const Tensor& x, const Shape& axes) { return accumulate<detail::Multiplication>(x, axes); }

Tensor sum_product(const Tensor& a, const Tensor& b, const Shape& axes) {
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
  Shape axes;
  for (Index axis = 0; axis < x.rank(); ++axis)
    if (axis < added || (shape[axis - added] == 1 && x.shape()[axis] != 1)) axes.push_back(axis);
  return sum(x, axes).reshape(shape);
}

Tensor max(const Tensor& x, const Shape& axes) { return extreme<true>(x, axes); }
Tensor min(const Tensor& x, const Shape& axes) { return extreme<false>(x, axes); }
Tensor argmax(const Tensor& x, Index axis) { return arg_extreme<true>(x, axis); }
Tensor argmin(const Tensor& x, Index axis) { return arg_extreme<false>(x, axis); }

Tensor norm(const Tensor& x, double p, const Shape& axes) {
  if (std::isnan(p)) fail<ValueError>("norm: the order p must be a number, got NaN");
  return detail::dispatch_floating(x.dtype(),
                                   [&]<class T>(std::type_identity<T>) { return norm_of<T>(x, p, axes); });
}

Tensor all(const Tensor& x, const Shape& axes) {
  return fold_nonzeros<detail::Extreme<bool, false>>(x, axes);
}
Tensor any(const Tensor& x, const Shape& axes) { return fold_nonzeros<detail::Extreme<bool, true>>(x, axes); }
Tensor count_nonzero(const Tensor& x, const Shape& axes) {
  return fold_nonzeros<detail::Addition<std::int64_t>>(x, axes);
}

}  // namespace xgrad::kernels
