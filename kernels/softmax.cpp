// Softmax, its logarithm, their gradients, and logsumexp. Rows of the last axis go through cache-sized
// groups; other axes through whole-array passes.
#include <xgrad/kernels/reduce.hpp>
#include <xgrad/kernels/rows.hpp>
#include <xgrad/tensor/dispatch.hpp>

#include <cmath>

namespace xgrad::kernels {
namespace {

using detail::for_row_groups;
using detail::group_elements;
using detail::Plan;
using detail::row_max;
using detail::row_sum;
using detail::sum_exp;

/// out[o, i, j] = f(x[o, i, j], y[o, i, j], s[o, j]).
template <class T, class F>
void combine_columns(const T* x, const T* y, const T* s, const Plan& plan, T* out, F f) {
  const Index size = plan.size, inner = plan.inner;
  detail::parallel_for(plan.outer * size, detail::grain_of(inner), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const T *a = x + row * inner, *b = y + row * inner;
      const T* __restrict statistic = s + row / size * inner;
      T* to = out + row * inner;
      for (Index j = 0; j < inner; ++j) to[j] = f(a[j], b[j], statistic[j]);
    }
  });
}

template <class T>
void exp_all(const T* x, T* out, Index count) {
  detail::parallel_for(count, detail::grain_of(2),
                       [&](Index begin, Index end) { vmath::exp(x + begin, out + begin, end - begin); });
}

template <class T>
void softmax_rows(const T* x, Index rows, Index size, T* out) {
  for_row_groups(rows, size, [&](Index first, Index count) {
    const T* from = x + first * size;
    T* to = out + first * size;
    for (Index r = 0; r < count; ++r) {
      const T largest = row_max(from + r * size, size);
      for (Index i = 0; i < size; ++i) to[r * size + i] = from[r * size + i] - largest;
    }
    vmath::exp(to, to, count * size);
    for (Index r = 0; r < count; ++r) {
      // The largest term is 1, so neither the sum nor its inverse leaves the range.
      const T scale = 1 / row_sum(to + r * size, size);
      for (Index i = 0; i < size; ++i) to[r * size + i] *= scale;
    }
  });
}

template <class T>
void log_softmax_rows(const T* x, Index rows, Index size, T* out) {
  for_row_groups(rows, size, [&](Index first, Index count) {
    std::array<T, group_elements> largest{}, logs{};
    const T* from = x + first * size;
    T* to = out + first * size;
    T *m = largest.data(), *log_sum = logs.data();
    for (Index r = 0; r < count; ++r) m[r] = row_max(from + r * size, size);
    sum_exp(from, m, count, size, log_sum);
    vmath::log(log_sum, log_sum, count);
    for (Index r = 0; r < count; ++r)
      for (Index i = 0; i < size; ++i) to[r * size + i] = (from[r * size + i] - m[r]) - log_sum[r];
  });
}

/// log(sum(exp(x))) over one run of axes.
template <class T>
Tensor logsumexp_run(const Tensor& x, const Plan& plan) {
  Tensor result = Tensor::uninitialized({plan.outer, plan.inner}, x.dtype());
  T* out = result.mutable_data<T>();
  if (plan.size == 0) {
    std::fill(out, out + result.count(), -std::numeric_limits<T>::infinity());
    return result;
  }
  // An infinite maximum is not subtracted: exp, sum and log then give that infinity rather than NaN.
  const auto shift_of = [](T largest) { return std::isfinite(largest) ? largest : T(0); };
  if (plan.inner == 1) {
    const T* data = x.data<T>();
    for_row_groups(plan.outer, plan.size, [&](Index first, Index count) {
      std::array<T, group_elements> shifts{}, sums{};
      const T* from = data + first * plan.size;
      T *shift = shifts.data(), *sum = sums.data();
      for (Index r = 0; r < count; ++r) shift[r] = shift_of(row_max(from + r * plan.size, plan.size));
      sum_exp(from, shift, count, plan.size, sum);
      vmath::log(sum, out + first, count);
      for (Index r = 0; r < count; ++r) out[first + r] += shift[r];
    });
    return result;
  }
  Tensor shifts = max(x.reshape({plan.outer, plan.size, plan.inner}), {1});
  for (T& shift : shifts.mutable_span<T>()) shift = shift_of(shift);
  Tensor terms = Tensor::uninitialized(x.shape(), x.dtype());
  T* term = terms.mutable_data<T>();
  const T *data = x.data<T>(), *shift = shifts.data<T>();
  combine_columns(data, data, shift, plan, term, [](T value, T, T s) { return value - s; });
  exp_all(term, term, terms.count());
  detail::fold<detail::Addition<T>>(detail::Elements<T>{term}, plan, out);
  vmath::log(out, out, result.count());
  for (Index i = 0; i < result.count(); ++i) out[i] += shift[i];
  return result;
}

/// Zeros in one row of a gradient, `size` elements `step` apart, where no gradient arrives: a row whose
/// output is NaN has no slope that zero could be multiplied by.
template <class T>
void clear_without_gradient(const T* g, T* to, Index size, Index step) {
  for (Index i = 0; i < size; ++i)
    if (g[i * step] != 0) return;
  for (Index i = 0; i < size; ++i) to[i * step] = 0;
}
/// The same for the rows along the plan whose statistic is suspect.
template <class T, class Suspect>
void clear_without_gradient(const T* g, const T* statistics, const Plan& plan, T* to, Suspect suspect) {
  for (Index o = 0; o < plan.outer; ++o)
    for (Index j = 0; j < plan.inner; ++j) {
      const Index at = o * plan.size * plan.inner + j;
      if (suspect(statistics[o * plan.inner + j]))
        clear_without_gradient(g + at, to + at, plan.size, plan.inner);
    }
}

