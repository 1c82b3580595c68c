// The elementary functions stand in five tables: arrays (vmath/vmath.hpp), lanes (vmath/lanes.hpp), dual
// numbers (autograd/dual.hpp), and operations, declared and defined in autograd/ops. Each row is one
// function, written once and evaluated in all of them; tests/structure/functions.sh holds the rows to the
// sources.
#include <xgrad/autograd/dual.hpp>
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace xgrad;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// The function of whole arrays; none for what is a loop over lanes, or a formula.
template <std::size_t N>
struct Arrays;
template <>
struct Arrays<1> {
  void (*f32)(const float*, float*, Index) = nullptr;
  void (*f64)(const double*, double*, Index) = nullptr;
  void operator()(const std::array<Tensor, 1>& x, float* out) const {
    f32(x[0].data<float>(), out, x[0].count());
  }
  void operator()(const std::array<Tensor, 1>& x, double* out) const {
    f64(x[0].data<double>(), out, x[0].count());
  }
};
template <>
struct Arrays<2> {
  void (*f32)(const float*, const float*, float*, Index) = nullptr;
  void (*f64)(const double*, const double*, double*, Index) = nullptr;
  void operator()(const std::array<Tensor, 2>& x, float* out) const {
    f32(x[0].data<float>(), x[1].data<float>(), out, x[0].count());
  }
  void operator()(const std::array<Tensor, 2>& x, double* out) const {
    f64(x[0].data<double>(), x[1].data<double>(), out, x[0].count());
  }
};
template <>
struct Arrays<3> {
  const void* f32 = nullptr;
  void operator()(const std::array<Tensor, 3>&, float*) const {}
  void operator()(const std::array<Tensor, 3>&, double*) const {}
};

/// What one table makes of the operands: values and slopes by operand; no slopes where it has none.
template <std::size_t N>
struct Answer {
  std::string table;
  std::vector<double> value;
  std::array<std::vector<double>, N> slopes;
};

std::vector<double> numbers(const Tensor& x) {
  const Tensor real = x.to(float64);
  return {real.data<double>(), real.data<double>() + real.count()};
}

/// The function on lanes, or on dual numbers of lanes, one run after the other.
template <class T, std::size_t N, bool dual, class F>
Answer<N> by_lanes(const F& f, const std::array<Tensor, N>& x) {
  const Index count = x[0].count();
  std::vector<T> value(static_cast<std::size_t>(count));
  std::array<std::vector<T>, N> slopes;
  slopes.fill(value);
  for (Index i = 0; i < count; i += Lanes<T>::width) [&]<std::size_t... K>(std::index_sequence<K...>) {
      const auto load = [&](std::size_t k) { return Lanes<T>::load(x[k].template data<T>() + i, count - i); };
      if constexpr (dual) {
        using D = Dual<Lanes<T>, N>;
        const D y = f(D::input([&] { return load(K); }, K, true)...);
        y.value.store(value.data() + i, count - i);
        for (std::size_t k = 0; k < N; ++k) {
          const Lanes<T> slope = y.kind[k] == Partial::zero  ? Lanes<T>(0)
                                 : y.kind[k] == Partial::one ? Lanes<T>(1)
                                                             : y.partial[k];
          slope.store(slopes[k].data() + i, count - i);
        }
      } else {
        Lanes<T>(f(load(K)...)).store(value.data() + i, count - i);
      }
    }
  (std::make_index_sequence<N>{});
  Answer<N> answer{dual ? "dual lanes" : "lanes", {value.begin(), value.end()}, {}};
  if (dual)
    for (std::size_t k = 0; k < N; ++k) answer.slopes[k].assign(slopes[k].begin(), slopes[k].end());
  return answer;
}

