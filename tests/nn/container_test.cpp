// Sequential, ModuleList, and modules held by value.
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/nn/activation.hpp>
#include <xgrad/nn/container.hpp>
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/visit_macro.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace xgrad;
using namespace xgrad::test;

TEST_CASE("Sequential applies its modules in order") {
  nn::Sequential model(nn::Linear(3, 4, {.dtype = float64}), nn::Tanh(),
                       nn::Linear(4, 2, {.dtype = float64}));
  const Tensor x = uniform({5, 3}, -1, 1, float64);
  auto& first = model.at<nn::Linear>(0);
  auto& last = model.at<nn::Linear>(-1);
  CHECK(bitwise_equal(model(x).value(), last(tanh(first(x))).value()));
  CHECK(gradcheck([&](auto input) { return model(input); }, x));
  CHECK(gradgradcheck([&](auto input) { return model(input); }, x));
  CHECK(gradcheck_leaves([&] { return model(x); }, model.parameters()));

  std::vector<std::string> names;
  for (const auto& [name, parameter] : model.named_parameters()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias"});
}

TEST_CASE("an empty Sequential is the identity") {
  nn::Sequential model;
  const Variable x(ones({2}));
  CHECK(model(x).is(x));
  CHECK(model.parameters().empty());
}

TEST_CASE("copies of containers are deep, and keep the types within") {
  nn::Sequential model(nn::Linear(2, 2), nn::Sequential(nn::Linear(2, 2), nn::Dropout(0.5)));
  nn::Sequential copy = model;
  CHECK(copy.size() == 2);
  const auto ours = model.parameters(), theirs = copy.parameters();
  REQUIRE(ours.size() == 4);
  REQUIRE(theirs.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK_FALSE(ours[i].is(theirs[i]));
    CHECK(bitwise_equal(ours[i].value(), theirs[i].value()));
  }
  copy.eval();
  CHECK(model.at<nn::Sequential>(1).at<nn::Dropout>(1).training());
  CHECK_FALSE(copy.at<nn::Sequential>(1).at<nn::Dropout>(1).training());
  copy = nn::Sequential(nn::ReLU(), nn::ReLU());
  CHECK(copy.parameters().empty());
}

TEST_CASE("a shared_ptr in a container is shared, also by copies") {
  const auto layer = std::make_shared<nn::Linear>(2, 2);
  nn::Sequential model(layer, nn::ReLU(), layer);
  CHECK(model.parameters().size() == 2);
  nn::Sequential copy = model;
  CHECK(copy.at<nn::Linear>(2).weight.is(layer->weight));
  CHECK_THROWS_AS(nn::Sequential(std::shared_ptr<nn::Linear>(), nn::ReLU()), ValueError);
}

TEST_CASE("modules of one's own, with state of their own, are held by value") {
  struct Counter : nn::Module {
    int calls = 0;
    nn::Parameter scale{full({1}, 2)};
    Variable forward(const Variable& x) override {
      ++calls;
      return x * scale;
    }
    XGRAD_VISIT(scale)
  };
  Counter counter;
  nn::Sequential model(counter, counter);
  CHECK(model(ones({1})).item() == 4);
  CHECK(counter.calls == 0);
  CHECK(model.at<Counter>(0).calls == 1);
  CHECK(model.parameters().size() == 2);
}

TEST_CASE("ModuleList: access, iteration, errors") {
  nn::ModuleList list;
  CHECK(list.empty());
  for (int i = 0; i < 3; ++i) list.push_back(nn::Linear(2, 2));
  list.push_back(nn::Tanh());
  CHECK(list.size() == 4);
  Variable x(ones({1, 2}));
  for (nn::Module& module : list) x = module(x);
  CHECK(x.shape() == Shape{1, 2});
  CHECK(&list[-1] == &list[3]);
  CHECK_THROWS_AS(list[4], IndexError);
  CHECK_THROWS_AS(list[-5], IndexError);
  CHECK_THROWS_AS(list.at<nn::Linear>(3), ValueError);
  CHECK(contains(message_of([&] { list.at<nn::Linear>(3); }), "Tanh"));
  CHECK(list.parameters().size() == 6);
  const nn::ModuleList& seen = list;
  static_assert(std::is_same_v<decltype(seen[0]), const nn::Module&>);
  CHECK(&seen[-1] == &list[3]);
  CHECK(&seen.at<nn::Linear>(0) == &list[0]);
  CHECK_THROWS_AS(seen.at<nn::Tanh>(0), ValueError);
  Index parameters = 0;
  for (const nn::Module& module : seen) parameters += static_cast<Index>(module.parameters().size());
  CHECK(parameters == 6);
  CHECK_THROWS_AS(list(x), NotImplementedError);
}

TEST_CASE("Lambda puts a function into a Sequential") {
  nn::Sequential model(nn::Lambda([](const Variable& x) { return sin(x); }), nn::ReLU());
  CHECK(model(Tensor{1.0, -1.0}).value().at({1}) == 0);
  CHECK(model(Tensor{1.0, -1.0}).value().at({0}) == doctest::Approx(std::sin(1.0)));
}
