#include <xgrad/kernels/moments.hpp>

namespace xgrad::detail {

template <class T>
Standard scaled_standard(const T* x, Index rows, Index depth, Index stride, bool centred, double eps) {
  const auto each = [&](auto f) {
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < depth; ++j) f(static_cast<double>(x[i * stride + j]));
  };
  const double count = static_cast<double>(rows) * static_cast<double>(depth);
  double largest = 0, total = 0, total_squares = 0;
  bool finite = true;
  each([&](double v) {
    largest = std::max(largest, std::fabs(v));
    finite &= std::isfinite(v);
    total += v;
    total_squares += v * v;
  });
  if (!finite) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    const double variance = centred ? nan : total_squares;
    return {centred ? total / count : 0, centred ? nan : 0, std::sqrt(variance + eps), variance};
  }
  const int exponent = largest > 0 ? std::ilogb(largest) : 0;
  const auto scaled = [&](double v) { return std::scalbn(v, -exponent); };
  double mean = 0, rest = 0, squares = 0;
  if (centred) {
    each([&](double v) { mean += scaled(v); });
    mean /= count;
    each([&](double v) { rest += scaled(v) - mean; });
    rest /= count;
  }
  each([&](double v) {
    const double distance = scaled(v) - mean - rest;
    squares += distance * distance;
  });
  const double variance = squares / count, deviation = std::scalbn(std::sqrt(variance), exponent);
  const double rounded = static_cast<double>(static_cast<T>(std::scalbn(mean + rest, exponent)));
  return {rounded, std::scalbn(mean - scaled(rounded) + rest, exponent),
          std::hypot(deviation, std::sqrt(eps)), std::scalbn(variance, 2 * exponent)};
}

template Standard scaled_standard(const float*, Index, Index, Index, bool, double);
template Standard scaled_standard(const double*, Index, Index, Index, bool, double);

}  // namespace xgrad::detail