template <std::size_t N, class F>
Answer<N> by_recorded_duals(const F& f, const std::array<Tensor, N>& x) {
  using D = Dual<Variable, N>;
  return [&]<std::size_t... K>(std::index_sequence<K...>) {
    const D y = f(D::input([&] { return Variable(x[K]); }, K, true)...);
    Answer<N> answer{"dual variables", numbers(y.value.value()), {}};
    for (std::size_t k = 0; k < N; ++k)
      answer.slopes[k] = y.kind[k] == Partial::general
                             ? numbers((y.partial[k] * ones(x[k].shape(), x[k].dtype())).value())
                             : std::vector<double>(answer.value.size(), y.kind[k] == Partial::one ? 1 : 0);
    return answer;
  }
  (std::make_index_sequence<N>{});
}

/// The operation, differentiated plainly or by a run that is recorded.
template <std::size_t N, class F>
Answer<N> by_operation(const F& f, const std::array<Tensor, N>& x, bool create_graph) {
  std::vector<Variable> leaves;
  for (const Tensor& one : x) leaves.emplace_back(one, VariableOptions{.requires_grad = true});
  const Variable y = [&]<std::size_t... K>(std::index_sequence<K...>) { return f(leaves[K]...); }
  (std::make_index_sequence<N>{});
  Answer<N> answer{create_graph ? "operation, recorded" : "operation", numbers(y.value()), {}};
  // An operation that is constant almost everywhere may have no history at all.
  if (!y.requires_grad())
    answer.slopes.fill(std::vector<double>(answer.value.size()));
  else {
    const auto gradients =
        grad({y}, leaves, {.seeds = {ones(y.shape(), y.dtype())}, .create_graph = create_graph});
    for (std::size_t k = 0; k < N; ++k) answer.slopes[k] = numbers(gradients[k].value());
  }
  return answer;
}

/// The first difference of two lists of numbers by more than `tolerance`, relative to the larger; or -1.
Index difference(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double size = std::max(std::abs(a[i]), std::abs(b[i]));
    if (!std::isfinite(size) || std::abs(a[i] - b[i]) > tolerance * size) return static_cast<Index>(i);
  }
  return -1;
}

template <class T, std::size_t N, class F>
void check_row(const char* name, const F& f, const Arrays<N>& arrays, const std::array<Tensor, N>& operands) {
  std::array<Tensor, N> x;
  for (std::size_t k = 0; k < N; ++k) x[k] = operands[k].to(dtype_of<T>);
  std::vector<Answer<N>> answers{by_lanes<T, N, false>(f, x), by_lanes<T, N, true>(f, x),
                                 by_recorded_duals<N>(f, x), by_operation<N>(f, x, false),
                                 by_operation<N>(f, x, true)};
  if (arrays.f32 != nullptr) {
    std::vector<T> value(answers[0].value.size());
    arrays(x, value.data());
    answers.push_back({"arrays", {value.begin(), value.end()}, {}});
  }
  // Functions with a slope of their own share an exponential with it, and round once more.
  const double epsilon = std::numeric_limits<T>::epsilon();
  // By the output or by the input: see near_limit.
  const double slope_tolerance = std::is_same_v<T, float> ? 5e-6 : 1e-11;
  const Answer<N>& first = answers[1];
  for (const Answer<N>& other : answers) {
    const auto compare = [&](const char* what, const auto& a, const auto& b, double tolerance) {
      const Index at = difference(a, b, tolerance);
      if (at < 0) return;
      std::string place;
      for (const Tensor& one : x) place += " " + std::to_string(numbers(one)[static_cast<std::size_t>(at)]);
      std::ostringstream text;
      text << name << ", " << to_string(dtype_of<T>) << ", " << what << " at" << place << ": " << first.table
           << " " << a[static_cast<std::size_t>(at)] << ", " << other.table << " "
           << b[static_cast<std::size_t>(at)];
      FAIL_CHECK(text.str());
    };
    compare("value", first.value, other.value, 4 * epsilon);
    for (std::size_t k = 0; k < N; ++k)
      if (!other.slopes[k].empty()) compare("slope", first.slopes[k], other.slopes[k], slope_tolerance);
  }
}

