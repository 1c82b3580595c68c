// Memory that runs out within a step or a load: all is changed, or nothing.
#include "support/failing_memory.hpp"

#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/normalize.hpp>
#include <xgrad/optim/adagrad.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/optim/clip.hpp>
#include <xgrad/optim/rmsprop.hpp>
#include <xgrad/optim/schedule.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

namespace {

using namespace xgrad;
using optim::Optimizer;

// Large enough for the system's memory, see with_failing_allocations.
constexpr Index size = 1000;

using Make = std::function<std::unique_ptr<Optimizer>(const std::vector<Variable>&)>;

const std::vector<std::pair<const char*, Make>> kinds = {
    {"SGD", [](const auto& p) { return std::make_unique<optim::SGD>(p); }},
    {"SGD with momentum",
     [](const auto& p) { return std::make_unique<optim::SGD>(p, optim::SGDOptions{.momentum = 0.9}); }},
    {"Adam",
     [](const auto& p) { return std::make_unique<optim::Adam>(p, optim::AdamOptions{.amsgrad = true}); }},
    {"AdamW", [](const auto& p) { return std::make_unique<optim::AdamW>(p); }},
    {"RMSprop",
     [](const auto& p) {
       return std::make_unique<optim::RMSprop>(p, optim::RMSpropOptions{.momentum = 0.9, .centered = true});
     }},
    {"Adagrad", [](const auto& p) { return std::make_unique<optim::Adagrad>(p); }},
};

std::vector<Variable> model() {
  std::vector<Variable> parameters;
  for (int i = 0; i < 3; ++i)
    parameters.emplace_back(full({size}, i + 1), VariableOptions{.requires_grad = true});
  return parameters;
}

void set_gradients(std::vector<Variable>& parameters, double value) {
  for (Variable& p : parameters) p.set_grad(Variable(full({size}, value)));
}

// Copies of the elements: handles would share them.
Tensor copy(const Tensor& tensor) {
  Tensor result = tensor;
  result.mutable_raw();
  return result;
}

std::vector<std::pair<std::string, Tensor>> snapshot(const StateDict& state,
                                                     const std::vector<Variable>& parameters = {}) {
  std::vector<std::pair<std::string, Tensor>> all;
  for (const auto& [name, tensor] : state) all.emplace_back(name, copy(tensor));
  for (const Variable& p : parameters) all.emplace_back("parameter", copy(p.value()));
  return all;
}

bool same(const std::vector<std::pair<std::string, Tensor>>& a,
          const std::vector<std::pair<std::string, Tensor>>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].first != b[i].first || !bitwise_equal(a[i].second, b[i].second)) return false;
  return true;
}

}  // namespace

TEST_CASE("memory runs out: the step of an optimizer changes every parameter or none") {
  if (!test::memory_can_fail()) return;
  for (const auto& [name, make] : kinds)
    for (const int steps_before : {0, 2})
      for (const bool shared : {false, true}) {
        const std::string which(name);
        CAPTURE(which);
        CAPTURE(steps_before);
        CAPTURE(shared);
        int failures = 0;
        test::with_failing_allocations([&, &make = make](long k) {
          CAPTURE(k);
          std::vector<Variable> parameters = model();
          const auto optimizer = make(parameters);
          for (int t = 0; t < steps_before; ++t) {
            set_gradients(parameters, 0.5 + t);
            optimizer->step();
          }
          set_gradients(parameters, 2);
          const auto before = snapshot(optimizer->state_dict(), parameters);
          std::vector<Tensor> holders;
          StateDict state_holder;
          if (shared) {
            for (const Variable& p : parameters) holders.push_back(p.value());
            state_holder = optimizer->state_dict();
          }
          const bool done = test::runs_within(k, [&] { optimizer->step(); });
          const auto after = snapshot(optimizer->state_dict(), parameters);
          if (!done) {
            ++failures;
            CHECK(same(before, after));
            // Nothing stands in the way of another attempt.
            optimizer->step();
          }
          const auto finished = snapshot(optimizer->state_dict(), parameters);
          for (std::size_t i = 0; i < parameters.size(); ++i)
            CHECK_FALSE(bitwise_equal(parameters[i].value(), before[before.size() - 3 + i].second));
          std::vector<Variable> others = model();
          const auto reference = make(others);
          for (int t = 0; t < steps_before; ++t) {
            set_gradients(others, 0.5 + t);
            reference->step();
          }
          set_gradients(others, 2);
          reference->step();
          CHECK(same(finished, snapshot(reference->state_dict(), others)));
          return done;
        });
        CHECK(failures > 0);
      }
}

