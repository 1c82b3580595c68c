// Modules as values: listing, modes, conversion, state, copies, sharing, and the paths in messages.
#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/nn/activation.hpp>
#include <xgrad/nn/container.hpp>
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/recurrent.hpp>
#include <xgrad/nn/summary.hpp>
#include <xgrad/nn/visit_macro.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>
#include <xgrad/tensor/random.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace xgrad;
using namespace xgrad::test;

namespace {

using Strings = std::vector<std::string>;

struct Mlp : nn::Module {
  nn::Linear hidden{4, 3};
  nn::Linear output{3, 2};
  Variable forward(const Variable& x) override { return output(relu(hidden(x))); }
  void visit(nn::Visitor& v) override {
    v("hidden", hidden);
    v("output", output);
  }
};

// One part of every kind that a visitor takes.
struct Everything : nn::Module {
  nn::Parameter scale{ones({2})};
  nn::Parameter absent;
  nn::Buffer seen = zeros({}, int64);
  nn::Buffer mean = ones({2});
  Mlp mlp;
  std::vector<nn::Linear> branches;
  std::array<nn::Parameter, 2> pair{nn::Parameter(ones({1})), nn::Parameter(ones({1}))};
  std::optional<nn::Linear> present = nn::Linear(1, 1, {.bias = false});
  std::optional<nn::Linear> missing;
  std::shared_ptr<nn::Linear> shared = std::make_shared<nn::Linear>(1, 2, nn::LinearOptions{.bias = false});
  nn::Sequential row{nn::Linear(2, 2), nn::Dropout(0.5)};

  Everything() {
    branches.emplace_back(2, 1);
    branches.emplace_back(2, 1, nn::LinearOptions{.bias = false});
  }
  XGRAD_VISIT(scale, absent, seen, mean, mlp, branches, pair, present, missing, shared, row)
};

const Strings every_parameter = {"scale",           "mlp.hidden.weight",
                                 "mlp.hidden.bias", "mlp.output.weight",
                                 "mlp.output.bias", "branches.0.weight",
                                 "branches.0.bias", "branches.1.weight",
                                 "pair.0",          "pair.1",
                                 "present.weight",  "shared.weight",
                                 "row.0.weight",    "row.0.bias"};

template <class Items>
Strings names_of(const Items& items) {
  Strings names;
  for (const auto& item : items) names.push_back(item.first);
  return names;
}

}  // namespace

TEST_CASE("parameters, buffers and children are listed in order of declaration with dotted names") {
  Everything model;
  CHECK(names_of(model.named_parameters()) == every_parameter);
  CHECK(model.parameters().size() == every_parameter.size());
  CHECK(names_of(model.named_buffers()) == Strings{"seen", "mean"});
  CHECK(names_of(model.children()) == Strings{"mlp", "branches.0", "branches.1", "present", "shared", "row"});
  CHECK(names_of(model.named_modules()) == Strings{"", "mlp", "mlp.hidden", "mlp.output", "branches.0",
                                                   "branches.1", "present", "shared", "row", "row.0",
                                                   "row.1"});
  CHECK(model.named_modules()[0].second == &model);
  CHECK(model.parameters()[0].is(model.scale));
}

TEST_CASE("the listed parameters are handles on the module's own") {
  Mlp model;
  const auto listed = model.parameters();
  listed[0].detach();
  CHECK(listed[0].is(model.hidden.weight));
  sum(model(ones({1, 4}))).backward();
  for (const Variable& parameter : listed) CHECK(parameter.grad().defined());
  model.zero_grad();
  for (const Variable& parameter : listed) CHECK_FALSE(parameter.grad().defined());
}

TEST_CASE("shared parameters and modules are listed once, under the first name") {
  struct Tied : nn::Module {
    Variable weight{ones({2, 2}), {.requires_grad = true}};
    Variable again = weight;
    std::shared_ptr<nn::Linear> first = std::make_shared<nn::Linear>(2, 2);
    std::shared_ptr<nn::Linear> second = first;
    XGRAD_VISIT(weight, again, first, second)
  } model;
  CHECK(names_of(model.named_parameters()) == Strings{"weight", "first.weight", "first.bias"});
  CHECK(names_of(model.named_modules()) == Strings{"", "first"});
  CHECK(model.state_dict().size() == 3);
}