/// Evenly from low to high, more than one run of lanes and a rest; and what is special.
Tensor places(double low, double high) {
  std::vector<double> x{not_a_number, inf, -inf, 0.0, -0.0, 1, -1, 2, -2, 0.5, 30, -30};
  constexpr int count = 301;
  for (int i = 0; i < count; ++i) x.push_back(low + (high - low) * i / (count - 1));
  return Tensor::from(x, {static_cast<Index>(x.size())});
}

/// One place of each operand with every place of the others.
template <std::size_t N>
std::array<Tensor, N> all_pairs(const std::array<std::vector<double>, N>& places) {
  std::array<std::vector<double>, N> columns;
  std::size_t count = 1;
  for (const auto& list : places) count *= list.size();
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t rest = i;
    for (std::size_t k = 0; k < N; rest /= places[k].size(), ++k)
      columns[k].push_back(places[k][rest % places[k].size()]);
  }
  std::array<Tensor, N> operands;
  for (std::size_t k = 0; k < N; ++k) operands[k] = Tensor::from(columns[k], {static_cast<Index>(count)});
  return operands;
}

template <class F>
void unary(const char* name, F f, const Arrays<1>& arrays, double low, double high) {
  check_row<float, 1>(name, f, arrays, {places(low, high)});
  check_row<double, 1>(name, f, arrays, {places(low, high)});
}
template <class F>
void binary(const char* name, F f, const Arrays<2>& arrays) {
  const std::vector<double> x{not_a_number, inf, -inf, 0.0, -0.0, 1, -1, 0.3, -0.7, 2.5, -3.2, 7, -40, 1e-3};
  check_row<float, 2>(name, f, arrays, all_pairs<2>({x, x}));
  check_row<double, 2>(name, f, arrays, all_pairs<2>({x, x}));
}
template <class F>
void ternary(const char* name, F f) {
  const std::vector<double> x{0.0, 1, -1, 0.3, -0.7, 2.5, -3.2, 7};
  check_row<float, 3>(name, f, {}, all_pairs<3>({x, x, x}));
  check_row<double, 3>(name, f, {}, all_pairs<3>({x, x, x}));
}

}  // namespace

