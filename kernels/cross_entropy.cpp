#include <xgrad/kernels/cross_entropy.hpp>

#include <xgrad/kernels/rows.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>

namespace xgrad::kernels {
namespace {

using detail::for_row_groups;
using detail::group_elements;
using detail::load_as;

/// w (x - m), 0 where w is 0.
template <class T>
struct WeightedShifted {
  const T *x, *weight;
  T by;
  template <class V>
  V load(Index i) const {
    const V w = load_as<V>(weight + i), product = w * (load_as<V>(x + i) - V(by));
    if constexpr (std::is_arithmetic_v<V>)
      return w == V(0) ? V(0) : product;
    else
      return xsimd::select(w == V(0), V(0), product);
  }
};

/// The target distributions, ready for use in loops.
template <class T>
struct Distributions {
  Distributions(const ClassTargets& targets, Index classes)
      : y(targets.classes.data<std::int64_t>()),
        weight(targets.weight.defined() ? targets.weight.data<T>() : nullptr),
        ignore_index(targets.ignore_index),
        hard(static_cast<T>(1 - targets.smoothing)),
        even(static_cast<T>(targets.smoothing / static_cast<double>(std::max<Index>(classes, 1)))),
        weights(weight != nullptr ? detail::row_sum(weight, classes) : static_cast<T>(classes)),
        uneven(even == T(0) ||
               (weight != nullptr && std::all_of(weight, weight + classes, [](T w) { return w == T(0); }))) {}

  /// True where the distribution is 0 throughout.
  bool nothing(Index row) const { return y[row] == ignore_index || (uneven && peak(row) == T(0)); }
  /// What the row's own class has beyond the even share.
  T peak(Index row) const { return weight != nullptr ? hard * weight[y[row]] : hard; }
  T even_share(Index c) const { return weight != nullptr ? even * weight[c] : even; }
  T total(Index row) const { return peak(row) + even * weights; }

  const std::int64_t* y;
  const T* weight;
  Index ignore_index;
  T hard, even, weights;
  bool uneven;  // no class has an even share
};

template <class T>
T row_loss(const T* x, T largest, T log_sum, Index row, Index classes, const Distributions<T>& t) {
  if (t.nothing(row)) return T(0);
  const T peak = t.peak(row), loss = peak == T(0) ? T(0) : -peak * ((x[t.y[row]] - largest) - log_sum);
  if (t.even == T(0)) return loss;
  const T shifted = t.weight != nullptr
                        ? detail::sum_terms<T>(WeightedShifted<T>{x, t.weight, largest}, classes)
                        : detail::sum_terms<T>(detail::Centred<T>{x, largest}, classes);
  return loss - t.even * (shifted - t.weights * log_sum);
}

}  // namespace

CrossEntropy cross_entropy(const Tensor& scores, const ClassTargets& targets) {
  const Index rows = scores.size(0), classes = scores.size(1);
  return detail::dispatch_floating(scores.dtype(), [&]<class T>(std::type_identity<T>) {
    if (classes == 0) return CrossEntropy{zeros({rows}, scores.dtype()), zeros({2, rows}, scores.dtype())};
    CrossEntropy result{Tensor::uninitialized({rows}, scores.dtype()),
                        Tensor::uninitialized({2, rows}, scores.dtype())};
    const Distributions<T> t(targets, classes);
    const T* x = scores.data<T>();
    T *losses = result.losses.mutable_data<T>(), *largest = result.statistics.mutable_data<T>(),
      *log_sums = largest + rows;
    for_row_groups(rows, classes, [&](Index first, Index count) {
      for (Index r = first; r < first + count; ++r) largest[r] = detail::row_max(x + r * classes, classes);
      detail::sum_exp(x + first * classes, largest + first, count, classes, log_sums + first);
      vmath::log(log_sums + first, log_sums + first, count);
      for (Index r = first; r < first + count; ++r)
        losses[r] = row_loss(x + r * classes, largest[r], log_sums[r], r, classes, t);
    });
    return result;
  });
}

Tensor cross_entropy_backward(const Tensor& scores, const Tensor& statistics, const ClassTargets& targets,
                              const Tensor& gradient, double scale) {
  const Index rows = scores.size(0), classes = scores.size(1);
  return detail::dispatch_floating(scores.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor result = Tensor::uninitialized(scores.shape(), scores.dtype());
    if (result.count() == 0) return result;
    const Distributions<T> t(targets, classes);
    const T *x = scores.data<T>(), *largest = statistics.data<T>(), *log_sums = largest + rows,
            *g = gradient.data<T>();
    const Index step = gradient.count() == 1 ? 0 : 1;
    T* out = result.mutable_data<T>();
    // Groups are many short rows, or one row that is taken in pieces.
    const Index piece = std::min(classes, group_elements);
    for_row_groups(rows, classes, [&](Index first, Index count) {
      for (Index begin = 0; begin < classes; begin += piece) {
        const Index n = std::min(piece, classes - begin), at = first * classes + begin;
        for (Index r = first; r < first + count; ++r) {
          const T *from = x + r * classes + begin, m = largest[r], l = log_sums[r];
          T* to = out + r * classes + begin;
          for (Index i = 0; i < n; ++i) to[i] = (from[i] - m) - l;
        }
        vmath::exp(out + at, out + at, (count - 1) * classes + n);
        for (Index r = first; r < first + count; ++r) {
          T* to = out + r * classes + begin;
          const T factor = static_cast<T>(scale) * g[r * step];
          if (factor == T(0) || t.nothing(r)) {
            std::fill(to, to + n, T(0));
            continue;
          }
          const T total = factor * t.total(r);
          const T even = factor * t.even;
          if (t.weight != nullptr)
            for (Index i = 0; i < n; ++i) to[i] = total * to[i] - even * t.weight[begin + i];
          else
            for (Index i = 0; i < n; ++i) to[i] = total * to[i] - even;
          if (const Index own = t.y[r] - begin; own >= 0 && own < n) to[own] -= factor * t.peak(r);
        }
      }
    });
    return result;
  });
}

Tensor class_distributions(const ClassTargets& targets, Index classes, DType dtype) {
  return detail::dispatch_floating(dtype, [&]<class T>(std::type_identity<T>) {
    const Index rows = targets.classes.count();
    Tensor result = zeros({rows, classes}, dtype);
    const Distributions<T> t(targets, classes);
    T* to = result.mutable_data<T>();
    for (Index r = 0; r < rows; ++r, to += classes) {
      if (t.nothing(r)) continue;
      for (Index c = 0; c < classes; ++c) to[c] = t.even_share(c);
      to[t.y[r]] += t.peak(r);
    }
    return result;
  });
}

}  // namespace xgrad::kernels
