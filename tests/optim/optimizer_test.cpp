// What all optimizers promise: validation, groups, skipping, saving and resuming.
#include <xgrad/optim/adagrad.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/optim/rmsprop.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/threads.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>

namespace {

using namespace xgrad;
using optim::Optimizer;
using test::leaf, test::message_of, test::contains;

struct Kind {
  std::string name;
  std::function<std::unique_ptr<Optimizer>(const std::vector<Variable>&)> make;
};

// One of each, with all the state its formula can have.
const std::vector<Kind> kinds = {
    {"SGD",
     [](const auto& p) {
       return std::make_unique<optim::SGD>(p, optim::SGDOptions{.momentum = 0.9, .weight_decay = 0.1});
     }},
    {"Adam",
     [](const auto& p) {
       return std::make_unique<optim::Adam>(p, optim::AdamOptions{.weight_decay = 0.1, .amsgrad = true});
     }},
    {"AdamW", [](const auto& p) { return std::make_unique<optim::AdamW>(p); }},
    {"RMSprop",
     [](const auto& p) {
       return std::make_unique<optim::RMSprop>(
           p, optim::RMSpropOptions{.weight_decay = 0.1, .momentum = 0.9, .centered = true});
     }},
    {"Adagrad",
     [](const auto& p) {
       return std::make_unique<optim::Adagrad>(
           p, optim::AdagradOptions{.learning_rate_decay = 0.1, .weight_decay = 0.1});
     }},
};

// A gradient that depends on the value and the step.
void set_gradient(Variable p, int t) {
  Tensor gradient = p.value();
  xgrad::Generator generator(static_cast<std::uint64_t>(t));
  const Tensor noise = normal(p.shape(), 0, 1, p.dtype(), generator);
  if (p.dtype() == float32)
    for (Index i = 0; i < p.count(); ++i) gradient.mutable_data<float>()[i] += noise.data<float>()[i];
  else
    for (Index i = 0; i < p.count(); ++i) gradient.mutable_data<double>()[i] += noise.data<double>()[i];
  p.set_grad(Variable(gradient));
}

void train(Optimizer& optimizer, const std::vector<Variable>& parameters, int from, int to) {
  for (int t = from; t < to; ++t) {
    for (const Variable& p : parameters) set_gradient(p, t);
    optimizer.step();
  }
}

std::vector<Variable> model() {
  Generator generator(5);
  return {leaf(normal({3, 4}, 0, 1, float32, generator)), leaf(normal({5}, 0, 1, float64, generator))};
}

}  // namespace

TEST_CASE("optim: bad lists of parameters throw") {
  for (const Kind& kind : kinds) {
    CAPTURE(kind.name);
    const Variable p = leaf(ones({2, 3}));
    CHECK(
        contains(message_of<ValueError>([&] { kind.make({}); }), kind.name + ": group 0 has no parameters"));
    CHECK(contains(message_of<ValueError>([&] {
                     kind.make({p, p});
                   }),
                   "parameter 1 of shape (2, 3) is listed twice"));
    CHECK(contains(message_of<GraphError>([&] { kind.make({p, Variable()}); }), "parameter 1 is undefined"));
    CHECK(contains(message_of<DTypeError>([&] { kind.make({Variable(ones({2}, int64))}); }), "int64 (2,)"));
    CHECK_NOTHROW(kind.make({Variable(ones({2}))}));
  }
  CHECK_THROWS_AS(optim::SGD(std::vector<optim::Group<optim::SGDOptions>>{}), ValueError);
  const Variable p = leaf(ones({2})), q = leaf(ones({2}));
  CHECK_THROWS_AS(optim::SGD({{{p}}, {{q, p}}}), ValueError);
  CHECK_THROWS_AS(optim::SGD({{{p}}, {std::vector<Variable>{}}}), ValueError);
}

