// Elementwise functions at the ends of the range: limits at the infinities, and slopes that keep their digits
// where a function saturates.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

using namespace xgrad;
using namespace xgrad::test;

namespace {

using Real = long double;
constexpr double inf = std::numeric_limits<double>::infinity();

using Unary = std::function<Variable(const Variable&)>;

// The gradient of sum(f(x)) at x, of a plain run or of one that is itself recorded.
Tensor slope(const Unary& f, const Tensor& x, bool recorded) {
  const Variable v = leaf(x);
  return grad(sum(f(v)), v, {.create_graph = recorded}).value();
}

struct End {
  std::string name;
  Unary f;
  double low, high;              // values at minus and plus infinity
  double slope_low, slope_high;  // slopes there
};

const std::vector<End> ends{
    {"sigmoid", [](const Variable& x) { return sigmoid(x); }, 0, 1, 0, 0},
    {"logsigmoid", [](const Variable& x) { return logsigmoid(x); }, -inf, 0, 1, 0},
    {"softplus", [](const Variable& x) { return softplus(x); }, 0, inf, 0, 1},
    {"softplus, steep", [](const Variable& x) { return softplus(x, 3); }, 0, inf, 0, 1},
    {"relu", [](const Variable& x) { return relu(x); }, 0, inf, 0, 1},
    {"leaky_relu", [](const Variable& x) { return leaky_relu(x, 0.5); }, -inf, inf, 0.5, 1},
    {"leaky_relu, flat", [](const Variable& x) { return leaky_relu(x, 0); }, 0, inf, 0, 1},
    {"elu", [](const Variable& x) { return elu(x, 2); }, -2, inf, 0, 1},
    {"elu, flat", [](const Variable& x) { return elu(x, 0); }, 0, inf, 0, 1},
    {"selu", [](const Variable& x) { return selu(x); }, -1.0507009873554805 * 1.6732632423543772, inf, 0,
     1.0507009873554805},
    {"celu", [](const Variable& x) { return celu(x, 0.5); }, -0.5, inf, 0, 1},
    {"gelu", [](const Variable& x) { return gelu(x); }, 0, inf, 0, 1},
    {"gelu tanh", [](const Variable& x) { return gelu(x, GeluForm::tanh); }, 0, inf, 0, 1},
    {"silu", [](const Variable& x) { return silu(x); }, 0, inf, 0, 1},
    {"mish", [](const Variable& x) { return mish(x); }, 0, inf, 0, 1},
    {"hardtanh", [](const Variable& x) { return hardtanh(x); }, -1, 1, 0, 0},
    {"relu6", [](const Variable& x) { return relu6(x); }, 0, 6, 0, 0},
    {"hardsigmoid", [](const Variable& x) { return hardsigmoid(x); }, 0, 1, 0, 0},
    {"hardswish", [](const Variable& x) { return hardswish(x); }, 0, inf, 0, 1},
    {"softsign", [](const Variable& x) { return softsign(x); }, -1, 1, 0, 0},
    {"tanhshrink", [](const Variable& x) { return tanhshrink(x); }, -inf, inf, 1, 1},
    {"softshrink", [](const Variable& x) { return softshrink(x); }, -inf, inf, 1, 1},
    {"hardshrink", [](const Variable& x) { return hardshrink(x); }, -inf, inf, 1, 1},
    {"threshold", [](const Variable& x) { return threshold(x, 1, 20); }, 20, inf, 0, 1},
    {"clamp", [](const Variable& x) { return clamp(x, -2, 3); }, -2, 3, 0, 0},
    {"exp", [](const Variable& x) { return exp(x); }, 0, inf, 0, inf},
    {"exp2", [](const Variable& x) { return exp2(x); }, 0, inf, 0, inf},
    {"expm1", [](const Variable& x) { return expm1(x); }, -1, inf, 0, inf},
    {"square", [](const Variable& x) { return square(x); }, inf, inf, -inf, inf},
    {"cbrt", [](const Variable& x) { return cbrt(x); }, -inf, inf, 0, 0},
    {"reciprocal", [](const Variable& x) { return reciprocal(x); }, 0, 0, 0, 0},
    {"abs", [](const Variable& x) { return abs(x); }, inf, inf, -1, 1},
    {"sign", [](const Variable& x) { return sign(x); }, -1, 1, 0, 0},
    {"atan", [](const Variable& x) { return atan(x); }, -std::numbers::pi / 2, std::numbers::pi / 2, 0, 0},
    {"sinh", [](const Variable& x) { return sinh(x); }, -inf, inf, inf, inf},
    {"cosh", [](const Variable& x) { return cosh(x); }, inf, inf, -inf, inf},
    {"tanh", [](const Variable& x) { return tanh(x); }, -1, 1, 0, 0},
    {"asinh", [](const Variable& x) { return asinh(x); }, -inf, inf, 0, 0},
    {"erf", [](const Variable& x) { return erf(x); }, -1, 1, 0, 0},
    {"erfc", [](const Variable& x) { return erfc(x); }, 2, 0, 0, 0},
    {"in map",
     [](const Variable& x) {
       return map(
           "test_ends", [](auto v) { return tanh(v) + sigmoid(v) + softplus(v); }, x);
     },
     -1, inf, 0, 1},
};

// Functions of positive numbers alone.
const std::vector<End> upper_ends{
    {"log", [](const Variable& x) { return log(x); }, 0, inf, 0, 0},
    {"log2", [](const Variable& x) { return log2(x); }, 0, inf, 0, 0},
    {"log10", [](const Variable& x) { return log10(x); }, 0, inf, 0, 0},
    {"log1p", [](const Variable& x) { return log1p(x); }, 0, inf, 0, 0},
    {"sqrt", [](const Variable& x) { return sqrt(x); }, 0, inf, 0, 0},
    {"rsqrt", [](const Variable& x) { return rsqrt(x); }, 0, 0, 0, 0},
    {"acosh", [](const Variable& x) { return acosh(x); }, 0, inf, 0, 0},
    {"lgamma", [](const Variable& x) { return lgamma(x); }, 0, inf, 0, inf},
    {"digamma", [](const Variable& x) { return digamma(x); }, 0, inf, 0, 0},
    {"polygamma", [](const Variable& x) { return polygamma(1, x); }, 0, 0, 0, 0},
    {"pow", [](const Variable& x) { return pow(x, -2); }, 0, 0, 0, 0},
    {"pow, below 1", [](const Variable& x) { return pow(x, 0.5); }, 0, inf, 0, 0},
};

void check_at(const End& end, double x, double value, double expected_slope) {
  CAPTURE(end.name);
  CAPTURE(x);
  for (const DType dtype : {float32, float64}) {
    const Tensor at = Tensor({x, 0.5, x}, float64).to(dtype);
    const auto near = [](double expected) { return doctest::Approx(expected).epsilon(1e-6); };
    const auto check = [&](double actual, double expected) {
      if (std::isinf(expected) || expected == 0)
        CHECK(actual == expected);
      else
        CHECK(actual == near(expected));
    };
    check(end.f(at).value().at({0}), value);
    check(end.f(at).value().at({2}), value);
    for (const bool recorded : {false, true}) {
      CAPTURE(recorded);
      check(slope(end.f, at, recorded).at({0}), expected_slope);
      check(slope(end.f, at, recorded).at({2}), expected_slope);
    }
  }
}

// 1 / (1 + exp(-x)), and the slope.
Real sigma(Real x) { return 1 / (1 + std::exp(-x)); }
Real sech_squared(Real x) {
  const Real e = std::exp(-2 * std::fabs(x));
  return 4 * e / ((1 + e) * (1 + e));
}
// tanh(softplus(x)) = n / (n + 2) for n = exp(x) (exp(x) + 2).
Real mish_gate(Real x) {
  if (x > 50) return 1;
  const Real n = std::exp(x) * (std::exp(x) + 2);
  return n / (n + 2);
}

struct Saturated {
  std::string name;
  Unary f;
  Real (*slope)(Real);
  Real zero = 0;  // where the slope has a zero, near which digits are lost
};

const std::vector<Saturated> saturated{
    {"sigmoid", [](const Variable& x) { return sigmoid(x); },
     [](Real x) {
       return std::exp(-std::fabs(x)) / ((1 + std::exp(-std::fabs(x))) * (1 + std::exp(-std::fabs(x))));
     }},
    {"logsigmoid", [](const Variable& x) { return logsigmoid(x); }, [](Real x) { return sigma(-x); }},
    {"softplus", [](const Variable& x) { return softplus(x); }, [](Real x) { return sigma(x); }},
    {"softplus, steep", [](const Variable& x) { return softplus(x, 4); },
     [](Real x) { return sigma(4 * x); }},
    {"tanh", [](const Variable& x) { return tanh(x); }, sech_squared},
    {"tanhshrink", [](const Variable& x) { return tanhshrink(x); },
     [](Real x) { return std::tanh(x) * std::tanh(x); }},
    {"softsign", [](const Variable& x) { return softsign(x); },
     [](Real x) { return 1 / ((1 + std::fabs(x)) * (1 + std::fabs(x))); }},
    {"elu", [](const Variable& x) { return elu(x, 1.5); },
     [](Real x) { return x > 0 ? 1 : Real(1.5) * std::exp(x); }},
    {"selu", [](const Variable& x) { return selu(x); },
     [](Real x) {
       const Real scale = 1.0507009873554804934193349852946L, alpha = 1.6732632423543772848170429916717L;
       return x > 0 ? scale : scale * alpha * std::exp(x);
     }},
    {"celu", [](const Variable& x) { return celu(x, 0.5); },
     [](Real x) { return x > 0 ? 1 : std::exp(2 * x); }},
    {"gelu", [](const Variable& x) { return gelu(x); },
     [](Real x) {
       return std::erfc(-x / std::numbers::sqrt2_v<Real>) / 2 +
              x * std::exp(-x * x / 2) * std::numbers::inv_sqrtpi_v<Real> / std::numbers::sqrt2_v<Real>;
     },
     -0.7517915246935645L},
    {"gelu tanh", [](const Variable& x) { return gelu(x, GeluForm::tanh); },
     [](Real x) {
       const Real factor = 2 * std::numbers::sqrt2_v<Real> * std::numbers::inv_sqrtpi_v<Real>;
       const Real u = factor * (x + 0.044715L * x * x * x), s = sigma(u);
       return s + x * s * sigma(-u) * factor * (1 + 3 * 0.044715L * x * x);
     },
     -0.7524614220710162L},
    {"silu", [](const Variable& x) { return silu(x); },
     [](Real x) { return sigma(x) + x * sigma(x) * sigma(-x); }, -1.2784645427610738L},
    {"mish", [](const Variable& x) { return mish(x); },
     [](Real x) { return mish_gate(x) + x * (1 - mish_gate(x)) * (1 + mish_gate(x)) * sigma(x); },
     -1.1924312145154834L},
    {"hardswish", [](const Variable& x) { return hardswish(x); },
     [](Real x) { return x <= -3  ? 0
                         : x >= 3 ? 1
                                  : x / 3 + Real(0.5); }, -1.5L},
    {"hardsigmoid", [](const Variable& x) { return hardsigmoid(x); },
     [](Real x) { return std::fabs(x) >= 3 ? 0 : 1 / Real(6); }},
    {"expm1", [](const Variable& x) { return expm1(x); }, [](Real x) { return std::exp(x); }},
    {"erf", [](const Variable& x) { return erf(x); },
     [](Real x) { return 2 * std::numbers::inv_sqrtpi_v<Real> * std::exp(-x * x); }},
    {"erfc", [](const Variable& x) { return erfc(x); },
     [](Real x) { return -2 * std::numbers::inv_sqrtpi_v<Real> * std::exp(-x * x); }},
    {"erf in map",
     [](const Variable& x) {
       return map(
           "test_erf", [](auto v) { return erf(v); }, x);
     },
     [](Real x) { return 2 * std::numbers::inv_sqrtpi_v<Real> * std::exp(-x * x); }},
    {"atan", [](const Variable& x) { return atan(x); }, [](Real x) { return 1 / (1 + x * x); }},
    {"asinh", [](const Variable& x) { return asinh(x); }, [](Real x) { return 1 / std::sqrt(1 + x * x); }},
    {"tanh in map",
     [](const Variable& x) {
       return map(
           "test_tanh", [](auto v) { return tanh(v); }, x);
     },
     sech_squared},
    {"sigmoid in map",
     [](const Variable& x) {
       return map(
           "test_sigmoid", [](auto v) { return sigmoid(v); }, x);
     },
     [](Real x) { return sech_squared(x / 2) / 4; }},
};

// 0.01 to 110 and -110, densely, and powers of two over the whole range.
Tensor sweep() {
  std::vector<float> x;
  for (int i = 1; i <= 11000; ++i)
    for (const int sign : {-1, 1}) x.push_back(static_cast<float>(sign * i) * 0.01f);
  for (int power = -126; power <= 127; ++power)
    for (const float sign : {-1.0f, 1.0f}) x.push_back(sign * std::ldexp(1.25f, power));
  return Tensor::from(x, {static_cast<Index>(x.size())});
}

}  // namespace