/// x with `axis` in the middle; a scalar is one element along an axis of its own.
Tensor folded(const Tensor& x, const Plan& plan) { return x.reshape({plan.outer, plan.size, plan.inner}); }

/// A tensor like x that f(plan along the axis, elements of x, result) fills, unless there is nothing to fill.
template <class F>
Tensor made_along(const Tensor& x, Index axis, F f) {
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor result = Tensor::uninitialized_like(x);
    if (x.count() > 0) f(detail::plan_along(x.shape(), axis), x.data<T>(), result);
    return result;
  });
}
/// The same for a gradient: f(plan, elements of the gradient, elements of the output, those of the result).
template <class F>
Tensor gradient_along(const Tensor& gradient, const Tensor& output, Index axis, F f) {
  if (gradient.shape() != output.shape())
    fail<ShapeError>("expects a gradient of shape " + to_string(output.shape()) + ", got " +
                     to_string(gradient.shape()));
  return made_along(output, axis, [&]<class T>(const Plan& plan, const T* y, Tensor& result) {
    f(plan, gradient.data<T>(), y, result.mutable_data<T>());
  });
}

}  // namespace

Tensor softmax(const Tensor& x, Index axis) {
  return made_along(x, axis, [&]<class T>(const Plan& plan, const T* from, Tensor& result) {
    T* to = result.mutable_data<T>();
    if (plan.inner == 1) return softmax_rows(from, plan.outer, plan.size, to);
    const Tensor largest = max(folded(x, plan), {1});
    combine_columns(from, from, largest.data<T>(), plan, to, [](T value, T, T m) { return value - m; });
    exp_all(to, to, x.count());
    const Tensor sums = sum(folded(result, plan), {1});
    to = result.mutable_data<T>();
    combine_columns(to, to, sums.data<T>(), plan, to, [](T value, T, T s) { return value / s; });
  });
}

Tensor log_softmax(const Tensor& x, Index axis) {
  return made_along(x, axis, [&]<class T>(const Plan& plan, const T* from, Tensor& result) {
    T* to = result.mutable_data<T>();
    if (plan.inner == 1) return log_softmax_rows(from, plan.outer, plan.size, to);
    const Tensor largest = max(folded(x, plan), {1});
    combine_columns(from, from, largest.data<T>(), plan, to, [](T value, T, T m) { return value - m; });
    Tensor terms = Tensor::uninitialized({plan.outer, plan.size, plan.inner}, x.dtype());
    exp_all(to, terms.mutable_data<T>(), x.count());
    Tensor logs = sum(terms, {1});
    vmath::log(logs.data<T>(), logs.mutable_data<T>(), logs.count());
    combine_columns(to, to, logs.data<T>(), plan, to, [](T value, T, T l) { return value - l; });
  });
}

Tensor logsumexp(const Tensor& x, const IndexList& axes) {
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    return detail::reduce_axes(
        x, axes, [](const Tensor& part, const Plan& plan, bool) { return logsumexp_run<T>(part, plan); });
  });
}

Tensor softmax_backward(const Tensor& gradient, const Tensor& output, Index axis) {
  return gradient_along(
      gradient, output, axis, [&]<class T>(const Plan& plan, const T* g, const T* y, T* to) {
        if (plan.inner == 1 && plan.size <= group_elements)
          return for_row_groups(plan.outer, plan.size, [&](Index first, Index count) {
            for (Index r = first; r < first + count; ++r) {
              const Index at = r * plan.size;
              const T dot = detail::fold_run<detail::Addition<T>>(detail::Products<T>{g, y}, at, plan.size);
              for (Index i = at; i < at + plan.size; ++i) to[i] = y[i] * (g[i] - dot);
              if (std::isnan(dot)) clear_without_gradient(g + at, to + at, plan.size, 1);
            }
          });
        const Tensor dots = sum_product(folded(gradient, plan), folded(output, plan), {1});
        combine_columns(g, y, dots.data<T>(), plan, to, [](T gi, T yi, T dot) { return yi * (gi - dot); });
        clear_without_gradient(g, dots.data<T>(), plan, to, [](T dot) { return std::isnan(dot); });
      });
}

Tensor log_softmax_backward(const Tensor& gradient, const Tensor& output, Index axis) {
  return gradient_along(
      gradient, output, axis, [&]<class T>(const Plan& plan, const T* g, const T* y, T* to) {
        if (plan.inner == 1 && plan.size <= group_elements)
          return for_row_groups(plan.outer, plan.size, [&](Index first, Index count) {
            const Index begin = first * plan.size;
            vmath::exp(y + begin, to + begin, count * plan.size);
            for (Index r = first; r < first + count; ++r) {
              const Index at = r * plan.size;
              const T total = row_sum(g + at, plan.size);
              for (Index i = at; i < at + plan.size; ++i) to[i] = g[i] - to[i] * total;
              if (total == 0) clear_without_gradient(g + at, to + at, plan.size, 1);
            }
          });
        exp_all(y, to, output.count());
        const Tensor totals = sum(folded(gradient, plan), {1});
        combine_columns(g, to, totals.data<T>(), plan, to, [](T gi, T p, T total) { return gi - p * total; });
        clear_without_gradient(g, totals.data<T>(), plan, to, [](T total) { return total == 0; });
      });
}

}  // namespace xgrad::kernels
