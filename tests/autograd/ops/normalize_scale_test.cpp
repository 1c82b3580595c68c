// Normalisation far from zero and at the ends of the range: against sums in long double, in the fused form
// and in the recorded one.
#include "support/leaf.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/normalize.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/nn/normalize.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace xgrad;
using test::leaf;

using Real = long double;
using Function =
    std::function<Variable(const Variable& x, const Variable& weight, const Variable& bias, double eps)>;

/// One operation: which mean and which channel an element of x belongs to.
struct Form {
  std::string name;
  Shape shape;
  Index channels;
  bool centred;
  std::function<Index(Index)> owner;
  Function function;
};

std::vector<Form> forms_of(Index n) {
  const auto batch = [](auto& x, auto& w, auto& b, double eps) {
    return batch_norm_training(x, w, b, {eps}).output;
  };
  return {
      {"layer_norm",
       {3, n},
       n,
       true,
       [=](Index i) { return i / n; },
       [=](auto& x, auto& w, auto& b, double eps) { return layer_norm(x, {n}, w, b, {eps}); }},
      {"rms_norm",
       {3, n},
       n,
       false,
       [=](Index i) { return i / n; },
       [=](auto& x, auto& w, auto& b, double eps) { return rms_norm(x, {n}, w, {eps}) + b; }},
      {"group_norm",
       {2, n, 4},
       4,
       true,
       [=](Index i) { return i / (4 * n) * 2 + i % 4 / 2; },
       [](auto& x, auto& w, auto& b, double eps) { return group_norm(x, 2, w, b, {eps}); }},
      {"group_norm of rows",
       {3, 2 * n},
       2 * n,
       true,
       [=](Index i) { return i / n; },
       [](auto& x, auto& w, auto& b, double eps) { return group_norm(x, 2, w, b, {eps}); }},
      {"instance norm",
       {2, n, 3},
       3,
       true,
       [=](Index i) { return i / (3 * n) * 3 + i % 3; },
       [](auto& x, auto& w, auto& b, double eps) { return group_norm(x, 3, w, b, {eps}); }},
      {"batch_norm", {n, 3}, 3, true, [](Index i) { return i % 3; }, batch},
      {"batch_norm of images", {n, 2, 70}, 70, true, [](Index i) { return i % 70; }, batch},
  };
}

std::vector<Real> values_of(const Tensor& x) {
  const Tensor wide = x.to(float64);
  return {wide.data<double>(), wide.data<double>() + wide.count()};
}

struct Expected {
  std::vector<Real> value, x, weight, bias;
  Real slope = 0, weighting = 0;  ///< the largest of the terms that make up the gradients of x and weight
};

Expected expected(const Form& form, const std::vector<Tensor>& inputs, const Tensor& cotangent, double eps) {
  const auto x = values_of(inputs[0]), w = values_of(inputs[1]), b = values_of(inputs[2]),
             g = values_of(cotangent);
  const std::size_t count = x.size(), channels = static_cast<std::size_t>(form.channels);
  const auto owner = [&](std::size_t i) {
    return static_cast<std::size_t>(form.owner(static_cast<Index>(i)));
  };
  const std::size_t owners = owner(count - 1) + 1;
  std::vector<Real> n(owners), mean(owners), rest(owners), variance(owners), plain(owners), along(owners),
      normal(count);
  const auto all = [&](auto f) {
    for (std::size_t i = 0; i < count; ++i) f(i, owner(i), i % channels);
  };
  all([&](std::size_t i, std::size_t o, std::size_t) { ++n[o], mean[o] += form.centred ? x[i] : 0; });
  for (std::size_t o = 0; o < owners; ++o) mean[o] /= n[o];
  if (form.centred)
    all([&](std::size_t i, std::size_t o, std::size_t) { rest[o] += (x[i] - mean[o]) / n[o]; });
  const auto distance = [&](std::size_t i) { return x[i] - mean[owner(i)] - rest[owner(i)]; };
  all([&](std::size_t i, std::size_t o, std::size_t) { variance[o] += distance(i) * distance(i) / n[o]; });
  const auto scale = [&](std::size_t o) { return 1 / std::sqrt(variance[o] + static_cast<Real>(eps)); };
  Expected result{std::vector<Real>(count), std::vector<Real>(count), std::vector<Real>(channels),
                  std::vector<Real>(channels)};
  all([&](std::size_t i, std::size_t o, std::size_t c) {
    normal[i] = distance(i) * scale(o);
    result.value[i] = normal[i] * w[c] + b[c];
    plain[o] += form.centred ? g[i] * w[c] / n[o] : 0;
    along[o] += g[i] * w[c] * normal[i] / n[o];
    result.weight[c] += g[i] * normal[i];
    result.bias[c] += g[i];
    result.slope = std::max(result.slope, std::fabs(scale(o) * g[i] * w[c]));
    result.weighting = std::max(result.weighting, std::fabs(g[i] * normal[i]));
  });
  all([&](std::size_t i, std::size_t o, std::size_t c) {
    result.x[i] = scale(o) * (g[i] * w[c] - plain[o] - normal[i] * along[o]);
  });
  return result;
}