TEST_CASE("ends: values and slopes at the infinities are the limits") {
  for (const End& end : ends) {
    check_at(end, -inf, end.low, end.slope_low);
    check_at(end, inf, end.high, end.slope_high);
  }
  for (const End& end : upper_ends) check_at(end, inf, end.high, end.slope_high);
}

TEST_CASE("ends: slopes of saturated float32 activations keep their digits") {
  const Tensor x = sweep();
  const auto at = x.span<float>();
  for (const Saturated& row : saturated) {
    CAPTURE(row.name);
    for (const bool recorded : {false, true}) {
      CAPTURE(recorded);
      const Tensor slopes = slope(row.f, x, recorded);
      double worst = 0, where = 0;
      for (std::size_t i = 0; i < at.size(); ++i) {
        const Real exact = row.slope(at[i]);
        if (std::fabs(exact) < std::numeric_limits<float>::min() ||
            std::fabs(exact) > std::numeric_limits<float>::max())
          continue;
        if (row.zero != 0 && std::fabs(at[i] - row.zero) < 0.5) continue;
        const Real actual = slopes.data<float>()[i];
        const auto error = static_cast<double>(std::fabs(actual - exact) / std::fabs(exact));
        if (error > worst) {
          worst = error;
          where = at[i];
        }
      }
      CAPTURE(where);
      CHECK(worst < 1e-6);
    }
  }
}

