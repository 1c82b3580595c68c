// The error function, its complement and gelu: erfc(|x|) is exp(-x^2) times a minimax polynomial, erf(x) near
// zero x times another.
#include <xgrad/tensor/gelu.hpp>
#include <xgrad/tensor/vmath.hpp>
#include <xgrad/tensor/vmath_kernels.hpp>
#include <xgrad/tensor/vmath_loop.hpp>

#include <numbers>

namespace xgrad::vmath {
namespace {

using namespace detail;

/// Where erf leaves its polynomial in x^2, and where exp(-x^2) vanishes.
template <class T>
inline constexpr T near = sizeof(T) == 4 ? T(0.9) : T(1);
template <class T>
inline constexpr T vanishing = sizeof(T) == 4 ? T(10.2225) : T(27.3131);

/// erf(x) for |x| <= near.
template <class T>
Batch<T> erf_near(const Batch<T>& x) {
  return fused(x, polynomial(x * x, Table<T>::erf), x);
}

/// exp(-(high + low)) for 0 <= high <= vanishing^2: the part below the rounding of `high` would show in the
/// result.
template <class T>
inline Batch<T> exp_minus(const Pair<T>& x) {
  const auto [shifted, count, rest] = reduce_ln2<T>(-x.high);
  const Mask<T> subnormal = x.high > Batch<T>(-Format<T>::exp_subnormal);
  return scale_exp<T>(expm1_reduced<T>(rest - x.low), shifted, subnormal, T(1));
}

/// erfc(a) for 0 <= a <= vanishing, given e = exp(-a^2); with the substitution of Shepherd and Laframboise
/// (1981) for exp(a^2) erfc(a).
template <class T>
Batch<T> erfc_positive(const Batch<T>& a, const Batch<T>& e) {
  const Batch<T> centre(sizeof(T) == 4 ? T(3) : T(4)), inverse = Batch<T>(T(1)) / (a + centre);
  return e * inverse * polynomial<T>((a - centre) * inverse, Table<T>::erfcx);
}

template <class T>
Batch<T> erfc_kernel(const Batch<T>& x) {
  const Batch<T> a = at_most(xsimd::abs(x), vanishing<T>);
  const Batch<T> value = erfc_positive(a, exp_minus(exact_product(a, a)));
  return xsimd::select(x < Batch<T>(T(0)), Batch<T>(T(2)) - value, value);
}

/// exp(-x^2 / 2), and twice the normal distribution function of x, erfc(-x / sqrt(2)).
template <class T>
struct Normal {
  explicit Normal(const Batch<T>& x) {
    using B = Batch<T>;
    const B a = at_most(xsimd::abs(x), vanishing<T> * std::numbers::sqrt2_v<T>);
    bell = exp_minus(exact_product<T>(a, B(T(0.5)) * a));
    const B value = erfc_positive<T>(B(std::numbers::sqrt2_v<T> / 2) * a, bell);
    twice_cdf = xsimd::select(x > B(T(0)), B(T(2)) - value, value);
  }
  Batch<T> bell, twice_cdf;
};

template <class T>
Batch<T> gelu_kernel(const Batch<T>& x) {
  return Batch<T>(T(0.5)) * x * Normal<T>(x).twice_cdf;
}

template <class T>
Batch<T> gelu_gradient_kernel(const Batch<T>& x, const Batch<T>& gradient) {
  const Normal<T> normal(x);
  const Batch<T> zero(T(0)), half(T(0.5)),
      scale(std::numbers::inv_sqrtpi_v<T> * std::numbers::sqrt2_v<T> / 2);
  const Batch<T> value = gradient * fused(half, normal.twice_cdf, scale * x * normal.bell);
  return xsimd::select(gradient == zero, zero, value);
}

/// sigmoid(2 u) = 1 / (1 + exp(-2 u)), and x times its slope by x, for u = sqrt(2 / pi) (x + 0.044715 x^3).
template <class T>
struct Sigmoid {
  explicit Sigmoid(const Batch<T>& x) {
    using B = Batch<T>;
    // Far out exp(-2 |u|) vanishes, and u or its slope might overflow.
    const B one(T(1)), v = at_least(at_most(x, T(24)), T(-24)), square = v * v;
    constexpr T factor = 2 * std::numbers::sqrt2_v<T> * std::numbers::inv_sqrtpi_v<T>, cubic = T(0.044715);
    const B twice_u = v * fused(B(factor * cubic), square, B(factor));
    const B e = exp_kernel<T>(-xsimd::abs(twice_u)), inverse = one / (one + e);
    value = xsimd::select(v < B(T(0)), e, one) * inverse;
    slope = fused(B(3 * factor * cubic), square, B(factor)) * v * (e * inverse) * inverse;
  }
  Batch<T> value, slope;
};

template <class T>
Batch<T> gelu_tanh_kernel(const Batch<T>& x) {
  return x * Sigmoid<T>(x).value;
}

template <class T>
Batch<T> gelu_tanh_gradient_kernel(const Batch<T>& x, const Batch<T>& gradient) {
  const Sigmoid<T> sigmoid(x);
  const Batch<T> zero(T(0));
  return xsimd::select(gradient == zero, zero, gradient * (sigmoid.value + sigmoid.slope));
}

Batch<double> erf_kernel(const Batch<double>& x) {
  using B = Batch<double>;
  const B a = at_most(xsimd::abs(x), vanishing<double>);
  const B far = B(1.0) - erfc_positive(a, exp_minus(exact_product(a, a)));
  return xsimd::select(a < B(near<double>), erf_near(x), with_sign(far, x));
}

/// 1 - exp(log(erfc(a))) away from zero; from 4 on it rounds to 1.
Batch<float> erf_kernel(const Batch<float>& x) {
  using B = Batch<float>;
  const B a = xsimd::abs(x);
  const B far = -expm1_bounded(polynomial(at_most(a, 4.0f), Table<float>::log_erfc));
  return xsimd::select(a < B(near<float>), erf_near(x), with_sign(far, x));
}

}  // namespace

void erf(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return erf_kernel(v); });
}
void erf(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return erf_kernel(v); });
}
void erfc(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return erfc_kernel(v); });
}
void erfc(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return erfc_kernel(v); });
}

void gelu(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return gelu_kernel(v); });
}
void gelu(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return gelu_kernel(v); });
}
void gelu_gradient(const float* x, const float* gradient, float* out, Index n) {
  map_batches(x, gradient, out, n,
              [](const Batch<float>& v, const Batch<float>& g) { return gelu_gradient_kernel(v, g); });
}
void gelu_gradient(const double* x, const double* gradient, double* out, Index n) {
  map_batches(x, gradient, out, n,
              [](const Batch<double>& v, const Batch<double>& g) { return gelu_gradient_kernel(v, g); });
}

void gelu_tanh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return gelu_tanh_kernel(v); });
}
void gelu_tanh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return gelu_tanh_kernel(v); });
}
void gelu_tanh_gradient(const float* x, const float* gradient, float* out, Index n) {
  map_batches(x, gradient, out, n,
              [](const Batch<float>& v, const Batch<float>& g) { return gelu_tanh_gradient_kernel(v, g); });
}
void gelu_tanh_gradient(const double* x, const double* gradient, double* out, Index n) {
  map_batches(x, gradient, out, n,
              [](const Batch<double>& v, const Batch<double>& g) { return gelu_tanh_gradient_kernel(v, g); });
}

}  // namespace xgrad::vmath