/// The largest difference over `scale`; infinity where something is not finite.
Real error(const Tensor& actual, const std::vector<Real>& right, Real scale) {
  const std::vector<Real> values = values_of(actual);
  REQUIRE(values.size() == right.size());
  Real worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return std::numeric_limits<Real>::infinity();
    worst = std::max(worst, std::fabs(values[i] - right[i]) / scale);
  }
  return worst;
}

Real largest(const std::vector<Real>& values) {
  Real result = 0;
  for (const Real v : values) result = std::max(result, std::fabs(v));
  return result;
}

Tensor drawn(const Shape& shape, DType dtype, const std::function<double()>& draw) {
  Tensor x = Tensor::uninitialized(shape, float64);
  for (double& v : x.mutable_span<double>()) v = draw();
  return x.to(dtype);
}

/// Value and gradients of every form on data from `draw`, with and without a bias beside it (which would
/// hide a small value).
void check_forms(DType dtype, double eps, double tolerance, const std::function<double()>& draw,
                 std::mt19937_64& generator, bool biased) {
  std::uniform_real_distribution<double> unit(0.5, 1.5);
  for (Index n = 2; n <= 300; n += n < 12 ? 1 : n < 100 ? 17 : 66)
    for (const Form& form : forms_of(n)) {
      CAPTURE(form.name);
      CAPTURE(n);
      const auto random = [&] { return (generator() % 2 == 0 ? 1 : -1) * unit(generator); };
      const std::vector<Tensor> inputs{drawn(form.shape, dtype, draw), drawn({form.channels}, dtype, random),
                                       drawn({form.channels}, dtype, [&] { return biased ? random() : 0; })};
      const Tensor cotangent = drawn(form.shape, dtype, random);
      const Expected right = expected(form, inputs, cotangent, eps);
      for (const bool recorded : {false, true}) {
        CAPTURE(recorded);
        const std::vector<Variable> leaves{leaf(inputs[0]), leaf(inputs[1]), leaf(inputs[2])};
        const Variable y = form.function(leaves[0], leaves[1], leaves[2], eps);
        GradOptions options;
        options.seeds = {Variable(cotangent)};
        options.create_graph = recorded;
        const std::vector<Variable> slopes = grad({y}, leaves, options);
        CHECK(error(y.value(), right.value, largest(right.value)) < tolerance);
        CHECK(error(slopes[0].value(), right.x, right.slope) < tolerance);
        const Real terms = std::sqrt(static_cast<Real>(inputs[0].count()));
        CHECK(error(slopes[1].value(), right.weight, right.weighting * terms) < tolerance);
        CHECK(error(slopes[2].value(), right.bias, terms) < tolerance);
      }
    }
}

}  // namespace

TEST_CASE("normalisation of constant data is the bias exactly, with finite gradients") {
  for (const DType dtype : {float32, float64})
    for (const double value : {0.1, -3.7, 1e7 / 3, 0.0})
      for (Index n = 2; n <= 300; n += n < 20 ? 1 : 7)
        for (const Form& form : forms_of(n)) {
          if (!form.centred) continue;
          CAPTURE(form.name);
          CAPTURE(n);
          CAPTURE(value);
          std::mt19937_64 generator(3);
          const auto random = [&] { return 0.25 + static_cast<double>(generator() % 97) / 50; };
          const Variable x = leaf(full(form.shape, value, dtype)),
                         w = leaf(drawn({form.channels}, dtype, random)),
                         b = leaf(drawn({form.channels}, dtype, random));
          const Variable y = form.function(x, w, b, 1e-5);
          CHECK(bitwise_equal(y.value(), (zeros(form.shape, dtype) + b).value()));
          for (const bool recorded : {false, true}) {
            const std::vector<Variable> slopes =
                grad({sum(square(y))}, {x, w}, {.retain_graph = true, .create_graph = recorded});
            CHECK(all(isfinite(slopes[0])).item<bool>());
            CHECK(allclose(slopes[1].value(), zeros({form.channels}, dtype), {.rtol = 0, .atol = 0}));
          }
        }
}