TEST_CASE("ends: float64 slopes by the output or the input, each element by itself") {
  // The output tells the slope until it has lost digits; neighbours of either kind share a block.
  std::vector<double> values;
  for (int i = 1; i <= 3000; ++i)
    for (const int sign : {-1, 1}) values.push_back(sign * i * (i % 3 == 0 ? 0.001 : 0.23));
  const Tensor x = Tensor::from(values, {static_cast<Index>(values.size())});
  for (const Saturated& row : saturated) {
    if (row.name != "tanh" && row.name != "sigmoid" && row.name != "expm1") continue;
    CAPTURE(row.name);
    const Tensor slopes = slope(row.f, x, false);
    for (Index i = 0; i < x.count(); ++i) {
      const Real exact = row.slope(values[static_cast<std::size_t>(i)]);
      if (exact < std::numeric_limits<double>::min() || exact > std::numeric_limits<double>::max()) continue;
      CAPTURE(values[static_cast<std::size_t>(i)]);
      REQUIRE(std::fabs(slopes.data<double>()[i] - exact) <= 1e-10L * exact);
      if (i % 97 == 0)
        REQUIRE(slope(row.f, x.rows(i, i + 1), false).item<double>() == slopes.data<double>()[i]);
    }
  }
}

TEST_CASE("ends: tanhshrink near zero is a cube, not a difference") {
  for (const double x : {1e-12, 1e-4, 0.01, 0.3, 0.9, 1.1}) {
    CAPTURE(x);
    // x - tanh(x) = x q / (1 + q) by the continued fraction of tanh, all of whose terms are positive.
    for (const DType dtype : {float32, float64}) {
      const Tensor at = Tensor({x, -x}, float64).to(dtype);
      const Real v = at.at({0});
      Real rest = 0;
      for (int odd = 41; odd >= 3; odd -= 2) rest = v * v / (odd + rest);
      const auto exact = static_cast<double>(v * rest / (1 + rest));
      const Tensor y = tanhshrink(at).value();
      const double few = dtype == float32 ? 1e-6 : 2e-15;
      CHECK(std::fabs(y.at({0}) - exact) <= few * exact);
      CHECK(y.at({1}) == -y.at({0}));
    }
  }
  CHECK(std::signbit(tanhshrink(scalar(-0.0, float64)).item()));
}

