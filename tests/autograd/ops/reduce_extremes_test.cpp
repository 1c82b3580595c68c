// Reductions of constant and far data, at infinity, and along the axis that a scalar counts as having.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>

namespace {

using namespace xgrad;

constexpr double inf = std::numeric_limits<double>::infinity();

long double exact_variance(const std::vector<double>& values) {
  long double mean = 0, squares = 0;
  for (const double v : values) mean += v;
  mean /= static_cast<long double>(values.size());
  for (const double v : values) squares += (v - mean) * (v - mean);
  return squares / static_cast<long double>(values.size() - 1);
}

}  // namespace

TEST_CASE("std and var of constant data are 0 with gradient 0, along every axis") {
  for (const DType dtype : {float32, float64})
    for (Index n = 2; n <= 300; n += n < 20 ? 1 : 7)
      for (const bool recorded : {false, true})
        for (const Index axis : {0, 1}) {
          CAPTURE(n);
          const Shape shape = axis == 0 ? Shape{n, 3} : Shape{3, n};
          const Variable x(full(shape, 0.1, dtype), {.requires_grad = true});
          for (const Variable& y : {stddev(x, axis), var(x, axis)}) {
            CHECK(bitwise_equal(y.value(), zeros({3}, dtype)));
            const Tensor slope = grad(sum(y), x, {.create_graph = recorded}).value();
            CHECK(allclose(slope, zeros(shape, dtype), {.rtol = 0, .atol = 0}));
          }
        }
}

TEST_CASE("var of float32 values around 1e7 and 1e8 is as right as the data") {
  std::mt19937_64 generator(7);
  for (const double centre : {1e7, 1e8, -1e8})
    for (Index n = 2; n <= 300; n += n < 20 ? 1 : 13) {
      CAPTURE(n);
      std::vector<float> values;
      std::vector<double> exact;
      for (Index i = 0; i < n; ++i) {
        const auto step = static_cast<double>(generator() % 100);
        values.push_back(static_cast<float>(centre + step));
        exact.push_back(static_cast<double>(values.back()));
      }
      const double expected = static_cast<double>(exact_variance(exact));
      const Tensor row = Tensor::from(values, {1, n});
      for (const Variable& x : {Variable(row), Variable(row.reshape({n, 1}))}) {
        const Index axis = x.size(0) == 1 ? 1 : 0;
        CHECK(var(x, axis).value().to(float64).at({0}) == doctest::Approx(expected).epsilon(1e-5));
        CHECK(stddev(x, axis).value().to(float64).at({0}) ==
              doctest::Approx(std::sqrt(expected)).epsilon(1e-5));
      }
      // Beside others, in columns.
      const Variable columns = broadcast_to(Variable(row.reshape({n, 1})), {n, 3});
      CHECK(var(columns, 0).value().to(float64).at({1}) == doctest::Approx(expected).epsilon(1e-5));
    }
}

TEST_CASE("logsumexp: infinite terms share the gradient") {
  for (const bool recorded : {false, true}) {
    const Variable x(
        Tensor({{inf, 0.0, -1.0}, {inf, inf, 3.0}, {-inf, -inf, -inf}, {0.0, 0.0, -inf}}, float64),
        {.requires_grad = true});
    const Tensor slope = grad(sum(logsumexp(x, 1)), x, {.create_graph = recorded}).value();
    CHECK(allclose(slope,
                   Tensor({{1.0, 0.0, 0.0}, {0.5, 0.5, 0.0}, {0.0, 0.0, 0.0}, {0.5, 0.5, 0.0}}, float64)));
  }
}

TEST_CASE("a scalar counts as one element along axis 0 in every function of an axis") {
  using F = std::function<Variable(const Variable&, Index)>;
  const std::vector<std::pair<const char*, F>> functions = {
      {"sum", [](const Variable& x, Index a) { return sum(x, a); }},
      {"mean", [](const Variable& x, Index a) { return mean(x, a); }},
      {"prod", [](const Variable& x, Index a) { return prod(x, a); }},
      {"amax", [](const Variable& x, Index a) { return amax(x, a); }},
      {"amin", [](const Variable& x, Index a) { return amin(x, a); }},
      {"max", [](const Variable& x, Index a) { return max(x, a).values; }},
      {"min", [](const Variable& x, Index a) { return min(x, a).values; }},
      {"norm", [](const Variable& x, Index a) { return norm(x, Axes(a)); }},
      {"logsumexp", [](const Variable& x, Index a) { return logsumexp(x, a); }},
      {"cumsum", [](const Variable& x, Index a) { return cumsum(x, a); }},
      {"cumprod", [](const Variable& x, Index a) { return cumprod(x, a); }},
      {"sort", [](const Variable& x, Index a) { return sort(x, a).values; }},
      {"topk", [](const Variable& x, Index a) { return topk(x, 1, a).values; }},
      {"flip", [](const Variable& x, Index a) { return flip(x, a); }},
      {"squeeze", [](const Variable& x, Index a) { return squeeze(x, a); }},
  };
  for (const auto& [name, f] : functions) {
    const std::string which(name);
    CAPTURE(which);
    for (const Index axis : {0, -1}) {
      const Variable x(scalar(2.5, float64), {.requires_grad = true});
      const Variable y = f(x, axis);
      CHECK(y.shape() == Shape{});
      CHECK(y.item() == 2.5);
      CHECK(grad(y, x).item() == 1);
    }
    for (const Index axis : {1, -2}) CHECK_THROWS_AS(f(Variable(scalar(2.5, float64)), axis), IndexError);
  }
  const Variable x(scalar(2.5, float64));
  for (const Index axis : {0, -1}) {
    CHECK(softmax(x, axis).item() == 1);
    CHECK(log_softmax(x, axis).item() == 0);
    CHECK(argmax(x, axis).item() == 0);
    CHECK(argmin(x, axis).item() == 0);
    CHECK(argsort(x, axis).item() == 0);
    CHECK(any(x, axis).item() == 1);
    CHECK(all(x, axis).item() == 1);
    CHECK(count_nonzero(x, axis).item() == 1);
    CHECK(var(x, axis, {.correction = 0}).item() == 0);
    CHECK(recurrence(x, x, axis).item() == 2.5);
    CHECK(sum(x, axis, {.keepdims = true}).shape() == Shape{});
  }
}

