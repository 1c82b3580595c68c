// Normalisation and embedding: fused against composed, precision, threads, errors.
#include "support/leaf.hpp"

#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/embedding.hpp>
#include <xgrad/autograd/ops/normalize.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/threads.hpp>

#include <doctest/doctest.h>

#include <cmath>

using namespace xgrad;
using namespace xgrad::test;

namespace {

using Function = std::function<Variable(const Variable&, const Variable&, const Variable&)>;

struct Form {
  std::string name;
  Shape shape, parameters;
  Function function;
};

/// Every form in sizes that reach every path of the loops: rows, few channels side by side, many channels in
/// strips, blocks and their remainders.
std::vector<Form> forms() {
  std::vector<Form> result;
  for (const Shape& shape : {Shape{70, 5}, Shape{300, 3}, Shape{40, 300}, Shape{3, 9000}})
    result.push_back({"layer " + to_string(shape), shape, {shape.back()}, [=](auto& x, auto& w, auto& b) {
                        return layer_norm(x, {shape.back()}, w, b);
                      }});
  result.push_back(
      {"rms", {40, 300}, {300}, [](auto& x, auto& w, auto& b) { return rms_norm(x, {300}, w) + b; }});
  for (const Shape& shape : {Shape{3, 50, 6}, Shape{2, 7, 7, 600}, Shape{40, 6}})
    result.push_back({"group " + to_string(shape), shape, {shape.back()}, [](auto& x, auto& w, auto& b) {
                        return group_norm(x, 3, w, b);
                      }});
  for (const Shape& shape :
       {Shape{1000, 1}, Shape{333, 3}, Shape{9000, 16}, Shape{150, 70}, Shape{2, 9, 9, 700}}) {
    const Tensor mean = uniform({shape.back()}, -1, 1, float64),
                 variance = uniform({shape.back()}, 0.5, 2, float64);
    result.push_back({"batch " + to_string(shape), shape, {shape.back()}, [](auto& x, auto& w, auto& b) {
                        return batch_norm_training(x, w, b).output;
                      }});
    result.push_back({"given " + to_string(shape), shape, {shape.back()}, [=](auto& x, auto& w, auto& b) {
                        return batch_norm(x, mean, variance, w, b);
                      }});
  }
  return result;
}

std::vector<Variable> leaves_of(const Form& form, DType dtype) {
  return {leaf(normal(form.shape, 1, 2, dtype)), leaf(uniform(form.parameters, 0.5, 2, dtype)),
          leaf(normal(form.parameters, 0, 1, dtype))};
}

}  // namespace

TEST_CASE("normalisation: fused and composed gradients agree") {
  manual_seed(5);
  for (const Form& form : forms()) {
    CAPTURE(form.name);
    const std::vector<Variable> x = leaves_of(form, float64);
    const Variable y = form.function(x[0], x[1], x[2]);
    GradOptions options;
    options.seeds = {Variable(normal(y.shape(), 0, 1, float64))};
    options.retain_graph = true;
    const std::vector<Variable> fused = grad({y}, x, options);
    // Nobody else holds the gradient that the product gives: the result is written over it.
    const std::vector<Variable> in_place = grad({1.0 * y}, x, options);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(bitwise_equal(in_place[i].value(), fused[i].value()));
    options.create_graph = true;
    const std::vector<Variable> composed = grad({y}, x, options);
    for (std::size_t i = 0; i < x.size(); ++i) {
      CAPTURE(i);
      CHECK(allclose(fused[i].value(), composed[i].value(), {.rtol = 1e-11, .atol = 1e-11}));
    }
  }
}