TEST_CASE("ends: the functions of two and three operands") {
  const auto both = [](auto f, double a, double b, bool recorded, DType dtype) {
    const Variable x = leaf(scalar(a, dtype)), y = leaf(scalar(b, dtype));
    const auto g = grad({f(x, y)}, {x, y}, {.create_graph = recorded});
    return std::pair{g[0].item(), g[1].item()};
  };
  const auto length = [](const Variable& x, const Variable& y) { return hypot(x, y); };
  const auto angle = [](const Variable& x, const Variable& y) { return atan2(x, y); };
  for (const DType dtype : {float32, float64})
    for (const bool recorded : {false, true}) {
      CAPTURE(recorded);
      CHECK(both(length, inf, 1, recorded, dtype) == std::pair{1.0, 0.0});
      CHECK(both(length, -inf, 1, recorded, dtype) == std::pair{-1.0, 0.0});
      CHECK(both(length, 2, inf, recorded, dtype) == std::pair{0.0, 1.0});
      CHECK(both(length, 0, 0, recorded, dtype) == std::pair{0.0, 0.0});
      CHECK(both(length, 3, -4, recorded, dtype).first == doctest::Approx(0.6));
      CHECK(both(length, 3, -4, recorded, dtype).second == doctest::Approx(-0.8));
      CHECK(both(angle, 1, inf, recorded, dtype) == std::pair{0.0, 0.0});
      CHECK(both(angle, inf, 1, recorded, dtype) == std::pair{0.0, 0.0});
      CHECK(both(angle, inf, -inf, recorded, dtype) == std::pair{0.0, 0.0});
    }
  // Two long sides: the length is beyond the type, its direction is not.
  const auto long_sides = both(length, 3e38, 3e38, false, float32);
  CHECK(long_sides.first == doctest::Approx(std::sqrt(0.5)));
  CHECK(long_sides.second == doctest::Approx(std::sqrt(0.5)));
  CHECK(both(length, 3e38, 3e38, true, float32).first == doctest::Approx(std::sqrt(0.5)));
}

