// The case table's rows for the operations that the losses record themselves.
#include "support/cases.hpp"

#include <xgrad/autograd/ops/weighted.hpp>
#include <xgrad/nn/loss.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cmath>

namespace {

using namespace xgrad;

Tensor shares(const Shape& shape) { return test::spread(shape, 0.05, 0.95, 5); }

const test::Reference reference = test::elementwise([](double p, double t) {
  return -(t * std::max(std::log(p), -100.0) + (1 - t) * std::max(std::log1p(-p), -100.0));
});

test::Case row(const std::string& name, const Tensor& p, const Tensor& t,
               test::Order order = test::Order::second) {
  return {
      "binary_cross_entropy",
      name,
      [](const auto& x) { return nn::binary_cross_entropy(x[0], x[1], {.reduction = nn::Reduction::none}); },
      {p, t},
      reference,
      order};
}

/// -sum_c t_c log p_c of each row, straight from the definition.
Tensor cross_entropy_reference(const Tensor& logits, const Tensor& targets,
                               const nn::CrossEntropyOptions& options) {
  const Index classes = logits.size(-1);
  const double* x = logits.data<double>();
  const std::int64_t* y = targets.data<std::int64_t>();
  const auto weight = [&](Index c) { return options.weight.defined() ? options.weight.at({c}) : 1.0; };
  Tensor losses = zeros(targets.shape(), float64);
  double total = 0, factors = 0;
  for (Index row = 0; row < targets.count(); ++row) {
    if (y[row] == options.ignore_index) continue;
    double sum = 0, loss = 0;
    for (Index c = 0; c < classes; ++c) sum += std::exp(x[row * classes + c]);
    for (Index c = 0; c < classes; ++c) {
      const double even = options.label_smoothing / static_cast<double>(classes);
      const double t = weight(c) * (even + (c == y[row] ? 1 - options.label_smoothing : 0));
      loss -= t * (x[row * classes + c] - std::log(sum));
    }
    losses.mutable_data<double>()[row] = loss;
    total += loss;
    factors += weight(y[row]);
  }
  if (options.reduction == nn::Reduction::none) return losses;
  return scalar(options.reduction == nn::Reduction::sum ? total : total / factors, float64);
}

test::Case classes(const std::string& name, const Tensor& logits, const Tensor& targets,
                   const nn::CrossEntropyOptions& options = {}) {
  return {.operation = "cross_entropy",
          .name = name,
          .function = [=](const auto& x) { return nn::cross_entropy(x[0], x[1], options); },
          .inputs = {logits, targets},
          .reference = [=](const auto& x) { return cross_entropy_reference(x[0], x[1], options); }};
}

std::vector<test::Case> cross_entropy_cases() {
  const Tensor logits = test::spread({5, 4}, -2, 2), targets{0, 3, -100, 2, 3};
  const Tensor weight({0.5, 2.0, 1.25, 0.1}, float64);
  constexpr nn::Reduction none = nn::Reduction::none, sum = nn::Reduction::sum;
  return {
      classes("mean", logits, targets),
      classes("sum", logits, targets, {.reduction = sum}),
      classes("none", logits, targets, {.reduction = none}),
      classes("weights", logits, targets, {.weight = weight}),
      classes("smoothing", logits, targets, {.label_smoothing = 0.3, .reduction = none}),
      classes("weights and smoothing", logits, targets, {.weight = weight, .label_smoothing = 0.3}),
      classes("only smoothing", logits, targets, {.label_smoothing = 1, .reduction = sum}),
      classes("another ignored class", logits, Tensor{0, 3, 1, 2, 3}, {.ignore_index = 3}),
      classes("pixels", test::spread({2, 1, 3, 2}, -1, 1), Tensor{{{0, 1, 1}}, {{1, -100, 0}}},
              {.label_smoothing = 0.1, .reduction = none}),
      classes("one sample", test::spread({3}, -1, 1), scalar(2, int64)),
      classes("one sample, none", test::spread({1, 3}, -1, 1), Tensor{1}, {.reduction = none}),
      classes("one class", test::spread({3, 1}, -1, 1), Tensor{0, 0, 0}),
      classes("empty batch", zeros({0, 3}, float64), zeros({0}, int64), {.reduction = sum}),
      classes("empty batch, none", zeros({2, 0, 3}, float64), zeros({2, 0}, int64), {.reduction = none}),
  };
}

const bool class_rows = test::add_cases(cross_entropy_cases());

/// One row of a loss of pairs: none of its elements are reduced.
test::Case pair(const std::string& operation, const std::string& name,
                Variable (*loss)(const Variable& x, const Variable& t), const test::Reference& expected,
                const Tensor& x, const Tensor& t) {
  return {operation, name, [loss](const auto& v) { return loss(v[0], v[1]); }, {x, t}, expected};
}

Variable bce_with_logits(const Variable& x, const Variable& t) {
  return nn::bce_with_logits(x, t, {.reduction = nn::Reduction::none});
}
Variable bce_with_weights(const Variable& x, const Variable& t) {
  return nn::bce_with_logits(
      x, t, {.pos_weight = Tensor({0.5, 0.0, 2.0, 1.0}, float64), .reduction = nn::Reduction::none});
}
Variable kl_div(const Variable& x, const Variable& t) {
  return nn::kl_div(x, t, {.reduction = nn::Reduction::none});
}
Variable kl_div_of_logarithms(const Variable& x, const Variable& t) {
  return nn::kl_div(x, t, {.log_target = true, .reduction = nn::Reduction::none});
}
Variable huber(const Variable& x, const Variable& t) {
  return nn::huber_loss(x, t, {.delta = 0.7, .reduction = nn::Reduction::none});
}
Variable weighted(const Variable& x, const Variable& t) {
  return detail::weighted(x, t.value().to(x.dtype()));
}

double logistic_loss(double x, double t) {
  return (1 - t) * std::log1p(std::exp(x)) + t * std::log1p(std::exp(-x));
}
double divergence(double x, double t) { return t == 0 ? 0 : t * (std::log(t) - x); }
double divergence_of_logarithms(double x, double t) { return std::exp(t) * (t - x); }
double huber_reference(double x, double t) {
  const double d = std::abs(x - t);
  return d <= 0.7 ? 0.5 * d * d : 0.7 * (d - 0.35);
}

Tensor weighted_logistic_loss(const std::vector<Tensor>& inputs) {
  Tensor losses = inputs[0];
  const double weight[] = {0.5, 0.0, 2.0, 1.0};
  for (Index i = 0; i < losses.count(); ++i) {
    const double x = inputs[0].data<double>()[i], t = inputs[1].data<double>()[i];
    losses.mutable_data<double>()[i] =
        (1 - t) * std::log1p(std::exp(x)) + weight[i % 4] * t * std::log1p(std::exp(-x));
  }
  return losses;
}

std::vector<test::Case> pair_cases() {
  std::vector<test::Case> rows;
  for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{1}, Shape{0, 3}, Shape{2, 0, 4}}) {
    const Tensor x = test::spread(shape, -3, 3), t = shares(shape);
    const std::string name = to_string(shape);
    rows.push_back(pair("bce_with_logits", name, bce_with_logits, test::elementwise(logistic_loss), x, t));
    rows.push_back(pair("kl_div", name, kl_div, test::elementwise(divergence), x, t));
    rows.push_back(pair("kl_div", name + " of logarithms", kl_div_of_logarithms,
                        test::elementwise(divergence_of_logarithms), x, x));
    rows.push_back(pair("huber", name, huber, test::elementwise(huber_reference), x, t));
    rows.push_back(
        {.operation = "weighted",
         .name = name,
         .function = [shape](const auto& v) { return weighted(v[0], Variable(shares(shape))); },
         .inputs = {x},
         .reference =
             [shape](const auto& v) {
               return test::elementwise([](double a, double b) { return a * b; })({v[0], shares(shape)});
             }});
  }
  const Tensor x = test::spread({3, 4}, -3, 3), t = shares({3, 4});
  rows.push_back(pair("bce_with_logits", "pos_weight", bce_with_weights, weighted_logistic_loss, x, t));
  rows.push_back({.operation = "weighted",
                  .name = "row with zeros",
                  .function =
                      [](const auto& v) {
                        return weighted(v[0], Variable(Tensor{2.0, 0.0, -1.0, 0.0}));
                      },
                  .inputs = {x},
                  .reference =
                      [](const auto& v) {
                        return test::elementwise([](double a, double b) { return a * b; })(
                            {v[0], Tensor({2.0, 0.0, -1.0, 0.0}, float64)});
                      }});
  return rows;
}

const bool pair_rows = test::add_cases(pair_cases());

const bool rows = test::add_cases({
    row("matrix", test::spread({3, 4}, 0.05, 0.95), shares({3, 4})),
    row("scalar", test::spread({}, 0.05, 0.95), shares({})),
    row("one element", test::spread({1}, 0.05, 0.95), shares({1})),
    row("empty", zeros({0, 3}, float64), zeros({0, 3}, float64)),
    row("empty middle", zeros({2, 0, 4}, float64), zeros({2, 0, 4}, float64)),
    row("the ends of the domain", Tensor({0.0, 1.0, 0.0, 1.0}, float64),
        Tensor({0.0, 1.0, 1.0, 0.0}, float64), test::Order::none),
});

}  // namespace
