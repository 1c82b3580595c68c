// The checker of visit against forward, which must be able to fail, and the summary table.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/nn/activation.hpp>
#include <xgrad/nn/check.hpp>
#include <xgrad/nn/container.hpp>
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/summary.hpp>
#include <xgrad/nn/visit_macro.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using namespace xgrad::test;

namespace {

struct Mlp : nn::Module {
  nn::Linear hidden{4, 3};
  nn::Linear output{3, 2};
  Variable forward(const Variable& x) override { return output(relu(hidden(x))); }
  XGRAD_VISIT(hidden, output)
};

}  // namespace

TEST_CASE("check_parameters passes a right module and leaves gradients alone") {
  Mlp model;
  const CheckResult result = nn::check_parameters(model, leaf(ones({2, 4})));
  CHECK_MESSAGE(result, result.text);
  for (const Variable& parameter : model.parameters()) CHECK_FALSE(parameter.grad().defined());
  nn::ReLU none;
  CHECK(nn::check_parameters(none, ones({2})));
}

TEST_CASE("check_parameters finds a leaf that visit omits") {
  struct Forgetful : nn::Module {
    nn::Linear listed{4, 3};
    nn::Parameter scale{ones({3})};
    Variable forward(const Variable& x) override { return listed(x) * scale; }
    XGRAD_VISIT(listed)
  } model;
  const CheckResult result = nn::check_parameters(model, ones({2, 4}));
  CAPTURE(result.text);
  CHECK_FALSE(result);
  CHECK(contains(result.text, "Forgetful"));
  CHECK(contains(result.text, "visit omits: float32 (3,), in mul at check_test.cpp:"));
  CHECK_FALSE(contains(result.text, "no gradient"));
}

TEST_CASE("check_parameters finds a listed parameter that forward does not use") {
  struct Idle : nn::Module {
    nn::Linear used{4, 3}, idle{4, 3};
    Variable forward(const Variable& x) override { return used(x); }
    XGRAD_VISIT(used, idle)
  } model;
  const CheckResult result = nn::check_parameters(model, ones({2, 4}));
  CAPTURE(result.text);
  CHECK_FALSE(result);
  CHECK(contains(result.text, "idle.weight gets no gradient"));
  CHECK(contains(result.text, "idle.bias gets no gradient"));
  CHECK_FALSE(contains(result.text, "used.weight"));
  model.idle.freeze();
  CHECK(nn::check_parameters(model, ones({2, 4})));
}

TEST_CASE("check_parameters finds a forward that leaves the tape, and restores buffers") {
  struct Detached : nn::Module {
    nn::Linear layer{2, 2};
    nn::Buffer calls = zeros({});
    Variable forward(const Variable& x) override {
      calls = (Variable(calls) + 1).value();
      return layer(x).detach();
    }
    XGRAD_VISIT(layer, calls)
  } model;
  const CheckResult result = nn::check_parameters(model, [&] { return model(ones({1, 2})); });
  CHECK_FALSE(result);
  CHECK(contains(result.text, "layer.weight gets no gradient"));
  CHECK(model.calls.item() == 0);
}

TEST_CASE("summary lists layers, output shapes and parameter counts") {
  struct Net : nn::Module {
    std::vector<nn::Linear> blocks;
    nn::Parameter scale{ones({1})};
    nn::Sequential head{nn::ReLU(), nn::Dropout(0.25), nn::Linear(1000, 5, {.bias = false})};
    Net() { blocks.emplace_back(30, 1000); }
    Variable forward(const Variable& x) override { return head(blocks[0](x)) * scale; }
    XGRAD_VISIT(blocks, scale, head)
  } model;
  model.head.freeze();
  const std::string expected =
      "layer                            output     parameters\n"
      "------------------------------------------------------\n"
      "Net                              (2, 5)              1\n"
      "  0: Linear(30, 1000)            (2, 1000)      31,000\n"
      "  head: Sequential               (2, 5)\n"
      "    0: ReLU                      (2, 1000)\n"
      "    1: Dropout(0.25)             (2, 1000)\n"
      "    2: Linear(1000, 5, no bias)  (2, 5)          5,000\n"
      "------------------------------------------------------\n"
      "36,001 parameters, 31,001 trainable, 144,004 bytes\n";
  CHECK(nn::summary(model, ones({2, 30})) == expected);
}

TEST_CASE("summary restores every module's own mode") {
  nn::Sequential model{nn::Dropout(), nn::Sequential(nn::Dropout(), nn::ReLU())};
  model[1].eval();
  model.at<nn::Sequential>(1)[1].train();
  nn::summary(model, ones({3}));
  CHECK(model.training());
  CHECK(model[0].training());
  CHECK_FALSE(model[1].training());
  CHECK_FALSE(model.at<nn::Sequential>(1)[0].training());
  CHECK(model.at<nn::Sequential>(1)[1].training());
  CHECK_THROWS_AS(nn::summary(model, [] { throw 1; }), int);
  CHECK(model[0].training());
}

TEST_CASE("summary of a module with several inputs") {
  struct Pair : nn::Module {
    nn::Linear left{3, 2}, right{4, 2};
    Variable operator()(const Operand& a, const Operand& b) {
      return call(a.place(), [&] { return left(a) + right(b); });
    }
    XGRAD_VISIT(left, right)
  } model;
  const std::string table = nn::summary(model, [&] { model(ones({7, 3}), ones({7, 4})); });
  CHECK(contains(table, "right: Linear(4, 2)"));
  CHECK(contains(table, "(7, 2)"));
  CHECK(contains(table, "18 parameters"));
}