TEST_CASE("two parts of one name, or of none, are refused") {
  struct Twice : nn::Module {
    nn::Parameter a{ones({1})}, b{ones({1})};
    void visit(nn::Visitor& v) override {
      v("a", a);
      v("a", b);
    }
  } twice;
  CHECK_THROWS_AS(twice.named_parameters(), ValueError);
  CHECK(contains(message_of([&] { twice.parameters(); }), "'a'"));
  struct Nameless : nn::Module {
    nn::Parameter a{ones({1})};
    void visit(nn::Visitor& v) override { v("", a); }
  } nameless;
  CHECK_THROWS_AS(nameless.parameters(), ValueError);
}

TEST_CASE("train and eval reach all children") {
  Everything model;
  CHECK(model.training());
  model.eval();
  for (const auto& [name, module] : model.named_modules()) CHECK_FALSE(module->training());
  model.train();
  for (const auto& [name, module] : model.named_modules()) CHECK(module->training());
}

TEST_CASE("freeze and unfreeze") {
  Mlp model;
  model.hidden.freeze();
  CHECK_FALSE(model.hidden.weight.requires_grad());
  CHECK(model.output.weight.requires_grad());
  sum(model(ones({1, 4}))).backward();
  CHECK_FALSE(model.hidden.weight.grad().defined());
  CHECK(model.output.weight.grad().defined());
  Mlp copy = model;
  CHECK_FALSE(copy.hidden.weight.requires_grad());
  model.unfreeze();
  CHECK(model.hidden.weight.requires_grad());
  CHECK_FALSE(copy.hidden.weight.requires_grad());
}

TEST_CASE("copying a module gives independent parameters and buffers, in constant space") {
  Everything model;
  const auto before = memory_stats().live_buffers;
  Everything copy = model;
  CHECK(memory_stats().live_buffers == before);

  const auto ours = model.named_parameters(), theirs = copy.named_parameters();
  REQUIRE(names_of(ours) == names_of(theirs));
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CAPTURE(ours[i].first);
    CHECK(theirs[i].second.is_leaf());
    CHECK(theirs[i].second.requires_grad());
    // A shared_ptr is explicit sharing.
    CHECK(ours[i].second.is(theirs[i].second) == (ours[i].first == "shared.weight"));
    CHECK(bitwise_equal(ours[i].second.value(), theirs[i].second.value()));
  }
  copy.scale.mutable_data<float>()[0] = 7;
  copy.mean.mutable_data<float>()[0] = 7;
  copy.row.at<nn::Linear>(0).weight.mutable_data<float>()[0] = 7;
  CHECK(bitwise_equal(model.scale.value(), ones({2})));
  CHECK(bitwise_equal(model.mean, ones({2})));
  CHECK(model.row.at<nn::Linear>(0).weight.value().at({0, 0}) != 7);
}

TEST_CASE("a copy has no gradient, and training one model leaves the other alone") {
  Mlp model;
  sum(model(ones({1, 4}))).backward();
  Mlp copy = model;
  CHECK_FALSE(copy.hidden.weight.grad().defined());
  sum(copy(ones({1, 4})) * 3).backward();
  CHECK(allclose(copy.output.bias.grad().value(), full({2}, 3)));
  CHECK(allclose(model.output.bias.grad().value(), full({2}, 1)));
}

TEST_CASE("moving keeps the parameters, assigning keeps the handles on them") {
  static_assert(std::is_nothrow_move_constructible_v<nn::Parameter>);
  Mlp model;
  const Variable handle = model.hidden.weight;
  Mlp moved = std::move(model);
  CHECK(moved.hidden.weight.is(handle));

  Mlp other;
  sum(moved(ones({1, 4}))).backward();
  moved = other;
  CHECK(moved.hidden.weight.is(handle));
  CHECK(bitwise_equal(handle.value(), other.hidden.weight.value()));
  CHECK_FALSE(handle.grad().defined());
  CHECK_FALSE(moved.hidden.weight.is(other.hidden.weight));

  std::vector<nn::Linear> layers;
  layers.emplace_back(2, 2);
  const Variable first = layers[0].weight;
  for (int i = 0; i < 20; ++i) layers.emplace_back(2, 2);
  CHECK(layers[0].weight.is(first));
}