TEST_CASE("normalisation of values far from zero is as right as the data") {
  std::mt19937_64 generator(11);
  for (const double centre : {1e7, -1e7, 1e8})
    check_forms(
        float32, 1e-5, 2e-5,
        [&] { return centre + (std::fabs(centre) > 5e7 ? 8 : 1) * static_cast<double>(generator() % 7); },
        generator, true);
  check_forms(
      float64, 1e-5, 1e-12, [&] { return 1e15 + static_cast<double>(generator() % 7); }, generator, true);
}

TEST_CASE("normalisation at the ends of the range") {
  std::mt19937_64 generator(12);
  std::uniform_real_distribution<double> unit(0.5, 1.5);
  const auto near = [&](double size) {
    return [&, size] { return (generator() % 2 == 0 ? size : -size) * unit(generator); };
  };
  for (const double eps : {0.0, 1e-5}) {
    CAPTURE(eps);
    for (const double size : {1e20, 1e30, 1e-25, 1e-30}) {
      CAPTURE(size);
      check_forms(float32, eps, 2e-5, near(size), generator, false);
    }
    for (const double size : {1e200, 1e300, 1e-200, 1e-290}) {
      CAPTURE(size);
      check_forms(float64, eps, 1e-12, near(size), generator, false);
    }
  }
  // On one side of zero, far from it for its spread.
  check_forms(
      float32, 0, 2e-4, [&] { return 1e20 * (1 + unit(generator) / 100); }, generator, false);
  check_forms(
      float32, 0, 2e-4, [&] { return -1e-25 * (1 + unit(generator) / 100); }, generator, false);
}

TEST_CASE("normalisation: an eps far below the squares of small data counts") {
  std::mt19937_64 generator(13);
  std::uniform_real_distribution<double> unit(0.5, 1.5);
  check_forms(
      float32, 1e-50, 2e-5, [&] { return 1e-25 * unit(generator); }, generator, false);
}

TEST_CASE("normalisation with eps 0: constant data are 0 / 0") {
  for (const DType dtype : {float32, float64})
    for (const Form& form : forms_of(5)) {
      if (!form.centred) continue;
      CAPTURE(form.name);
      const Variable x = leaf(full(form.shape, 0.1, dtype)), w(ones({form.channels}, dtype)),
                     b(zeros({form.channels}, dtype));
      const Variable y = form.function(x, w, b, 0);
      CHECK(all(isnan(y)).item<bool>());
      for (const bool recorded : {false, true})
        CHECK(all(isnan(grad(sum(y), x, {.retain_graph = true, .create_graph = recorded}))).item<bool>());
    }
}

TEST_CASE("the statistics of batch_norm are mean and var") {
  std::mt19937_64 generator(14);
  for (const double centre : {0.1, 1e7, 1e8})
    for (Index n = 2; n <= 300; n += n < 12 ? 1 : 41) {
      CAPTURE(n);
      const Tensor x = drawn({n, 3}, float32, [&] { return centre + static_cast<double>(generator() % 50); });
      const BatchNormalized batch = batch_norm_training(x);
      const Tensor exact = x.to(float64);
      CHECK(allclose(batch.mean.to(float64), mean(exact, 0).value(), {.rtol = 1e-7}));
      CHECK(allclose(batch.variance, var(x, 0, {.correction = 0}).value(), {.rtol = 1e-5}));
      CHECK(allclose(batch.variance.to(float64), var(exact, 0, {.correction = 0}).value(), {.rtol = 1e-5}));
      nn::BatchNorm1d layer(3, {.momentum = 1.0});
      static_cast<void>(layer(x));
      CHECK(allclose(layer.running_var.to(float64), var(exact, 0).value(), {.rtol = 1e-5}));
    }
  // A deviation that the dtype holds, its square that it does not.
  const Tensor far({{3e20, 1.0}, {-3e20, 2.0}}, float32);
  const BatchNormalized batch = batch_norm_training(far);
  CHECK(std::isinf(batch.variance.at({0})));
  CHECK(batch.variance.at({1}) == 0.25);
  CHECK(batch.output.value().at({0, 0}) == doctest::Approx(1));
}