TEST_SUITE("autograd") {
  // clang-format off
  TEST_CASE("functions: one value and one slope in all tables") {
    unary("exp", [](const auto& x) { return exp(x); }, {vmath::exp, vmath::exp}, -80, 80);
    unary("exp2", [](const auto& x) { return exp2(x); }, {vmath::exp2, vmath::exp2}, -100, 100);
    unary("expm1", [](const auto& x) { return expm1(x); }, {vmath::expm1, vmath::expm1}, -40, 40);
    unary("log", [](const auto& x) { return log(x); }, {vmath::log, vmath::log}, -1, 90);
    unary("log2", [](const auto& x) { return log2(x); }, {vmath::log2, vmath::log2}, -1, 90);
    unary("log10", [](const auto& x) { return log10(x); }, {vmath::log10, vmath::log10}, -1, 90);
    unary("log1p", [](const auto& x) { return log1p(x); }, {vmath::log1p, vmath::log1p}, -1.5, 5);
    unary("sqrt", [](const auto& x) { return sqrt(x); }, {vmath::sqrt, vmath::sqrt}, -1, 90);
    unary("cbrt", [](const auto& x) { return cbrt(x); }, {vmath::cbrt, vmath::cbrt}, -90, 90);
    unary("sin", [](const auto& x) { return sin(x); }, {vmath::sin, vmath::sin}, -90, 90);
    unary("cos", [](const auto& x) { return cos(x); }, {vmath::cos, vmath::cos}, -90, 90);
    unary("tan", [](const auto& x) { return tan(x); }, {vmath::tan, vmath::tan}, -7, 7);
    unary("asin", [](const auto& x) { return asin(x); }, {vmath::asin, vmath::asin}, -1.2, 1.2);
    unary("acos", [](const auto& x) { return acos(x); }, {vmath::acos, vmath::acos}, -1.2, 1.2);
    unary("atan", [](const auto& x) { return atan(x); }, {vmath::atan, vmath::atan}, -90, 90);
    unary("sinh", [](const auto& x) { return sinh(x); }, {vmath::sinh, vmath::sinh}, -40, 40);
    unary("cosh", [](const auto& x) { return cosh(x); }, {vmath::cosh, vmath::cosh}, -40, 40);
    unary("tanh", [](const auto& x) { return tanh(x); }, {vmath::tanh, vmath::tanh}, -20, 20);
    unary("asinh", [](const auto& x) { return asinh(x); }, {vmath::asinh, vmath::asinh}, -90, 90);
    unary("acosh", [](const auto& x) { return acosh(x); }, {vmath::acosh, vmath::acosh}, 0.5, 90);
    unary("atanh", [](const auto& x) { return atanh(x); }, {vmath::atanh, vmath::atanh}, -1.2, 1.2);
    unary("sigmoid", [](const auto& x) { return sigmoid(x); }, {vmath::sigmoid, vmath::sigmoid}, -80, 80);
    unary("softplus", [](const auto& x) { return softplus(x); }, {}, -40, 40);
    unary("erf", [](const auto& x) { return erf(x); }, {vmath::erf, vmath::erf}, -5, 5);
    unary("erfc", [](const auto& x) { return erfc(x); }, {vmath::erfc, vmath::erfc}, -5, 9);
    unary("lgamma", [](const auto& x) { return lgamma(x); }, {vmath::lgamma, vmath::lgamma}, -3.3, 60);
    unary("digamma", [](const auto& x) { return digamma(x); }, {vmath::digamma, vmath::digamma}, -3.3, 60);
    unary("polygamma", [](const auto& x) { return polygamma(2, x); },
          {[](const float* x, float* out, Index n) { vmath::polygamma(2, x, out, n); },
           [](const double* x, double* out, Index n) { vmath::polygamma(2, x, out, n); }}, 0.2, 60);
    unary("abs", [](const auto& x) { return abs(x); }, {}, -9, 9);
    unary("sign", [](const auto& x) { return sign(x); }, {}, -9, 9);
    unary("floor", [](const auto& x) { return floor(x); }, {vmath::floor, vmath::floor}, -9, 9);
    unary("ceil", [](const auto& x) { return ceil(x); }, {vmath::ceil, vmath::ceil}, -9, 9);
    unary("round", [](const auto& x) { return round(x); }, {vmath::round, vmath::round}, -9, 9);
    unary("trunc", [](const auto& x) { return trunc(x); }, {vmath::trunc, vmath::trunc}, -9, 9);
    binary("pow", [](const auto& a, const auto& b) { return pow(a, b); }, {vmath::pow, vmath::pow});
    binary("atan2", [](const auto& a, const auto& b) { return atan2(a, b); }, {vmath::atan2, vmath::atan2});
    binary("hypot", [](const auto& a, const auto& b) { return hypot(a, b); }, {vmath::hypot, vmath::hypot});
    binary("fmod", [](const auto& a, const auto& b) { return fmod(a, b); }, {vmath::fmod, vmath::fmod});
    binary("remainder", [](const auto& a, const auto& b) { return remainder(a, b); },
           {vmath::remainder, vmath::remainder});
    binary("floor_divide", [](const auto& a, const auto& b) { return floor_divide(a, b); },
           {vmath::floor_divide, vmath::floor_divide});
    binary("maximum", [](const auto& a, const auto& b) { return maximum(a, b); }, {});
    binary("minimum", [](const auto& a, const auto& b) { return minimum(a, b); }, {});
    binary("xlogy", [](const auto& a, const auto& b) { return xlogy(a, b); }, {});
    ternary("lerp", [](const auto& a, const auto& b, const auto& t) { return lerp(a, b, t); });
  }
  // clang-format on
}