TEST_CASE("optim: bad options throw, naming the option, its interval and the caller's line") {
  const std::vector<Variable> p{leaf(ones({2}))};
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const std::string text = message_of<ValueError>([&] { optim::Adam(p, {.beta1 = 1}); });
  CHECK(contains(text, "optimizer_test.cpp:" + std::to_string(__LINE__ - 1)));
  CHECK(contains(text, "Adam: beta1 must be in [0, 1), got 1"));
  CHECK_THROWS_AS(optim::Adam(p, {.beta1 = -0.1}), ValueError);
  CHECK_THROWS_AS(optim::Adam(p, {.beta2 = 1.5}), ValueError);
  CHECK_THROWS_AS(optim::AdamW(p, {.beta2 = nan}), ValueError);
  CHECK_THROWS_AS(optim::AdamW(p, {.eps = -1}), ValueError);
  CHECK_THROWS_AS(optim::AdamW(p, {.weight_decay = -1}), ValueError);
  CHECK_THROWS_AS(optim::RMSprop(p, {.alpha = 1}), ValueError);
  CHECK_THROWS_AS(optim::RMSprop(p, {.momentum = -1}), ValueError);
  CHECK_THROWS_AS(optim::Adagrad(p, {.learning_rate_decay = -1}), ValueError);
  CHECK_THROWS_AS(optim::Adagrad(p, {.initial_accumulator_value = -1}), ValueError);
  CHECK(contains(message_of<ValueError>([&] { optim::SGD(p, {.learning_rate = -1e-9}); }),
                 "learning_rate must be finite and at least 0, got -1e-09"));
  CHECK_THROWS_AS(optim::SGD(p, {.learning_rate = inf}), ValueError);
  CHECK_THROWS_AS(optim::SGD(p, {.nesterov = true}), ValueError);
  CHECK_THROWS_AS(optim::SGD(p, {.momentum = 0.9, .dampening = 0.1, .nesterov = true}), ValueError);
  CHECK_THROWS_AS(optim::SGD({{p, {}}, {{leaf(ones({2}))}, {.momentum = -1}}}), ValueError);

  optim::SGD optimizer(p, {.learning_rate = 0.5});
  CHECK_THROWS_AS(optimizer.set_learning_rate(-1), ValueError);
  CHECK_THROWS_AS(optimizer.set_learning_rate(1, 1), IndexError);
  CHECK_THROWS_AS(optimizer.learning_rate(1), IndexError);
  CHECK_THROWS_AS(optimizer.parameters(1), IndexError);
  CHECK(optimizer.learning_rate() == 0.5);
}

TEST_CASE("optim: parameters without a gradient keep their value and get no state") {
  for (const Kind& kind : kinds) {
    CAPTURE(kind.name);
    const Variable used = leaf(ones({3})), unused = leaf(ones({3}));
    const auto optimizer = kind.make({unused, used});
    optimizer->step();
    for (const auto& entry : optimizer->state_dict()) CHECK(contains(entry.first, "groups."));
    for (int t = 0; t < 3; ++t) {
      set_gradient(used, t);
      optimizer->step();
    }
    CHECK(bitwise_equal(unused.value(), ones({3})));
    CHECK_FALSE(bitwise_equal(used.value(), ones({3})));
    bool saved = false;
    for (const auto& entry : optimizer->state_dict()) {
      CHECK_FALSE(contains(entry.first, "state.0."));
      saved = saved || contains(entry.first, "state.1.");
    }
    CHECK(saved);

    // A late start counts its own steps: the first update equals that of a fresh optimizer.
    const Variable fresh = leaf(ones({3}));
    const auto other = kind.make({fresh});
    set_gradient(unused, 9);
    set_gradient(fresh, 9);
    used.grad();
    optimizer->step();
    other->step();
    CHECK(bitwise_equal(unused.value(), fresh.value()));
  }
}

TEST_CASE("optim: a step records nothing and reaches every handle") {
  for (const Kind& kind : kinds) {
    CAPTURE(kind.name);
    Variable p = leaf(ones({3}));
    const Variable handle = p;
    const Tensor before = p.value();
    const auto optimizer = kind.make({p});
    set_gradient(p, 1);
    const Tensor gradient = p.grad().value();
    optimizer->step();
    CHECK(p.is_leaf());
    CHECK(p.requires_grad());
    CHECK(handle.is(p));
    CHECK(bitwise_equal(handle.value(), p.value()));
    CHECK_FALSE(bitwise_equal(p.value(), before));
    CHECK(bitwise_equal(before, ones({3})));
    CHECK(bitwise_equal(p.grad().value(), gradient));
    CHECK_FALSE(p.grad().requires_grad());
    optimizer->zero_grad();
    CHECK_FALSE(p.grad().defined());
  }
}

