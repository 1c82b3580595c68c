// Loads in two phases, of everything that has a state: prepare_load() throws what load_state_dict() throws
// and changes nothing; run() does what load_state_dict() does, and takes no memory.
#include "support/failing_memory.hpp"
#include "support/messages.hpp"

#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/normalize.hpp>
#include <xgrad/nn/visit_macro.hpp>
#include <xgrad/optim/adagrad.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/optim/rmsprop.hpp>
#include <xgrad/optim/schedule.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace xgrad;
using test::contains, test::message_of;

static_assert(std::is_nothrow_move_constructible_v<PreparedLoad>);
static_assert(std::is_nothrow_move_assignable_v<PreparedLoad>);
static_assert(!std::is_copy_constructible_v<PreparedLoad> && !std::is_copy_assignable_v<PreparedLoad>);
static_assert(std::is_nothrow_move_constructible_v<nn::ModuleLoad> ==
              std::is_nothrow_move_constructible_v<nn::LoadReport>);
static_assert(noexcept(std::declval<PreparedLoad&>().run()));

using CannotFail = decltype([]() noexcept {});
using CanFail = decltype([] {});
static_assert(std::is_convertible_v<CannotFail, PreparedLoad> &&
              !std::is_constructible_v<PreparedLoad, CanFail>);

struct Net : nn::Module {
  nn::Linear first{40, 40}, second{40, 40};
  nn::BatchNorm1d norm{400};
  XGRAD_VISIT(first, second, norm)
};

// Copies of the elements: handles would share them.
StateDict copied(const StateDict& state) {
  StateDict result;
  for (auto [name, tensor] : state) {
    tensor.mutable_raw();
    result.set(name, tensor);
  }
  return result;
}

bool same(const StateDict& a, const StateDict& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto& [name, tensor] = a[static_cast<Index>(i)];
    if (name != b[static_cast<Index>(i)].first || !bitwise_equal(tensor, b.at(name))) return false;
  }
  return true;
}

// A message without its lines and the function called.
std::string after_places(std::string text) {
  for (const std::string file = "prepared_load_test.cpp:"; contains(text, file);) {
    const std::size_t at = text.find(file);
    text.erase(at, text.find(": ", at) + 2 - at);
  }
  for (const std::string called : {"prepare_load: ", "load_state_dict: "})
    if (text.starts_with(called)) text.erase(0, called.size());
  return text;
}

/// `make` gives equal objects; `good` is a state that they load and have not, `bad` one that they refuse.
template <class Make>
void loads_in_two_phases(Make make, const StateDict& good, const StateDict& bad) {
  const auto object = make(), twin = make();
  const StateDict before = copied(object->state_dict());
  twin->load_state_dict(good);
  const StateDict after = copied(twin->state_dict());
  REQUIRE_FALSE(same(before, after));

  const std::string text = after_places(message_of<ValueError>([&] { twin->load_state_dict(bad); }));
  CHECK(contains(text, "does not fit"));
  CHECK(after_places(message_of<ValueError>([&] { object->prepare_load(bad).run(); })) == text);
  CHECK(same(object->state_dict(), before));

  { const PreparedLoad dropped = object->prepare_load(good); }
  CHECK(same(object->state_dict(), before));

  if (test::memory_can_fail()) {
    int failures = 0;
    test::with_failing_allocations([&](long k) {
      const bool done = test::runs_within(k, [&] { static_cast<void>(object->prepare_load(good)); });
      failures += done ? 0 : 1;
      CHECK(same(object->state_dict(), before));
      return done;
    });
    CHECK(failures > 0);
  }

  PreparedLoad first = object->prepare_load(good);
  CHECK(same(object->state_dict(), before));
  PreparedLoad load_of_good = std::move(first);
  first.run();
  CHECK(same(object->state_dict(), before));
  release_cached_memory();
  {
    const test::MemoryLimit none(0);
    load_of_good.run();
  }
  CHECK(same(object->state_dict(), after));
  // Once.
  object->load_state_dict(before);
  load_of_good.run();
  CHECK(same(object->state_dict(), before));
}

