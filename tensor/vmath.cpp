// Scalar definitions.
#include <xgrad/tensor/vmath.hpp>

#include <cmath>
#include <limits>

namespace xgrad::vmath {
namespace {
template <class T, class F>
void loop(const T* x, T* out, Index n, F f) {
  for (Index i = 0; i < n; ++i) out[i] = f(x[i]);
}
template <class T, class F>
void loop(const T* x, const T* y, T* out, Index n, F f) {
  for (Index i = 0; i < n; ++i) out[i] = f(x[i], y[i]);
}
double lgamma_of(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}
double digamma_of(double x) {
  if (x == 0) return std::copysign(std::numeric_limits<double>::infinity(), -x);
  if (x < 0) {
    if (x == std::floor(x)) return std::numeric_limits<double>::quiet_NaN();
    return digamma_of(1 - x) - M_PI / std::tan(M_PI * (x - std::round(x)));
  }
  double sum = 0;
  for (; x < 10; ++x) sum -= 1 / x;
  double z = 1 / (x * x);
  return sum + std::log(x) - 0.5 / x -
         z * (1. / 12 - z * (1. / 120 - z * (1. / 252 - z * (1. / 240 - z * (1. / 132)))));
}
double polygamma_of(int n, double x) {
  double sum = 0;
  for (; x < 20; ++x) sum += std::pow(x, -n - 1);
  sum += std::pow(x, -n) / n + 0.5 * std::pow(x, -n - 1) + (n + 1) * std::pow(x, -n - 2) / 12;
  return (n % 2 ? 1 : -1) * std::tgamma(n + 1.) * sum;
}
}  // namespace
void exp(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::exp(v); });
}
void exp(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::exp(v); });
}
void exp2(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::exp2(v); });
}
void exp2(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::exp2(v); });
}
void expm1(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::expm1(v); });
}
void expm1(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::expm1(v); });
}
void log(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::log(v); });
}
void log(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::log(v); });
}
void log2(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::log2(v); });
}
void log2(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::log2(v); });
}
void log10(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::log10(v); });
}
void log10(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::log10(v); });
}
void log1p(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::log1p(v); });
}
void log1p(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::log1p(v); });
}
void sqrt(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::sqrt(v); });
}
void sqrt(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::sqrt(v); });
}
void cbrt(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::cbrt(v); });
}
void cbrt(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::cbrt(v); });
}
void sin(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::sin(v); });
}
void sin(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::sin(v); });
}
void cos(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::cos(v); });
}
void cos(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::cos(v); });
}
void tan(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::tan(v); });
}
void tan(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::tan(v); });
}
void asin(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::asin(v); });
}
void asin(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::asin(v); });
}
void acos(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::acos(v); });
}
void acos(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::acos(v); });
}
void atan(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::atan(v); });
}
void atan(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::atan(v); });
}
void sinh(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::sinh(v); });
}
void sinh(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::sinh(v); });
}
void cosh(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::cosh(v); });
}
void cosh(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::cosh(v); });
}
void tanh(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::tanh(v); });
}
void tanh(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::tanh(v); });
}
void asinh(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::asinh(v); });
}
void asinh(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::asinh(v); });
}
void acosh(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::acosh(v); });
}
void acosh(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::acosh(v); });
}
void atanh(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::atanh(v); });
}
void atanh(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::atanh(v); });
}
void erf(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::erf(v); });
}
void erf(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::erf(v); });
}
void erfc(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::erfc(v); });
}
void erfc(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::erfc(v); });
}
void floor(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::floor(v); });
}
void floor(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::floor(v); });
}
void ceil(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::ceil(v); });
}
void ceil(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::ceil(v); });
}
void trunc(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::trunc(v); });
}
void trunc(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::trunc(v); });
}
void round(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return std::nearbyint(v); });
}
void lgamma(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return static_cast<float>(lgamma_of(v)); });
}
void digamma(const float* x, float* out, Index n) {
  loop(x, out, n, [](float v) { return static_cast<float>(digamma_of(v)); });
}
void polygamma(int order, const float* x, float* out, Index n) {
  loop(x, out, n, [order](float v) { return static_cast<float>(polygamma_of(order, v)); });
}
void pow(const float* x, const float* y, float* out, Index n) {
  loop(x, y, out, n, [](float a, float b) { return std::pow(a, b); });
}
void atan2(const float* x, const float* y, float* out, Index n) {
  loop(x, y, out, n, [](float a, float b) { return std::atan2(a, b); });
}
void hypot(const float* x, const float* y, float* out, Index n) {
  loop(x, y, out, n, [](float a, float b) { return std::hypot(a, b); });
}
void fmod(const float* x, const float* y, float* out, Index n) {
  loop(x, y, out, n, [](float a, float b) { return std::fmod(a, b); });
}
void round(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return std::nearbyint(v); });
}
void lgamma(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return static_cast<double>(lgamma_of(v)); });
}
void digamma(const double* x, double* out, Index n) {
  loop(x, out, n, [](double v) { return static_cast<double>(digamma_of(v)); });
}
void polygamma(int order, const double* x, double* out, Index n) {
  loop(x, out, n, [order](double v) { return static_cast<double>(polygamma_of(order, v)); });
}
void pow(const double* x, const double* y, double* out, Index n) {
  loop(x, y, out, n, [](double a, double b) { return std::pow(a, b); });
}
void atan2(const double* x, const double* y, double* out, Index n) {
  loop(x, y, out, n, [](double a, double b) { return std::atan2(a, b); });
}
void hypot(const double* x, const double* y, double* out, Index n) {
  loop(x, y, out, n, [](double a, double b) { return std::hypot(a, b); });
}
void fmod(const double* x, const double* y, double* out, Index n) {
  loop(x, y, out, n, [](double a, double b) { return std::fmod(a, b); });
}
}  // namespace xgrad::vmath