TEST_CASE("a broadcast error names the axis") {
  CHECK_THROWS_WITH_AS(static_cast<void>(broadcast_shapes({2, 3, 4}, {5, 4})),
                       doctest::Contains("differ at axis -2"), ShapeError);
}

TEST_CASE("softmax, log_softmax: rows of NaN where no gradient arrives pass none on") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Index size : {3, 5000})
    for (const Index axis : {0, 1})
      for (const double poison : {nan, infinity, -infinity})
        for (const bool logarithm : {false, true})
          for (const bool create_graph : {false, true}) {
            CAPTURE(size);
            CAPTURE(axis);
            CAPTURE(poison);
            CAPTURE(logarithm);
            CAPTURE(create_graph);
            // Rows along the axis: the first is poisoned and not wanted, the second is ordinary, the third
            // poisoned and wanted in one place.
            const Shape shape = axis == 1 ? Shape{3, size} : Shape{size, 3};
            Tensor data = zeros(shape, float64), seed = zeros(shape, float64);
            const auto at = [&, axis](Index row, Index i) {
              return axis == 1 ? row * size + i : i * 3 + row;
            };
            for (Index i = 0; i < size; ++i) {
              for (const Index row : {0, 2}) data.mutable_data<double>()[at(row, i)] = poison;
              data.mutable_data<double>()[at(1, i)] = 0.25 * static_cast<double>(i % 4);
              seed.mutable_data<double>()[at(1, i)] = static_cast<double>(i % 3);
            }
            seed.mutable_data<double>()[at(2, 1)] = 1;
            const Variable x(data, {.requires_grad = true});
            const Variable y = logarithm ? log_softmax(x, axis) : softmax(x, axis);
            GradOptions options;
            options.seeds = {Variable(seed)};
            options.create_graph = create_graph;
            const Tensor gradient =
                grad(std::vector<Variable>{y}, std::vector<Variable>{x}, options)[0].value();
            const double* g = gradient.data<double>();
            double ordinary = 0;
            bool unknown = false;
            for (Index i = 0; i < size; ++i) {
              REQUIRE(g[at(0, i)] == 0);
              REQUIRE(std::isfinite(g[at(1, i)]));
              ordinary += std::fabs(g[at(1, i)]);
              unknown = unknown || std::isnan(g[at(2, i)]);
            }
            CHECK(ordinary > 0);
            CHECK(unknown);
          }
}

TEST_CASE("norm: slopes where the norm is infinite") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double most = std::numeric_limits<double>::max();
  struct Row {
    std::vector<double> x;
    double p;
    std::vector<double> slope;
  };
  const double root = 1 / std::sqrt(2.0);
  for (const Row& row :
       {Row{{infinity, 1}, 2, {1, 0}}, Row{{3, -infinity}, 2, {0, -1}}, Row{{infinity, 0}, 3, {1, 0}},
        Row{{infinity, 2}, 1.5, {1, 0}}, Row{{infinity, -infinity}, 2, {root, -root}},
        Row{{most, -most}, 2, {root, -root}}, Row{{0.75 * most, most}, 2, {0.6, 0.8}}})
    for (const DType dtype : {float64, float32})
      for (const bool create_graph : {false, true}) {
        CAPTURE(row.p);
        CAPTURE(create_graph);
        Tensor data = Tensor::from(row.x, {2});
        if (dtype == float32) {
          for (double& v : data.mutable_span<double>())
            if (std::isfinite(v) && std::fabs(v) > 1e30) v *= 3.4028234663852886e38 / most;
          data = data.to(float32);
        }
        const Variable x(data, {.requires_grad = true});
        const Variable other(Tensor({3.0, 4.0}, dtype), {.requires_grad = true});
        // Beside an ordinary row, which stays as it is.
        const Variable y = norm(stack({x, other}, 0), Axes(1), {.p = row.p});
        GradOptions options;
        options.seeds = {Variable(ones({2}, dtype))};
        options.create_graph = create_graph;
        const auto slopes = grad(std::vector<Variable>{y}, std::vector<Variable>{x, other}, options);
        for (Index i = 0; i < 2; ++i) {
          CHECK(slopes[0].value().at({i}) ==
                doctest::Approx(row.slope[static_cast<std::size_t>(i)]).epsilon(1e-6));
          CHECK(std::isfinite(slopes[1].value().at({i})));
        }
        if (row.p == 2) CHECK(slopes[1].value().at({0}) == doctest::Approx(0.6).epsilon(1e-6));
      }
}