TEST_CASE("optim: a gradient that shares the parameter's elements is read before it changes") {
  Variable p = leaf(full({4}, 2));
  p.set_grad(Variable(p.value()));
  optim::SGD optimizer({p}, {.learning_rate = 0.5});
  optimizer.step();
  CHECK(bitwise_equal(p.value(), ones({4})));
  CHECK(bitwise_equal(p.grad().value(), full({4}, 2)));
}

TEST_CASE("optim: groups keep their options") {
  const Variable a = leaf(ones({2})), b = leaf(ones({2})), c = leaf(ones({2}));
  optim::SGD optimizer({{{a}, {.learning_rate = 0.5}}, {{b, c}, {.learning_rate = 0.25, .weight_decay = 1}}});
  CHECK(optimizer.group_count() == 2);
  CHECK(optimizer.parameters(1).size() == 2);
  CHECK(optimizer.parameters(1)[0].is(b));
  CHECK(optimizer.options(1).weight_decay == 1);
  for (Variable p : {a, b, c}) p.set_grad(Variable(ones({2})));
  optimizer.step();
  CHECK(bitwise_equal(a.value(), full({2}, 0.5)));
  CHECK(bitwise_equal(b.value(), full({2}, 0.5)));
  CHECK(bitwise_equal(c.value(), full({2}, 0.5)));
  optimizer.set_learning_rate(1, 1);
  CHECK(optimizer.learning_rate(0) == 0.5);
  CHECK(optimizer.learning_rate(1) == 1);
  optimizer.step();
  CHECK(bitwise_equal(a.value(), full({2}, 0)));
  CHECK(bitwise_equal(b.value(), full({2}, -1)));
  optimizer.set_learning_rate(2);
  CHECK(optimizer.learning_rate(0) == 2);
  CHECK(optimizer.options(0).learning_rate == 2);
}

TEST_CASE("optim: a misfit between gradient, state and parameter throws before anything changes") {
  Variable p = leaf(ones({2})), q = leaf(ones({3}));
  optim::Adam optimizer({p, q});
  set_gradient(p, 1);
  set_gradient(q, 1);
  optimizer.step();
  const Tensor before = p.value();
  const auto state = optimizer.state_dict();
  q.clear_grad();
  detail::Access::mutable_value(q) = ones({3}, float64);
  q.set_grad(Variable(ones({3}, float64)));
  CHECK_THROWS_AS(optimizer.step(), DTypeError);
  q.clear_grad();
  detail::Access::mutable_value(q) = ones({4});
  q.set_grad(Variable(ones({4})));
  CHECK_THROWS_AS(optimizer.step(), ShapeError);
  CHECK(bitwise_equal(p.value(), before));
  REQUIRE(optimizer.state_dict().size() == state.size());
  for (std::size_t i = 0; i < state.size(); ++i)
    CHECK(bitwise_equal(optimizer.state_dict()[i].second, state[i].second));
}

TEST_CASE("optim: saving and resuming is bitwise") {
  for (const Kind& kind : kinds) {
    CAPTURE(kind.name);
    const auto straight = model();
    const auto whole = kind.make(straight);
    train(*whole, straight, 0, 10);
    whole->set_learning_rate(0.05);
    train(*whole, straight, 10, 30);

    const auto first = model();
    const auto before = kind.make(first);
    train(*before, first, 0, 10);
    before->set_learning_rate(0.05);
    const auto saved = before->state_dict();
    std::vector<Variable> second{leaf(first[0].value()), leaf(first[1].value())};
    const auto after = kind.make(second);
    after->load_state_dict(saved);
    train(*before, first, 10, 20);  // must not disturb what was saved
    train(*after, second, 10, 30);
    for (std::size_t i = 0; i < 2; ++i) CHECK(bitwise_equal(second[i].value(), straight[i].value()));
    const auto end = whole->state_dict(), resumed = after->state_dict();
    REQUIRE(end.size() == resumed.size());
    for (std::size_t i = 0; i < end.size(); ++i) {
      CHECK(end[i].first == resumed[i].first);
      CHECK(bitwise_equal(end[i].second, resumed[i].second));
    }
  }
}

