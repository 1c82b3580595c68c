// What a function under checkpoint() changes beside its result: once, whatever is computed twice.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using namespace xgrad::test;

namespace {

Tensor noise(const Shape& shape, std::uint64_t seed) {
  Generator generator(seed);
  return normal(shape, 0, 1, float64, generator);
}

/// A layer whose forward reads a buffer, changes it, and says nothing of recomputing().
struct Drift : nn::Module {
  nn::Parameter scale{ones({3}, float64)};
  nn::Buffer offset = zeros({}, float64);
  Variable forward(const Variable& x) override {
    const Variable y = tanh(x * scale + Variable(offset));
    offset = offset.item() * 2 + 1 == 0 ? offset : scalar(offset.item() * 2 + 1, float64);
    return y * y;
  }
  void visit(nn::Visitor& v) override {
    v("scale", scale);
    v("offset", offset);
  }
};

/// Calls one Drift twice: the second call reads what the first has changed.
struct Twice : nn::Module {
  Drift drift;
  bool inner_checkpoint = false;
  Variable forward(const Variable& x) override {
    return inner_checkpoint ? nn::checkpoint(drift, nn::checkpoint(drift, x)) : drift(drift(x));
  }
  void visit(nn::Visitor& v) override { v("drift", drift); }
};

}  // namespace

TEST_CASE("checkpoint: batch normalisation moves its statistics once") {
  const Variable x = leaf(noise({6, 3}, 1));
  nn::BatchNorm1d plain(3, {.dtype = float64}), again(3, {.dtype = float64}), nested(3, {.dtype = float64});
  const Variable expected = plain(x);
  sum(expected * expected).backward();
  const Tensor gradient = x.grad().value();
  Variable(x).clear_grad();

  const auto once = [&](nn::BatchNorm1d& layer) {
    return [&](const std::vector<Variable>& v) { return layer(v[0]); };
  };
  const Variable y = checkpoint(once(again), {x});
  sum(y * y).backward();
  CHECK(bitwise_equal(x.grad().value(), gradient));
  Variable(x).clear_grad();
  const Variable z =
      checkpoint([&](const std::vector<Variable>& v) { return checkpoint(once(nested), {v[0]}); }, {x});
  sum(z * z).backward();
  CHECK(bitwise_equal(x.grad().value(), gradient));

  for (nn::BatchNorm1d* layer : {&again, &nested}) {
    CHECK(layer->num_batches_tracked.item<Index>() == 1);
    CHECK(bitwise_equal(layer->running_mean, plain.running_mean));
    CHECK(bitwise_equal(layer->running_var, plain.running_var));
  }
}

TEST_CASE("checkpoint: statistics move once with a recorded backward run, and with grad() inside") {
  const Variable x = leaf(noise({6, 3}, 2));
  nn::BatchNorm1d layer(3, {.dtype = float64});
  const Variable y = checkpoint([&](const std::vector<Variable>& v) { return tanh(layer(v[0])); }, {x});
  const Variable g = grad(sum(y * y), x, {.create_graph = true});
  sum(g * g).backward();
  CHECK(layer.num_batches_tracked.item<Index>() == 1);

  nn::BatchNorm1d inner(3, {.dtype = float64});
  const auto penalised = [&](const std::vector<Variable>& v) {
    const Variable value =
        sum(checkpoint([&](const std::vector<Variable>& w) { return tanh(inner(w[0])); }, {v[0] * v[1]}));
    return grad(value, v[0], {.create_graph = true});
  };
  const Variable w = leaf(noise({6, 3}, 3));
  const Variable result = checkpoint(penalised, {x, w});
  CHECK(inner.num_batches_tracked.item<Index>() == 1);
  sum(result).backward();
  CHECK(inner.num_batches_tracked.item<Index>() == 1);
  CHECK_FALSE(recomputing());
}

