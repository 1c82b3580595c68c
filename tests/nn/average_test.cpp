// ExponentialAverage: the formula, its independence of the model, resuming.
#include "support/leaf.hpp"

#include <xgrad/nn/average.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include <doctest/doctest.h>

namespace {

using namespace xgrad;
using test::contains, test::message_of;

struct Model : nn::Module {
  nn::Linear layer{3, 2};
  nn::Buffer mean = zeros({2}, float64), count = scalar(0);
  Variable forward(const Variable& x) override { return layer(x); }
  void visit(nn::Visitor& v) override {
    v("layer", layer);
    v("mean", mean);
    v("count", count);
  }
};

void change(Model& model, std::uint64_t step) {
  Generator generator(step);
  model.layer.weight.set_value(normal({2, 3}, 0, 1, float32, generator));
  model.layer.bias.set_value(normal({2}, 0, 1, float32, generator));
  model.mean = normal({2}, 0, 1, float64, generator);
  model.count = scalar(static_cast<Index>(step));
}

bool same(const StateDict& a, const StateDict& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].first != b[i].first || !bitwise_equal(a[i].second, b[i].second)) return false;
  return true;
}

}  // namespace

TEST_CASE("average: floating parts are averaged, integers copied, the model left alone") {
  Model model;
  model.mean = Tensor::from(std::vector<double>{1.0, 2.0});
  nn::ExponentialAverage average(model, {.decay = 0.75});
  CHECK(same(average.average(), model.state_dict()));
  const Tensor weight = model.layer.weight.value();
  model.mean = Tensor::from(std::vector<double>{5.0, -2.0});
  model.count = scalar(7);
  model.layer.weight.set_value(ones({2, 3}));
  average.update(model);
  CHECK(average.updates() == 1);
  CHECK(bitwise_equal(average.average().at("mean"), Tensor::from(std::vector<double>{2.0, 1.0})));
  CHECK(average.average().at("count").item() == 7);
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(average.average().at("layer.weight").span<float>()[i] ==
          doctest::Approx(0.75F * weight.span<float>()[i] + 0.25F));
  CHECK(bitwise_equal(model.layer.weight.value(), ones({2, 3})));
  Model averaged = model;
  average.copy_to(averaged);
  CHECK(same(averaged.state_dict(), average.average()));
  CHECK(bitwise_equal(model.layer.weight.value(), ones({2, 3})));
}

TEST_CASE("average: the warm-up keeps (1 + t) / (10 + t) at first") {
  Model model;
  model.mean = Tensor::from(std::vector<double>{1.0, 1.0});
  nn::ExponentialAverage average(model, {.decay = 0.15, .warmup = true});
  model.mean = zeros({2}, float64);
  double expected = 1;
  for (const double keep : {0.1, 0.15, 0.15}) {
    average.update(model);
    expected *= keep;
    CHECK(average.average().at("mean").span<double>()[0] == doctest::Approx(expected).epsilon(1e-14));
  }
}

TEST_CASE("average: saving and resuming is bitwise") {
  const nn::ExponentialAverageOptions options{.decay = 0.9, .warmup = true};
  Model model;
  nn::ExponentialAverage whole(model, options), first(model, options);
  nn::ExponentialAverage second(Model{}, options);
  for (std::uint64_t step = 1; step <= 20; ++step) {
    change(model, step);
    whole.update(model);
    if (step <= 8) first.update(model);
    if (step == 8) second.load_state_dict(first.state_dict());
    if (step > 8) second.update(model);
  }
  CHECK(same(whole.state_dict(), second.state_dict()));
  CHECK_FALSE(same(first.state_dict(), second.state_dict()));
}

TEST_CASE("average: what does not fit throws and changes nothing") {
  Model model;
  CHECK(contains(message_of<ValueError>([&] { nn::ExponentialAverage(model, {.decay = 1}); }),
                 {"average_test.cpp:", "ExponentialAverage: decay must be in [0, 1), got 1"}));
  CHECK_THROWS_AS(nn::ExponentialAverage(model, {.decay = -0.1}), ValueError);
  nn::ExponentialAverage average(model);
  const StateDict before = average.state_dict();
  Model other;
  other.mean = zeros({3}, float64);
  CHECK(contains(message_of<ValueError>([&] { average.update(other); }),
                 "mean: expects float64 (2,), got float64 (3,)"));
  CHECK_THROWS_AS(average.copy_to(other), ValueError);
  CHECK_THROWS_AS(average.update(nn::Linear(3, 2)), ValueError);
  StateDict bad = before;
  bad.set("updates", scalar(-1));
  bad.set("average.x", scalar(1));
  CHECK(contains(message_of<ValueError>([&] { average.load_state_dict(bad); }),
                 {"updates: must be at least 0, got -1", "average.x: unexpected"}));
  CHECK(same(average.state_dict(), before));
}