TEST_CASE("memory runs out: a load restores all of an optimizer's options and state or none") {
  if (!test::memory_can_fail()) return;
  for (const auto& [name, make] : kinds) {
    const std::string which(name);
    CAPTURE(which);
    std::vector<Variable> trained = model();
    const auto source = make(trained);
    set_gradients(trained, 1);
    source->step();
    source->set_learning_rate(0.125);
    const StateDict saved = source->state_dict();
    int failures = 0;
    test::with_failing_allocations([&, &make = make](long k) {
      CAPTURE(k);
      std::vector<Variable> parameters = model();
      const auto optimizer = make(parameters);
      const auto before = snapshot(optimizer->state_dict());
      const bool done = test::runs_within(k, [&] { optimizer->load_state_dict(saved); });
      failures += done ? 0 : 1;
      CHECK(same(snapshot(optimizer->state_dict()), done ? snapshot(saved) : before));
      return done;
    });
    CHECK(failures > 0);
  }
}

TEST_CASE("memory runs out: a schedule's step and load change all or nothing") {
  if (!test::memory_can_fail()) return;
  std::vector<Variable> parameters = model();
  optim::SGD sgd(parameters, {.learning_rate = 1});
  optim::Schedule schedule(sgd, optim::StepLR(1, 0.5));
  test::with_failing_allocations([&](long k) {
    const Index before = schedule.steps();
    const double rate = sgd.learning_rate();
    const bool done = test::runs_within(k, [&] { schedule.step(); });
    CHECK(schedule.steps() == before + (done ? 1 : 0));
    CHECK(sgd.learning_rate() == rate * (done ? 0.5 : 1));
    return done;
  });
  const StateDict saved{{"step", scalar(3)}, {"base_learning_rates", Tensor({8.0}, float64)}};
  test::with_failing_allocations([&](long k) {
    const auto before = snapshot(schedule.state_dict());
    const double rate = sgd.learning_rate();
    const bool done = test::runs_within(k, [&] { schedule.load_state_dict(saved); });
    CHECK(same(snapshot(schedule.state_dict()), done ? snapshot(saved) : before));
    CHECK(sgd.learning_rate() == (done ? 1 : rate));
    return done;
  });
}

TEST_CASE("memory runs out: a module's load changes all or nothing") {
  if (!test::memory_can_fail()) return;
  struct Net : nn::Module {
    nn::Linear first{40, 40}, second{40, 40};
    nn::BatchNorm1d norm{400};
    void visit(nn::Visitor& v) override {
      v("first", first);
      v("second", second);
      v("norm", norm);
    }
  };
  Net source;
  source.to(float64);
  const StateDict saved = source.state_dict();
  Net net;
  int failures = 0;
  test::with_failing_allocations([&](long k) {
    const auto before = snapshot(net.state_dict());
    const bool done = test::runs_within(k, [&] { net.load_state_dict(saved); });
    failures += done ? 0 : 1;
    const auto after = snapshot(net.state_dict());
    if (!done) CHECK(same(before, after));
    return done;
  });
  CHECK(failures > 0);
}

TEST_CASE("memory runs out: clipping changes every gradient or none") {
  if (!test::memory_can_fail()) return;
  for (const bool by_value : {false, true}) {
    int failures = 0;
    test::with_failing_allocations([&](long k) {
      std::vector<Variable> parameters = model();
      const Tensor gradient = full({size}, 3);
      for (Variable& p : parameters) p.set_grad(Variable(gradient));
      const bool done = test::runs_within(k, [&] {
        if (by_value)
          optim::clip_grad_value(parameters, 1);
        else
          optim::clip_grad_norm(parameters, 1);
      });
      failures += done ? 0 : 1;
      for (const Variable& p : parameters) CHECK(bitwise_equal(p.grad().value(), gradient) != done);
      return done;
    });
    CHECK(failures > 0);
  }
}