TEST_CASE("normalisation is bitwise the same at any thread count, in float32 close to float64") {
  const int threads = num_threads();
  manual_seed(6);
  for (const Form& form : forms()) {
    CAPTURE(form.name);
    const std::vector<Variable> x = leaves_of(form, float32);
    const Tensor seed = normal(form.shape);
    const auto run = [&](const std::vector<Variable>& leaves) {
      const Variable y = form.function(leaves[0], leaves[1], leaves[2]);
      GradOptions options;
      options.seeds = {Variable(seed.to(y.dtype()))};
      std::vector<Tensor> results{y.value()};
      for (const Variable& gradient : grad({y}, leaves, options)) results.push_back(gradient.value());
      return results;
    };
    set_num_threads(1);
    const std::vector<Tensor> expected = run(x);
    for (const int count : {2, 3}) {
      set_num_threads(count);
      const std::vector<Tensor> actual = run(x);
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(bitwise_equal(actual[i], expected[i]));
    }
    std::vector<Variable> exact;
    for (const Variable& leaf_of : x) exact.push_back(leaf(leaf_of.value().to(float64)));
    const std::vector<Tensor> real = run(exact);
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(allclose(expected[i].to(float64), real[i], {.rtol = 1e-4, .atol = 1e-3}));
  }
  set_num_threads(threads);
}

TEST_CASE("variances are right beside large offsets") {
  // 65536 + 0, 1, 2, 3, ...: exact in float32, whose squares are not.
  Tensor x = Tensor::uninitialized({64, 6}, float32);
  for (Index i = 0; i < x.count(); ++i) x.mutable_data<float>()[i] = 65536 + static_cast<float>(i % 7);
  const Tensor exact = x.to(float64);
  const auto check = [&](auto f) {
    CHECK(allclose(f(x).value().to(float64), f(exact).value(), {.rtol = 1e-3, .atol = 5e-3}));
  };
  check([](const Tensor& v) { return layer_norm(v, {6}); });
  check([](const Tensor& v) { return group_norm(v, 2); });
  check([](const Tensor& v) { return group_norm(v.reshape({2, 32, 6}), 2); });
  check([](const Tensor& v) { return batch_norm_training(v).output; });
  const BatchNormalized single = batch_norm_training(x), real = batch_norm_training(exact);
  CHECK(allclose(single.variance.to(float64), real.variance, {.rtol = 1e-6}));
  CHECK(allclose(single.mean.to(float64), real.mean, {.rtol = 1e-7}));
}

TEST_CASE("normalisation of constant data gives the bias") {
  const Tensor bias({1.0, 2.0, 3.0, 4.0}, float64);
  const Tensor x = full({5, 4}, 7, float64), expected = broadcast_to(Variable(bias), {5, 4}).value();
  CHECK(allclose(layer_norm(x, {4}, {}, Variable(bias)).value(), expected));
  CHECK(allclose(batch_norm_training(x, {}, Variable(bias)).output.value(), expected));
  CHECK(allclose(group_norm(x, 2, {}, Variable(bias)).value(), expected));
}

TEST_CASE("normalisation: NaN passes, integers become float32") {
  const Tensor bad({{1.0, std::nan(""), 2.0}, {1.0, 2.0, 4.0}}, float64);
  const Tensor y = layer_norm(bad, {3}).value();
  CHECK(std::isnan(y.at({0, 0})));
  CHECK_FALSE(std::isnan(y.at({1, 0})));
  const Tensor z = batch_norm_training(bad).output.value();
  CHECK(std::isnan(z.at({0, 1})));
  CHECK(std::isnan(z.at({1, 1})));
  CHECK_FALSE(std::isnan(z.at({0, 0})));
  CHECK(layer_norm(Tensor{1, 2, 3}, {3}).dtype() == float32);
  CHECK(layer_norm(ones({2, 3}, int64), {3}, Variable(ones({3}, float64))).dtype() == float64);
}

TEST_CASE("normalisation is one operation that keeps its input and the statistics") {
  const Variable x = leaf(normal({256, 64}));
  const auto before = memory_stats().live_bytes;
  const Variable y = layer_norm(x, {64});
  CHECK(std::string(y.operation()) == "layer_norm");
  CHECK(memory_stats().live_bytes - before < static_cast<std::size_t>(y.value().bytes()) * 5 / 4);
  CHECK(std::string(batch_norm_training(x).output.operation()) == "batch_norm");
}