TEST_CASE("checkpoint: recomputing() tells the second computation") {
  const Variable x = leaf(Tensor{3.0});
  std::vector<bool> seen;
  const auto square = [&](const std::vector<Variable>& v) {
    seen.push_back(recomputing());
    return v[0] * v[0];
  };
  CHECK_FALSE(recomputing());
  sum(checkpoint(square, {x})).backward();
  CHECK(seen == std::vector{false, true});
  CHECK_FALSE(recomputing());

  // An inner region is computed again when the outer one is, and then a last time for its own values' sake.
  seen.clear();
  sum(checkpoint([&](const std::vector<Variable>& v) { return checkpoint(square, v); }, {x})).backward();
  CHECK_FALSE(seen[0]);
  for (std::size_t i = 1; i < seen.size(); ++i) CHECK(seen[i]);

  const auto failing = [&](const std::vector<Variable>& v) {
    if (recomputing()) throw std::runtime_error("out");
    return v[0] * v[0];
  };
  CHECK_THROWS_AS(sum(checkpoint(failing, {x})).backward(), std::runtime_error);
  CHECK_FALSE(recomputing());
}

TEST_CASE("checkpoint: variables that the function gives other values are set once") {
  const Tensor start = noise({3}, 4);
  const auto run = [&](bool checkpointed, bool nested) {
    const Variable x = leaf(noise({3}, 5));
    Variable average(start), trained = leaf(start);
    const auto step = [&](const std::vector<Variable>& v) {
      const Variable y = tanh(v[0] * average) * trained;
      average.set_value((average * 0.5 + v[0].detach()).value());
      const Variable z = tanh(y * average);
      average.set_value((average * 3.0).value());
      trained.set_value((trained.detach() + 1.0).value());
      return z;
    };
    const auto outer = [&](const std::vector<Variable>& v) {
      return checkpoint(step, {checkpoint(step, v)});
    };
    const auto plain = [&](const std::vector<Variable>& v) { return step({step(v)}); };
    const Variable y = nested ? checkpoint(outer, {x}) : checkpointed ? checkpoint(plain, {x}) : plain({x});
    sum(y).backward();
    return std::vector{x.grad().value(), average.value(), trained.value(), trained.grad().value()};
  };
  const auto expected = run(false, false);
  for (const bool nested : {false, true}) {
    const auto actual = run(true, nested);
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(bitwise_equal(actual[i], expected[i]));
  }
}

TEST_CASE("checkpoint: what the function keeps by value starts again where it stood") {
  const Variable x = leaf(Tensor({2.0, 3.0}, float64));
  const auto run = [&](bool checkpointed) {
    auto f = [calls = 0, generator = Generator(7)](const std::vector<Variable>& v) mutable {
      ++calls;
      return v[0] * v[0] * static_cast<double>(calls) * Variable(uniform({2}, 0, 1, float64, generator));
    };
    Variable(x).clear_grad();
    sum(checkpointed ? checkpoint(f, {x}) : f({x})).backward();
    return x.grad().value();
  };
  CHECK(bitwise_equal(run(true), run(false)));
}

TEST_CASE("checkpoint: a module whose forward reads and changes its buffers") {
  const Tensor input = noise({2, 3}, 6);
  const auto run = [&](int way) {
    const Variable x = leaf(input);
    Twice model;
    model.inner_checkpoint = way == 2 || way == 3;
    const Variable y = way == 1 || way == 2 ? nn::checkpoint(model, x) : model(x);
    const double between = model.drift.offset.item();
    sum(y).backward();
    CHECK(model.drift.offset.item() == between);
    return std::vector{x.grad().value(), model.drift.scale.grad().value(), model.drift.offset};
  };
  const auto expected = run(0);
  CHECK(expected[2].item() == 3);
  for (const int way : {1, 2, 3}) {
    CAPTURE(way);
    const auto actual = run(way);
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(bitwise_equal(actual[i], expected[i]));
  }

  // Within a region that looks after nothing, the module still does.
  Drift layer;
  const Variable x = leaf(input);
  sum(checkpoint([&](const std::vector<Variable>& v) { return nn::checkpoint(layer, v[0]); }, {x}))
      .backward();
  CHECK(layer.offset.item() == 1);
}

TEST_CASE("checkpoint: dropout draws once") {
  nn::Dropout dropout(0.5);
  const Variable x = leaf(ones({64}, float64));
  manual_seed(3);
  const Variable y = checkpoint([&](const std::vector<Variable>& v) { return dropout(v[0] * v[0]); }, {x});
  const std::uint64_t position = default_generator().position();
  sum(y).backward();
  CHECK(default_generator().position() == position);
  CHECK(bitwise_equal(x.grad().value(), (y * 2.0).value()));
}

TEST_CASE("checkpoint: an empty function is refused") {
  CHECK_THROWS_AS(checkpoint(nullptr, {leaf(Tensor{1.0})}), ValueError);
}