std::vector<Variable> parameters() {
  std::vector<Variable> made;
  for (int i = 0; i < 3; ++i) made.emplace_back(full({1000}, i + 1), VariableOptions{.requires_grad = true});
  return made;
}

template <class O, class Options>
void optimizer_loads(const Options& options, const char* state) {
  CAPTURE(std::string(Options::optimizer_name));
  const auto make = [](const Options& its) {
    std::vector<Variable> p = parameters();
    auto optimizer = std::make_unique<O>(p, its);
    for (Variable& one : p) one.set_grad(Variable(full({1000}, 0.5)));
    optimizer->step();
    return optimizer;
  };
  const auto source = make(options);
  source->step();
  source->set_learning_rate(0.125);
  const StateDict good = source->state_dict();
  StateDict bad = good;
  REQUIRE(bad.contains(state));
  bad.set(state, ones({3}));
  bad.set("groups.0.learning_rate", scalar(-1.0, float64));
  bad.erase("state.1.step");
  // With the defaults, which may make the formula remember less.
  loads_in_two_phases([&] { return make(Options{}); }, good, bad);
  loads_in_two_phases([&] { return make(options); }, make(Options{})->state_dict(), bad);
}

}  // namespace

TEST_CASE("prepared loads: modules") {
  Net source;
  Variable(source.first.weight).set_value(full({40, 40}, 3));
  source.norm.running_mean = full({400}, 2);
  const StateDict good = source.state_dict();
  StateDict bad = good, wide;
  bad.erase("first.bias");
  bad.set("second.weight", ones({3}));
  bad.set("extra", ones({3}));
  const Net start;
  const auto make = [&] { return std::make_unique<Net>(start); };
  loads_in_two_phases(make, good, bad);
  for (const auto& [name, tensor] : good)
    wide.set(name, is_floating(tensor.dtype()) ? tensor.to(float64) : tensor);
  loads_in_two_phases(make, wide, bad);
}

TEST_CASE("prepared loads: what a lenient load of a module leaves out is known before it runs") {
  Net net;
  const StateDict before = copied(net.state_dict());
  nn::ModuleLoad load =
      net.prepare_load({{"first.bias", full({40}, 7)}, {"extra", ones({1})}}, {.strict = false});
  CHECK(load.report.unexpected == std::vector<std::string>{"extra"});
  CHECK(load.report.missing.size() == before.size() - 1);
  CHECK(same(net.state_dict(), before));
  const Variable handle = net.first.bias;
  load.run();
  CHECK(bitwise_equal(handle.value(), full({40}, 7)));
  CHECK(bitwise_equal(net.first.weight.value(), before.at("first.weight")));
}

TEST_CASE("prepared loads: optimizers") {
  optimizer_loads<optim::SGD>(optim::SGDOptions{.momentum = 0.9}, "state.1.momentum_buffer");
  optimizer_loads<optim::Adam>(optim::AdamOptions{.beta1 = 0.5, .amsgrad = true}, "state.2.max_exp_avg_sq");
  optimizer_loads<optim::AdamW>(optim::AdamWOptions{.weight_decay = 0.5}, "state.0.exp_avg");
  optimizer_loads<optim::RMSprop>(optim::RMSpropOptions{.momentum = 0.9, .centered = true},
                                  "state.1.grad_avg");
  optimizer_loads<optim::Adagrad>(optim::AdagradOptions{.eps = 1e-4}, "state.1.sum");
}