TEST_CASE("normalisation: errors name the shapes and the caller's line") {
  const Tensor x = zeros({2, 3, 4});
  const auto expects = [](auto f, const std::string& part, const std::string& operation) {
    const std::string message = message_of([&] { f(); });
    CAPTURE(message);
    CHECK(contains(message, "normalize_test.cpp:"));
    CHECK(contains(message, operation + ": "));
    CHECK(contains(message, part));
  };
  expects([&] { layer_norm(x, {3}); }, "normalized shape (3,), got (2, 3, 4)", "layer_norm");
  expects([&] { layer_norm(x, {5, 2, 3, 4}); }, "normalized shape (5, 2, 3, 4)", "layer_norm");
  expects([&] { layer_norm(x, {}); }, "normalized shape ()", "layer_norm");
  expects([&] { layer_norm(x, {4}, Variable(ones({3}))); }, "weight of shape (4,), got (3,)", "layer_norm");
  expects([&] { layer_norm(x, {4}, {}, Variable(ones({1}))); }, "bias of shape (4,), got (1,)", "layer_norm");
  expects([&] { rms_norm(x, {3}); }, "normalized shape (3,)", "rms_norm");
  expects([&] { group_norm(x, 3); }, "divides 4 channels, got 3", "group_norm");
  expects([&] { group_norm(zeros({4}), 2); }, "(4,)", "group_norm");
  expects([&] { batch_norm_training(zeros({1, 3})); }, "more than one value per channel", "batch_norm");
  expects([&] { batch_norm_training(zeros({3})); }, "(3,)", "batch_norm");
  expects([&] { batch_norm(x, zeros({3}), ones({4})); }, "shape (4,), got (3,)", "batch_norm");
  CHECK_THROWS_AS(layer_norm(x, {3}), ShapeError);
  CHECK_THROWS_AS(group_norm(x, 0), ValueError);
  CHECK_THROWS_AS(batch_norm_training(zeros({1, 3})), ValueError);
  CHECK_THROWS_AS(layer_norm(x, {4}, {}, {}, {.eps = -1}), ValueError);
}

TEST_CASE("embedding: gradients add up over repeated ids and leave the padding out") {
  const Variable table = leaf(uniform({4, 2}, -1, 1, float64));
  const auto gradient = [&](std::optional<Index> padding, bool recorded) {
    const Variable y = embedding(Tensor{{1, 1, 3}, {0, 1, 3}}, table, padding);
    GradOptions options;
    options.create_graph = recorded;
    return grad(sum(y), table, options).value();
  };
  for (const bool recorded : {false, true}) {
    CHECK(allclose(gradient({}, recorded), Tensor({{1, 1}, {3, 3}, {0, 0}, {2, 2}}, float64)));
    CHECK(allclose(gradient(1, recorded), Tensor({{1, 1}, {0, 0}, {0, 0}, {2, 2}}, float64)));
    CHECK(allclose(gradient(-1, recorded), Tensor({{1, 1}, {3, 3}, {0, 0}, {0, 0}}, float64)));
  }
}

TEST_CASE("embedding: ids out of range are named with the size of the table") {
  const Tensor table = zeros({4, 2});
  for (const int id : {4, -1}) {
    const std::string message = message_of([&] { embedding(Tensor{0, id}, table); });
    CAPTURE(message);
    CHECK(contains(message, "normalize_test.cpp:"));
    CHECK(contains(message, "embedding: id " + std::to_string(id) + " is outside [0, 4)"));
    CHECK_THROWS_AS(embedding(Tensor{0, id}, table), IndexError);
  }
  CHECK_THROWS_AS(embedding(Tensor{0.0}, table), DTypeError);
  CHECK_THROWS_AS(embedding(Tensor{0}, zeros({4})), ShapeError);
  CHECK_THROWS_AS(embedding(Tensor{0}, table, 4), IndexError);
}