TEST_CASE("lerp: exact at both ends, and no overflow between them") {
  const auto at = [](double a, double b, double t, DType dtype) {
    return lerp(scalar(a, dtype), scalar(b, dtype), scalar(t, dtype)).item();
  };
  CHECK(at(-3e38, 3e38, 0.5, float32) == 0);
  CHECK(at(-1.5e308, 1.5e308, 0.5, float64) == 0);
  CHECK(at(-3e38, 3e38, 0.25, float32) == doctest::Approx(-1.5e38));
  CHECK(at(inf, 3, 1, float64) == 3);
  CHECK(at(3, inf, 0, float64) == 3);
  CHECK(std::isnan(at(1, 2, NAN, float64)));
  CHECK(at(1, 3, 2, float64) == 5);
  CHECK(at(1, 3, -1, float64) == -1);
  const Generator generator(5);
  for (const DType dtype : {float32, float64}) {
    const Tensor a = normal({5000}, 0, 1, dtype), b = normal({5000}, 0, 1e-3, dtype);
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
      CHECK(all(equal(lerp(from, to, 1.0), to)).item<bool>());
      CHECK(all(equal(lerp(from, to, 0.0), from)).item<bool>());
      const Tensor half = lerp(from, to, 0.5).value();
      CHECK(allclose(half, ((from + to) / 2).value(), {.rtol = 1e-5, .atol = 1e-7}));
    }
    CHECK(all(equal(lerp(a, a, uniform({5000}, 0, 1, dtype)), a)).item<bool>());
  }
  CHECK(gradgradcheck([](const Variable& a, const Variable& b, const Variable& t) { return lerp(a, b, t); },
                      Tensor({-1.0, 2.0, 3.0, 0.0}, float64), Tensor({2.0, -1.0, 5.0, 1.0}, float64),
                      Tensor({0.0, 1.0, 0.3, 0.7}, float64)));
}