TEST_CASE("prepared loads: schedules") {
  optim::SGD sgd(parameters(), {.learning_rate = 1});
  const auto make = [&] {
    sgd.set_learning_rate(1);
    return std::make_unique<optim::Schedule>(sgd, optim::StepLR(1, 0.5));
  };
  const StateDict good{{"step", scalar(3)}, {"base_learning_rates", Tensor({8.0}, float64)}};
  loads_in_two_phases(make, good, {{"step", scalar(-3)}, {"extra", scalar(1)}});
  const auto schedule = make();
  PreparedLoad load = schedule->prepare_load(good);
  CHECK(sgd.learning_rate() == 1);
  load.run();
  CHECK(sgd.learning_rate() == 1);  // 8 / 2^3
  schedule->step();
  CHECK(sgd.learning_rate() == 0.5);
  // An optimizer without its groups cannot be given rates.
  const optim::SGD taken = std::move(sgd);
  CHECK_THROWS_AS(schedule->prepare_load(good), IndexError);
}

TEST_CASE("prepared loads: random generators") {
  Generator other(9);
  other.advance(5);
  loads_in_two_phases([] { return std::make_unique<Generator>(3); }, other.state_dict(),
                      {{"seed", scalar(1)}});
}

TEST_CASE("prepared loads: data loaders") {
  const data::TensorDataset dataset(arange(9));
  using Loader = data::DataLoader<data::TensorDataset<1>>;
  const auto make = [&] { return std::make_unique<Loader>(dataset, data::LoaderOptions{.batch_size = 2}); };
  const auto source = make();
  source->set_epoch(4, 2);
  StateDict bad = source->state_dict();
  bad.set("batch_size", scalar(3));
  loads_in_two_phases(make, source->state_dict(), bad);
  // A loop under way goes on as it was.
  const auto loader = make();
  auto batch = loader->begin();
  PreparedLoad load = loader->prepare_load(source->state_dict());
  ++batch;
  CHECK(loader->batch() == 2);
  load.run();
  CHECK(loader->epoch() == 4);
  ++batch;
  CHECK(bitwise_equal((*batch)[0], Tensor{4, 5}));
  CHECK(loader->batch() == 2);
  CHECK(loader->epoch() == 4);
}

TEST_CASE("prepared loads: of many objects, all are loaded or none") {
  Net net, other;
  optim::Adam adam(net.parameters()), its(other.parameters());
  Generator generator(1);
  sum(other.first(ones({2, 40}))).backward();
  its.step();
  int of_a_class = 0;
  const auto own = [&](int value) -> PreparedLoad {
    if (value < 0) throw ValueError("too small");
    return [&of_a_class, value]() noexcept { of_a_class = value; };
  };
  StateDict saved = other.state_dict().with_prefix("model");
  saved.merge(its.state_dict().with_prefix("optimizer"));
  saved.merge(Generator(8).state_dict().with_prefix("random"));
  const auto load = [&](const StateDict& all, int value) {
    std::vector<PreparedLoad> parts;
    parts.push_back(net.prepare_load(all.without_prefix("model")));
    parts.push_back(adam.prepare_load(all.without_prefix("optimizer")));
    parts.push_back(generator.prepare_load(all.without_prefix("random")));
    parts.push_back(own(value));
    for (PreparedLoad& part : parts) part.run();
  };
  const StateDict before = copied(net.state_dict()), moments = copied(adam.state_dict());
  const auto untouched = [&] {
    return same(net.state_dict(), before) && same(adam.state_dict(), moments) && generator.seed() == 1 &&
           of_a_class == 0;
  };
  StateDict bad = saved;
  bad.set("optimizer.groups.0.eps", scalar(-1.0, float64));
  CHECK_THROWS_AS(load(bad, 3), ValueError);
  CHECK(untouched());
  CHECK_THROWS_AS(load(saved, -3), ValueError);
  CHECK(untouched());
  load(saved, 3);
  CHECK(same(net.state_dict(), other.state_dict()));
  CHECK(same(adam.state_dict(), its.state_dict()));
  CHECK(generator.seed() == 8);
  CHECK(of_a_class == 3);
}