TEST_CASE("Parameter: assignment between shapes, from and to undefined") {
  nn::Parameter a(ones({2})), b(zeros({3}, float64)), none;
  const Variable handle = a;
  a = b;
  CHECK(handle.shape() == Shape{3});
  CHECK(handle.dtype() == float64);
  CHECK(handle.requires_grad());
  sum(handle * 2).backward();
  CHECK(allclose(a.grad().value(), full({3}, 2, float64)));
  nn::Parameter& self = a;
  a = self;
  CHECK(a.is(handle));
  a = none;
  CHECK_FALSE(a.defined());
  CHECK(handle.defined());
  a = b;
  CHECK(a.defined());
  CHECK_FALSE(a.is(b));
  CHECK_THROWS_AS(nn::Parameter(ones({2}, int64)), DTypeError);
}

TEST_CASE("to converts floating state, keeps handles, and trains on") {
  Everything model;
  const Variable handle = model.scale;
  sum(handle * 1).backward();
  model.to(float64);
  CHECK(model.scale.is(handle));
  CHECK(handle.dtype() == float64);
  CHECK_FALSE(handle.grad().defined());
  CHECK(model.mean.dtype() == float64);
  CHECK(model.seen.dtype() == int64);
  for (const Variable& parameter : model.parameters()) {
    CHECK(parameter.dtype() == float64);
    CHECK(parameter.requires_grad());
  }
  sum(model.mlp(ones({1, 4}, float64))).backward();
  CHECK(model.mlp.hidden.weight.grad().dtype() == float64);
  CHECK_THROWS_AS(model.to(int64), DTypeError);
}

TEST_CASE("state_dict is a snapshot, in order; load_state_dict restores it") {
  Everything model;
  const StateDict saved = model.state_dict();
  Strings names = names_of(saved);
  CHECK(names.size() == every_parameter.size() + 2);
  CHECK(names[0] == "scale");
  CHECK(names[1] == "seen");
  CHECK(names[2] == "mean");
  CHECK(names[3] == "mlp.hidden.weight");
  CHECK(saved.contains("row.0.bias"));
  CHECK_FALSE(saved.contains("row.0.gain"));
  CHECK_THROWS_AS(saved.at("row.0.gain"), ValueError);
  CHECK(contains(message_of([&] { saved.at("x"); }), "row.0.bias"));

  const Variable handle = model.scale;
  model.scale.set_value(full({2}, 5));
  model.mean = full({2}, 5);
  CHECK(bitwise_equal(saved.at("scale"), ones({2})));
  model.load_state_dict(saved);
  CHECK(bitwise_equal(handle.value(), ones({2})));
  CHECK(bitwise_equal(model.mean, ones({2})));

  Everything other;
  other.load_state_dict(saved);
  const StateDict loaded = other.state_dict();
  for (const auto& [name, tensor] : saved) CHECK(bitwise_equal(loaded.at(name), tensor));
}

TEST_CASE("load_state_dict lists all mismatches at once and changes nothing") {
  Mlp model;
  const StateDict before = model.state_dict();
  StateDict wrong;
  wrong.set("hidden.weight", zeros({3, 4}));
  wrong.set("hidden.bias", zeros({5}));
  wrong.set("output.weight", zeros({2, 3}, int64));
  wrong.set("extra", zeros({1}));
  CHECK_THROWS_AS(model.load_state_dict(wrong), ValueError);
  const std::string message = message_of([&] { model.load_state_dict(wrong); });
  CAPTURE(message);
  CHECK(contains(message, "Mlp"));
  CHECK(contains(message, "hidden.bias: expects the shape (3,), got (5,)"));
  CHECK(contains(message, "output.weight: expects float32, got int64"));
  CHECK(contains(message, "output.bias: missing"));
  CHECK(contains(message, "extra: not in the module"));
  CHECK_FALSE(contains(message, "hidden.weight"));
  const StateDict after = model.state_dict();
  for (const auto& [name, tensor] : before) CHECK(bitwise_equal(after.at(name), tensor));
}

