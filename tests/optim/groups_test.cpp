// Penalties on weights, and groups of parameters by name.
#include "support/leaf.hpp"

#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/nn/embedding.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/normalize.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/optim/groups.hpp>
#include <xgrad/optim/penalty.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <cmath>

namespace {

using namespace xgrad;
using namespace xgrad::optim;
using test::contains, test::leaf, test::message_of;

struct Model : nn::Module {
  nn::Embedding embedding{5, 4};
  nn::Linear hidden{4, 3};
  nn::LayerNorm norm{3};
  Variable forward(const Variable& x) override { return norm(hidden(embedding(x))); }
  void visit(nn::Visitor& v) override {
    v("embedding", embedding);
    v("hidden", hidden);
    v("norm", norm);
  }
};

}  // namespace

TEST_CASE("penalties: values and gradients") {
  const Variable a = leaf(Tensor::from(std::vector<double>{1.0, -2.0, 0.0})),
                 b = leaf(Tensor::from(std::vector<double>{3.0}));
  CHECK(l1_penalty({a, b}, 0.5).item() == doctest::Approx(3));
  CHECK(l2_penalty({a, b}, 0.5).item() == doctest::Approx(7));
  l1_penalty({a, b}, 0.5).backward();
  CHECK(bitwise_equal(a.grad().value(), Tensor::from(std::vector<double>{0.5, -0.5, 0.0})));
  Variable(a).clear_grad();
  l2_penalty({a, b}, 0.5).backward();
  CHECK(bitwise_equal(a.grad().value(), Tensor::from(std::vector<double>{1.0, -2.0, 0.0})));
  CHECK(l2_penalty({leaf(ones({2, 2}))}, 0.25).dtype() == float32);
  const auto square_sum = [](const std::vector<Variable>& x) { return l2_penalty(x, 0.3); };
  CHECK(gradcheck(square_sum, std::vector<Tensor>{a.value(), b.value()}));
  CHECK(gradgradcheck(square_sum, std::vector<Tensor>{a.value(), b.value()}));
}

TEST_CASE("penalties: an L2 penalty steps as a weight decay of twice its factor") {
  const Variable a = leaf(Tensor::from(std::vector<double>{1.0, -2.0, 3.0})), b = leaf(a.value());
  SGD plain({a}, {.learning_rate = 0.1}), decayed({b}, {.learning_rate = 0.1, .weight_decay = 0.02});
  l2_penalty({a}, 0.01).backward();
  Variable(b).set_grad(Variable(zeros({3}, float64)));
  plain.step();
  decayed.step();
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(a.value().span<double>()[i] == doctest::Approx(b.value().span<double>()[i]).epsilon(1e-14));
}

TEST_CASE("penalties: bad arguments throw with the caller's line") {
  const Variable a = leaf(ones({2}));
  const std::string text = message_of<ValueError>([&] { static_cast<void>(l2_penalty({a}, -1)); });
  CHECK(contains(text, "groups_test.cpp:" + std::to_string(__LINE__ - 1)));
  CHECK(contains(text, "l2_penalty: factor must be finite and at least 0, got -1"));
  CHECK_THROWS_AS(static_cast<void>(l1_penalty({}, 1)), ValueError);
  CHECK_THROWS_AS(static_cast<void>(l1_penalty({a}, NAN)), ValueError);
  CHECK_THROWS_AS(static_cast<void>(l1_penalty({a, Variable()}, 1)), GraphError);
  CHECK_THROWS_AS(static_cast<void>(l1_penalty({Variable(ones({2}, int64))}, 1)), DTypeError);
}

TEST_CASE("groups: weights decay, biases, norms and what is named do not") {
  const Model model;
  const auto named = model.named_parameters();
  const AdamWOptions options{.learning_rate = 0.5, .weight_decay = 0.1};
  const auto all = decay_groups(named, options);
  REQUIRE(all.size() == 2);
  CHECK(all[0].parameters.size() == 2);
  CHECK(all[0].parameters[0].is(model.embedding.weight));
  CHECK(all[0].parameters[1].is(model.hidden.weight));
  CHECK(all[0].options.weight_decay == 0.1);
  CHECK(all[1].parameters.size() == 3);
  CHECK(all[1].options.weight_decay == 0);
  CHECK(all[1].options.learning_rate == 0.5);
  const auto spared = decay_groups(named, options, {"embedding"});
  CHECK(spared[0].parameters.size() == 1);
  CHECK(spared[1].parameters.size() == 4);
  AdamW optimizer(spared);
  CHECK(optimizer.group_count() == 2);
  // Whole parts of names only, and a name that fits nothing is a mistake.
  const std::string text =
      message_of<ValueError>([&] { static_cast<void>(decay_groups(named, options, {"embed"})); });
  CHECK(contains(text, {"groups_test.cpp:", "no parameter is named \"embed\"", "hidden.weight"}));
  CHECK_THROWS_AS(static_cast<void>(decay_groups({}, options)), ValueError);
}

TEST_CASE("groups: by a filter of one's own; no group is empty") {
  const Model model;
  const auto named = model.named_parameters();
  const auto slow = groups_by_name(
      named, [](const std::string& name, const Variable&) { return name.starts_with("hidden."); },
      SGDOptions{.learning_rate = 1}, SGDOptions{.learning_rate = 2});
  REQUIRE(slow.size() == 2);
  CHECK(slow[0].parameters.size() == 2);
  CHECK(slow[0].options.learning_rate == 1);
  CHECK(slow[1].parameters.size() == 3);
  const auto one = groups_by_name(
      named, [](const std::string&, const Variable&) { return false; }, SGDOptions{.learning_rate = 1},
      SGDOptions{.learning_rate = 2});
  REQUIRE(one.size() == 1);
  CHECK(one[0].options.learning_rate == 2);
  CHECK_THROWS_AS(static_cast<void>(groups_by_name(named, {}, SGDOptions{}, SGDOptions{})), ValueError);
}