TEST_CASE("optim: options are restored, those that decide what state there is included") {
  const auto first = model(), second = model();
  optim::Adam a(first, {.learning_rate = 0.2, .beta1 = 0.5, .amsgrad = true}), b(second);
  train(a, first, 0, 3);
  train(b, second, 0, 3);
  b.load_state_dict(a.state_dict());
  CHECK(b.options().amsgrad);
  CHECK(b.options().beta1 == 0.5);
  CHECK(b.learning_rate() == 0.2);
  for (std::size_t i = 0; i < 2; ++i) Variable(second[i]).set_value(first[i].value());
  train(a, first, 3, 6);
  train(b, second, 3, 6);
  for (std::size_t i = 0; i < 2; ++i) CHECK(bitwise_equal(second[i].value(), first[i].value()));

  // State of a parameter that had none when it was saved goes away.
  optim::Adam fresh(model());
  b.load_state_dict(fresh.state_dict());
  CHECK(b.state_dict().size() == fresh.state_dict().size());
}

TEST_CASE("optim: a state that does not fit lists every mismatch and changes nothing") {
  const auto parameters = model();
  optim::Adam optimizer(parameters, {.learning_rate = 0.1});
  train(optimizer, parameters, 0, 3);
  const auto good = optimizer.state_dict();

  StateDict bad;
  for (auto [name, tensor] : good) {
    if (name == "groups.0.learning_rate") tensor = scalar(-1.0, float64);
    if (name == "groups.0.amsgrad") tensor = scalar(1);
    if (name == "groups.0.eps") name = "groups.0.epsilon";
    if (name == "state.0.exp_avg") tensor = zeros({4, 3});
    if (name == "state.0.step") tensor = scalar(0);
    if (name == "state.1.exp_avg") tensor = tensor.to(float32);
    if (name == "state.1.exp_avg_sq") name = "state.2.exp_avg_sq";
    bad.set(name, tensor);
  }
  bad.set("extra", scalar(0));
  const std::string text = message_of<ValueError>([&] { optimizer.load_state_dict(bad); });
  for (const char* part :
       {"learning_rate must be finite and at least 0, got -1",
        "groups.0.amsgrad: expects boolean (), got int64 ()", "groups.0.eps: missing",
        "groups.0.epsilon: unexpected", "state.0.exp_avg: expects float32 (3, 4), got float32 (4, 3)",
        "state.0.step: must be at least 1, got 0", "state.1.exp_avg: expects float64 (5,), got float32 (5,)",
        "state.1.exp_avg_sq: missing", "state.2.exp_avg_sq: unexpected", "extra: unexpected"}) {
    CAPTURE(text);
    CAPTURE(part);
    CHECK(contains(text, part));
  }
  const auto now = optimizer.state_dict();
  REQUIRE(now.size() == good.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    CHECK(now[i].first == good[i].first);
    CHECK(bitwise_equal(now[i].second, good[i].second));
  }
  CHECK_NOTHROW(optimizer.load_state_dict(good));
}

TEST_CASE("optim: a copy of an optimizer has state of its own") {
  const auto parameters = model();
  optim::SGD a(parameters, {.momentum = 0.9});
  train(a, parameters, 0, 2);
  const optim::SGD b = a;
  const auto before = b.state_dict();
  train(a, parameters, 2, 4);
  for (std::size_t i = 0; i < before.size(); ++i)
    CHECK(bitwise_equal(b.state_dict()[i].second, before[i].second));
}

TEST_CASE("optim: empty parameters and scalars") {
  for (const Kind& kind : kinds) {
    CAPTURE(kind.name);
    const std::vector<Variable> parameters{leaf(zeros({0, 3})), leaf(ones({}, float64))};
    const auto optimizer = kind.make(parameters);
    train(*optimizer, parameters, 0, 3);
    CHECK(parameters[0].shape() == Shape{0, 3});
    CHECK(parameters[1].item() != 1);
  }
}

TEST_SUITE("threads") {
  TEST_CASE("optim: results do not depend on the thread count") {
    const int threads = num_threads();
    for (const Kind& kind : kinds) {
      CAPTURE(kind.name);
      std::vector<Tensor> results;
      for (const int count : {1, 2, 3}) {
        set_num_threads(count);
        Generator generator(3);
        const Variable p = leaf(normal({333'337}, 0, 1, float32, generator));
        const auto optimizer = kind.make({p});
        train(*optimizer, {p}, 0, 3);
        results.push_back(p.value());
      }
      CHECK(bitwise_equal(results[0], results[1]));
      CHECK(bitwise_equal(results[0], results[2]));
    }
    set_num_threads(threads);
  }
}