TEST_CASE("a lenient load reports names and still refuses shapes") {
  Mlp model;
  const Tensor bias = model.hidden.bias.value();
  const nn::LoadReport report = model.load_state_dict(
      {{"hidden.weight", ones({3, 4}, float64)}, {"extra", ones({1})}}, {.strict = false});
  CHECK(report.missing == Strings{"hidden.bias", "output.weight", "output.bias"});
  CHECK(report.unexpected == Strings{"extra"});
  // Converted to the module's dtype.
  CHECK(bitwise_equal(model.hidden.weight.value(), ones({3, 4})));
  CHECK(bitwise_equal(model.hidden.bias.value(), bias));
  CHECK_THROWS_AS(model.load_state_dict({{"hidden.bias", ones({4})}}, {.strict = false}), ValueError);
}

TEST_CASE("a message names the dotted path of the layer and the line in the model") {
  struct Encoder : nn::Module {
    std::vector<Mlp> blocks{2};
    Variable forward(const Variable& x) override { return blocks[1](blocks[0](x)); }
    XGRAD_VISIT(blocks)
  };
  struct Model : nn::Module {
    Encoder encoder;
    Variable forward(const Variable& x) override { return encoder(x); }
    XGRAD_VISIT(encoder)
  } model;
  // blocks.0 gives two features, blocks.1 wants four.
  const std::string message = message_of([&] { model(ones({1, 4})); });
  CAPTURE(message);
  CHECK(contains(message, "module_test.cpp:"));
  CHECK(contains(message, ": encoder.blocks.1.hidden: linear: "));
  // The stack is empty again.
  const std::string plain = message_of([] { matmul(ones({2, 3}), ones({2, 3})); });
  CAPTURE(plain);
  CHECK_FALSE(contains(plain, "encoder"));
}

TEST_CASE("a message inside Sequential names the line that called it") {
  nn::Sequential model(nn::Linear(4, 3), nn::Sequential(nn::ReLU(), nn::Linear(2, 1)));
  const int line = __LINE__ + 1;
  const std::string message = message_of([&] { model(ones({1, 4})); });
  CAPTURE(message);
  CHECK(contains(message, "module_test.cpp:" + std::to_string(line) + ": 1.1: linear: "));
}

TEST_CASE("a layer that visit omits is named by its nearest listed caller") {
  struct Hidden : nn::Module {
    nn::Linear unlisted{3, 3};
    Variable forward(const Variable& x) override { return unlisted(x); }
  };
  struct Model : nn::Module {
    Hidden inner;
    Variable forward(const Variable& x) override { return inner(x); }
    XGRAD_VISIT(inner)
  } model;
  const std::string message = message_of([&] { model(ones({1, 4})); });
  CAPTURE(message);
  CHECK(contains(message, ": inner: linear: "));
}

TEST_CASE("an exception of visit or describe never replaces the error under way") {
  struct Faulty : nn::Module {
    nn::Linear fc{3, 3};
    bool faulty = false;
    Variable forward(const Variable& x) override { return fc(x); }
    void visit(nn::Visitor& v) override {
      if (faulty) throw 42;
      v("fc", fc);
    }
    std::string describe() const override { throw std::runtime_error("describe"); }
  } model;
  StateDict wrong = model.state_dict();
  wrong.set("spare", ones({1}));
  CHECK_THROWS_AS(model.load_state_dict(wrong), ValueError);
  CHECK(contains(message_of([&] { model.load_state_dict(wrong); }), "spare: not in the module"));
  model.faulty = true;
  CHECK_THROWS_AS(model(ones({1, 4})), ShapeError);
}

TEST_CASE("anomaly mode names the module, forward and backward") {
  struct Root : nn::Module {
    Variable forward(const Variable& x) override { return sqrt(x); }
  };
  struct Model : nn::Module {
    nn::Sequential roots{Root(), Root()};
    Variable forward(const Variable& x) override { return roots(x); }
    XGRAD_VISIT(roots)
  } model;
  const AnomalyMode anomaly;
  CHECK(contains(message_of([&] { model(full({1}, -1)); }), ": roots.0: sqrt: "));

  const Variable x = leaf(zeros({1}));
  const Variable y = sum(model.roots[0](x));
  CHECK_THROWS_AS(y.backward(), NumericError);
  const Variable z = sum(model(x));
  const std::string message = message_of([&] { z.backward(); });
  CAPTURE(message);
  CHECK(contains(message, "roots.1"));
}

TEST_CASE("a module with several inputs declares its own call") {
  struct Bilinear : nn::Module {
    nn::Linear left{3, 2}, right{4, 2};
    Variable operator()(const Operand& a, const Operand& b) {
      return call(a.place(), [&] { return left(a) * right(b); });
    }
    XGRAD_VISIT(left, right)
  };
  struct Model : nn::Module {
    Bilinear both;
    Variable forward(const Variable& x) override { return both(x, x); }
    XGRAD_VISIT(both)
  } model;
  CHECK(model.both(ones({1, 3}), ones({1, 4})).shape() == Shape{1, 2});
  CHECK(contains(message_of([&] { model(ones({1, 3})); }), ": both.right: linear: "));

  nn::Module& base = model.both;
  CHECK_THROWS_AS(base(ones({1})), NotImplementedError);
  CHECK(contains(message_of([&] { base(ones({1})); }), "Bilinear"));
}

TEST_CASE("the stack of running modules is unwound by exceptions and is per thread") {
  struct Thrower : nn::Module {
    Variable forward(const Variable&) override { throw 42; }
  } thrower;
  CHECK_THROWS_AS(thrower(ones({1})), int);
  CHECK(nn::detail::Call::innermost() == nullptr);

  struct Observer : nn::Module {
    bool alone = false;
    Variable forward(const Variable& x) override {
      std::thread([this] { alone = nn::detail::Call::innermost() == nullptr; }).join();
      return x;
    }
  } observer;
  observer(ones({1}));
  CHECK(observer.alone);
}

TEST_CASE("operands: numbers and tensors may be given to a module") {
  nn::ReLU relu_layer;
  CHECK(relu_layer(-2.0).item() == 0);
  CHECK(relu_layer(Tensor{-1.0, 2.0}).value().at({1}) == 2);
  CHECK_THROWS_AS(relu_layer(Variable()), GraphError);
}

TEST_CASE("a module prints as a tree") {
  Mlp model;
  const std::string tree = "Mlp\n  hidden: Linear(4, 3)\n  output: Linear(3, 2)";
  CHECK(to_string(model) == tree);
  std::ostringstream stream;
  stream << model;
  CHECK(stream.str() == tree);
}

TEST_CASE("a const module is listed, saved, printed and summarised, and stays as it was") {
  Mlp written;
  written.train();
  const Mlp model = written;
  CHECK(model.parameters().size() == 4);
  CHECK(model.named_parameters()[0].first == "hidden.weight");
  CHECK(model.parameters()[0].is(model.hidden.weight));
  CHECK(model.named_buffers().empty());
  REQUIRE(model.children().size() == 2);
  CHECK(model.children()[1].second == &model.output);
  REQUIRE(model.named_modules().size() == 3);
  const nn::Module* const first = model.named_modules()[0].second;
  CHECK(first == &model);
  CHECK(bitwise_equal(model.state_dict().at("output.bias"), written.output.bias.value()));
  CHECK(to_string(model) == to_string(written));
  CHECK(nn::summary(model, ones({2, 4})) == nn::summary(written, ones({2, 4})));
  CHECK(model.training());
  CHECK(model.hidden.training());
}

TEST_CASE("a call means the same whatever the static type") {
  nn::LSTM lstm(3, 4);
  nn::GRU gru(3, 4);
  const Variable x(ones({5, 2, 3}));
  for (nn::Module* module : std::initializer_list<nn::Module*>{&lstm, &gru}) {
    const Variable output = (*module)(x);
    CHECK(output.shape() == Shape{5, 2, 4});
    CHECK(bitwise_equal(output.value(), (module == &lstm ? lstm(x) : gru(x)).value()));
    CHECK(bitwise_equal(output.value(), (module == &lstm ? lstm.run(x).output : gru.run(x).output).value()));
  }
}
