// Losses: values and gradients as PyTorch's, derivatives of two orders, edges of every domain, errors.
#include <xgrad/xgrad.hpp>

#include "golden.hpp"
#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace xgrad;
using namespace xgrad::test;
using nn::Reduction;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

const std::vector<std::pair<std::string, Reduction>> reductions = {
    {"none", Reduction::none}, {"mean", Reduction::mean}, {"sum", Reduction::sum}};

const Tensor labels{0, 3, -100, 2, 1, 3};
const Tensor all_labels{0, 3, 2, 2, 1, 3};

Tensor f64(std::initializer_list<Nested> items) { return Tensor(items, float64); }

}  // namespace

TEST_CASE("cross_entropy and nll_loss: goldens") {
  const Tensor logits = golden("logits", {6, 4});
  const Tensor weight = golden("class_weight", {4});
  const Tensor cotangent = golden("per_sample", {6});
  for (const auto& [suffix, reduction] : reductions) {
    const auto check = [&, &suffix = suffix](const std::string& name, const Tensor& targets,
                                             const nn::CrossEntropyOptions& options) {
      check_golden("cross_entropy" + name + "/" + suffix,
                   [&](auto& x) { return nn::cross_entropy(x[0], targets, options); }, cotangent, {logits});
    };
    check("", all_labels, {.reduction = reduction});
    check("/ignore", labels, {.reduction = reduction});
    check("/ignore_weight", labels, {.weight = weight, .reduction = reduction});
    check("/smooth", labels, {.label_smoothing = 0.2, .reduction = reduction});
    check("/smooth_weight", labels, {.weight = weight, .label_smoothing = 0.2, .reduction = reduction});
    check("/all_smooth", labels, {.label_smoothing = 1, .reduction = reduction});
    check("/ignore_3", all_labels, {.ignore_index = 3, .reduction = reduction});

    check_golden("nll/" + suffix,
                 [&, &mode = reduction](auto& x) {
                   return nn::nll_loss(x[0], labels, {.weight = weight, .reduction = mode});
                 },
                 cotangent, {logits});

    const Tensor pixel_labels{{{0, 1}, {3, 2}, {-100, 1}}, {{2, 2}, {0, 3}, {1, -100}}};
    check_golden("cross_entropy/pixels/" + suffix,
                 [&, &mode = reduction](auto& x) {
                   return nn::cross_entropy(x[0], pixel_labels,
                                            {.weight = weight, .label_smoothing = 0.1, .reduction = mode});
                 },
                 golden("pixel_cotangent", {2, 3, 2}), {golden("pixels", {2, 3, 2, 4})});

    check_golden("cross_entropy/extreme/" + suffix,
                 [&, &mode = reduction](auto& x) {
                   return nn::cross_entropy(x[0], Tensor{0, 2, 2, 1}, {.reduction = mode});
                 },
                 ones({4}, float64), {golden("extreme_logits", {4, 3})});
  }
}

TEST_CASE("cross_entropy: fused and composed gradients agree") {
  const Tensor weight = uniform({1300}, 0.5, 1.5, float64);
  for (const Index classes : {3, 64, 1300}) {
    CAPTURE(classes);
    const Tensor logits = normal({40, classes}, 0, 3, float64);
    Tensor targets = randint({40}, 0, classes);
    targets.mutable_data<std::int64_t>()[7] = -100;
    for (const auto& row : reductions)
      for (const double smoothing : {0.0, 0.2}) {
        const Variable x = leaf(logits);
        const Variable loss = nn::cross_entropy(
            x, targets,
            {.weight = weight.rows(0, classes), .label_smoothing = smoothing, .reduction = row.second});
        GradOptions options;
        options.seeds = {Variable(uniform(loss.shape(), -1, 1, float64))};
        options.retain_graph = true;
        const Tensor fused = grad(loss, x, options).value();
        options.create_graph = true;
        CHECK(allclose(fused, grad(loss, x, options).value(), {.rtol = 1e-12, .atol = 1e-14}));
      }
  }
}

TEST_CASE("cross_entropy is one operation, and the same at any thread count") {
  const int threads = num_threads();
  const Tensor logits = normal({4000, 30}), targets = randint({4000}, 0, 30);
  std::vector<Tensor> results;
  for (const int count : {1, 2, 5}) {
    set_num_threads(count);
    const Variable x = leaf(logits);
    const Variable loss = nn::cross_entropy(x, targets);
    CHECK(std::string(loss.operation()) == "cross_entropy");
    loss.backward();
    results.push_back(loss.value());
    results.push_back(x.grad().value());
    CHECK(bitwise_equal(results[results.size() - 2], results[0]));
    CHECK(bitwise_equal(results.back(), results[1]));
  }
  set_num_threads(threads);
}

TEST_CASE("cross_entropy with logits of 1e4 keeps the digits of the loss") {
  const Variable x = leaf(Tensor{{10000.0, 10001.0}, {-10000.0, -10001.0}});
  const Variable loss = nn::cross_entropy(x, Tensor{0, 0}, {.reduction = Reduction::none});
  CHECK(
      allclose(loss.value(), Tensor{std::log1p(std::exp(1.0)), std::log1p(std::exp(-1.0))}, {.rtol = 1e-6}));
  sum(loss).backward();
  const double p = 1 / (1 + std::exp(-1.0));
  CHECK(allclose(x.grad().value(), Tensor{{-p, p}, {p - 1, 1 - p}}, {.rtol = 1e-6}));
}

TEST_CASE("losses of pairs: goldens") {
  const Tensor prediction = golden("prediction", {3, 5});
  const Tensor target = golden("target", {3, 5});
  const Tensor cotangent = golden("pair_cotangent", {3, 5});
  const Tensor share = golden("share", {3, 5});
  const Tensor element_weight = golden("element_weight", {3, 5});
  const Tensor column_weight = golden("column_weight", {5});
  for (const auto& [suffix, reduction] : reductions) {
    const Reduction mode = reduction;
    const auto check = [&, &suffix = suffix](const std::string& name, auto f,
                                             const std::vector<Tensor>& inputs) {
      check_golden(name + "/" + suffix, f, cotangent, inputs);
    };
    const std::vector<Tensor> both{prediction, target};
    check(
        "mse", [&](auto& x) { return nn::mse_loss(x[0], x[1], {mode}); }, both);
    check(
        "l1", [&](auto& x) { return nn::l1_loss(x[0], x[1], {mode}); }, both);
    check(
        "huber", [&](auto& x) { return nn::huber_loss(x[0], x[1], {.delta = 0.7, .reduction = mode}); },
        both);
    check(
        "smooth_l1",
        [&](auto& x) { return nn::smooth_l1_loss(x[0], x[1], {.beta = 0.5, .reduction = mode}); }, both);
    check(
        "smooth_l1/zero",
        [&](auto& x) { return nn::smooth_l1_loss(x[0], x[1], {.beta = 0, .reduction = mode}); }, both);
    check(
        "arctan", [&](auto& x) { return nn::arctan_loss(x[0], x[1], {mode}); }, both);

    check("bce", [&](auto& x) { return nn::binary_cross_entropy(x[0], x[1], {.reduction = mode}); },
          {golden("probability", {3, 5}), share});
    check("bce/weight",
          [&](auto& x) {
            return nn::binary_cross_entropy(x[0], share, {.weight = element_weight, .reduction = mode});
          },
          {golden("probability", {3, 5})});
    check("bce_logits", [&](auto& x) { return nn::bce_with_logits(x[0], x[1], {.reduction = mode}); },
          {prediction, share});
    check("bce_logits/weights",
          [&](auto& x) {
            return nn::bce_with_logits(
                x[0], share, {.weight = element_weight, .pos_weight = column_weight, .reduction = mode});
          },
          {prediction});
    check("kl", [&](auto& x) { return nn::kl_div(x[0], x[1], {.reduction = mode}); },
          {golden("log_p", {3, 5}), golden("p", {3, 5})});
    check("kl/log", [&](auto& x) { return nn::kl_div(x[0], x[1], {.log_target = true, .reduction = mode}); },
          {golden("log_p", {3, 5}), target});
  }
}

TEST_CASE("losses at kinks and at the ends of their domains: goldens") {
  const Tensor kinks = golden("kinks", {10});
  const Tensor cotangent = golden("kink_cotangent", {10});
  const Tensor nothing = zeros({10}, float64);
  constexpr Reduction none = Reduction::none;
  check_golden("l1/kinks", [&](auto& x) { return nn::l1_loss(x[0], nothing, {none}); }, cotangent, {kinks});
  check_golden("huber/kinks",
               [&](auto& x) { return nn::huber_loss(x[0], nothing, {.delta = 0.7, .reduction = none}); },
               cotangent, {kinks});
  check_golden("smooth_l1/kinks",
               [&](auto& x) { return nn::smooth_l1_loss(x[0], nothing, {.beta = 0.5, .reduction = none}); },
               cotangent, {kinks});
  check_golden("bce/edges",
               [&](auto& x) {
                 return nn::binary_cross_entropy(x[0], golden("edge_targets", {4}), {.reduction = none});
               },
               ones({4}, float64), {golden("edges", {4})});
  check_golden(
      "bce_logits/far",
      [&](auto& x) { return nn::bce_with_logits(x[0], golden("far_targets", {6}), {.reduction = none}); },
      ones({6}, float64), {golden("far", {6})});
  check_golden("kl/zero",
               [&](auto& x) { return nn::kl_div(x[0], golden("zero_p", {4}), {.reduction = none}); },
               ones({4}, float64), {golden("zero_log_p", {4})});
}

TEST_CASE("derivatives of the losses, first and second order") {
  const Tensor a = golden("prediction", {3, 5});
  const Tensor b = golden("target", {3, 5});
  const Tensor p = golden("probability", {3, 5});
  const Tensor share = golden("share", {3, 5});
  const Tensor weight = golden("class_weight", {4});
  const auto check = [](const char* name, auto f, const auto&... inputs) {
    CAPTURE(name);
    CHECK(gradcheck(f, inputs...));
    CHECK(gradgradcheck(f, inputs...));
  };
  for (const auto& row : reductions) {
    const Reduction mode = row.second;
    CAPTURE(row.first);
    const auto cross = [&](auto x) {
      return nn::cross_entropy(x, labels, {.weight = weight, .label_smoothing = 0.2, .reduction = mode});
    };
    const auto nll = [&](auto x) { return nn::nll_loss(x, labels, {.weight = weight, .reduction = mode}); };
    const auto huber = [&](auto x, auto y) {
      return nn::huber_loss(x, y, {.delta = 0.7, .reduction = mode});
    };
    const auto smooth = [&](auto x, auto y) {
      return nn::smooth_l1_loss(x, y, {.beta = 0.5, .reduction = mode});
    };
    const auto logits = [&](auto x, auto y) {
      return nn::bce_with_logits(
          x, y, {.weight = share, .pos_weight = golden("column_weight", {5}), .reduction = mode});
    };
    check("cross_entropy", cross, golden("logits", {6, 4}));
    check(
        "cross_entropy of probabilities",
        [&](auto x, auto y) {
          return nn::cross_entropy(x, y, {.weight = weight, .label_smoothing = 0.2, .reduction = mode});
        },
        golden("logits", {6, 4}), softmax(golden("logits", {6, 4}) * 2, -1).value());
    check("nll_loss", nll, golden("logits", {6, 4}));
    check(
        "mse_loss", [&](auto x, auto y) { return nn::mse_loss(x, y, {mode}); }, a, b);
    check(
        "l1_loss", [&](auto x, auto y) { return nn::l1_loss(x, y, {mode}); }, a, b);
    check(
        "arctan_loss", [&](auto x, auto y) { return nn::arctan_loss(x, y, {mode}); }, a, b);
    check("huber_loss", huber, a, b);
    check("smooth_l1_loss", smooth, a, b);
    check(
        "binary_cross_entropy",
        [&](auto x, auto y) { return nn::binary_cross_entropy(x, y, {.weight = share, .reduction = mode}); },
        p, share);
    check("bce_with_logits", logits, a, share);
    check(
        "kl_div", [&](auto x, auto y) { return nn::kl_div(x, y, {.reduction = mode}); },
        golden("log_p", {3, 5}), golden("p", {3, 5}));
    check(
        "kl_div of logarithms",
        [&](auto x, auto y) { return nn::kl_div(x, y, {.log_target = true, .reduction = mode}); },
        golden("log_p", {3, 5}), b);
  }
}

TEST_CASE("the second derivative of huber_loss is 1 at no difference") {
  const Variable x = leaf(zeros({3}, float64));
  const Variable loss = nn::huber_loss(x, zeros({3}, float64), {.reduction = Reduction::sum});
  GradOptions recorded;
  recorded.create_graph = true;
  const Variable first = grad(loss, x, recorded);
  CHECK(allclose(grad(sum(first), x).value(), ones({3}, float64)));
}

TEST_CASE("a mean over nothing is NaN with zero gradients, a sum over nothing is 0") {
  const auto check = [](const char* name, const std::vector<Tensor>& inputs, auto loss) {
    CAPTURE(name);
    for (const Reduction mode : {Reduction::mean, Reduction::sum}) {
      std::vector<Variable> x;
      for (const Tensor& input : inputs) x.push_back(leaf(input));
      const Variable value = loss(x, mode);
      if (mode == Reduction::mean)
        CHECK(std::isnan(value.item()));
      else
        CHECK(value.item() == 0);
      value.backward();
      for (const Variable& input : x)
        CHECK(bitwise_equal(abs(input.grad()).value(), zeros(input.shape(), input.dtype())));
    }
  };
  const Tensor none = zeros({0, 3});
  const Tensor no_labels = zeros({0}, int64);
  const Tensor all_ignored = full({2}, -100, int64);
  const Tensor scores({{1.0, -2.0, 3.0}, {0.0, 5.0, -1e30}});
  check("mse", {none, none}, [](auto& x, Reduction r) { return nn::mse_loss(x[0], x[1], {r}); });
  check("l1", {none, none}, [](auto& x, Reduction r) { return nn::l1_loss(x[0], x[1], {r}); });
  check("arctan", {none, none}, [](auto& x, Reduction r) { return nn::arctan_loss(x[0], x[1], {r}); });
  check("huber", {none, none},
        [](auto& x, Reduction r) { return nn::huber_loss(x[0], x[1], {.reduction = r}); });
  check("smooth_l1", {none, none},
        [](auto& x, Reduction r) { return nn::smooth_l1_loss(x[0], x[1], {.reduction = r}); });
  check("bce", {none, none},
        [](auto& x, Reduction r) { return nn::binary_cross_entropy(x[0], x[1], {.reduction = r}); });
  check("bce_logits", {none, none},
        [](auto& x, Reduction r) { return nn::bce_with_logits(x[0], x[1], {.reduction = r}); });
  check("kl", {none, none}, [](auto& x, Reduction r) { return nn::kl_div(x[0], x[1], {.reduction = r}); });
  check("cross_entropy", {none},
        [&](auto& x, Reduction r) { return nn::cross_entropy(x[0], no_labels, {.reduction = r}); });
  check("cross_entropy, all ignored", {scores},
        [&](auto& x, Reduction r) { return nn::cross_entropy(x[0], all_ignored, {.reduction = r}); });
  const Tensor weight{0.0, 0.0, 1.0};
  check("cross_entropy, weights of 0", {scores}, [&](auto& x, Reduction r) {
    return nn::cross_entropy(x[0], Tensor{0, 1}, {.weight = weight, .reduction = r});
  });
  check("nll, all ignored", {scores},
        [&](auto& x, Reduction r) { return nn::nll_loss(x[0], all_ignored, {.reduction = r}); });
  check("cross_entropy, smooth, all ignored", {scores}, [&](auto& x, Reduction r) {
    return nn::cross_entropy(x[0], all_ignored, {.label_smoothing = 0.1, .reduction = r});
  });
}

TEST_CASE("an empty batch leaves zero gradients in the layers before it") {
  nn::Linear layer(3, 2);
  nn::cross_entropy(layer(zeros({0, 3})), zeros({0}, int64)).backward();
  CHECK(bitwise_equal(layer.weight.grad().value(), zeros({2, 3})));
  CHECK(bitwise_equal(layer.bias.grad().value(), zeros({2})));
}

TEST_CASE("bce_with_logits keeps small losses and gradients exact") {
  const Variable x = leaf(f64({-40.0, 40.0}));
  const Variable loss = nn::bce_with_logits(x, f64({0.0, 1.0}), {.reduction = Reduction::none});
  const Tensor tiny = full({2}, std::exp(-40.0), float64);
  CHECK(allclose(loss.value(), tiny, {.rtol = 1e-12, .atol = 0}));
  sum(loss).backward();
  CHECK(allclose(x.grad().value(), f64({std::exp(-40.0), -std::exp(-40.0)}), {.rtol = 1e-12, .atol = 0}));
}

TEST_CASE("cross_entropy in float32 is finite over the whole range") {
  const Variable x = leaf(Tensor{{3e38, -3e38}, {-3e38, 0.0}});
  const Variable loss = nn::cross_entropy(x, Tensor{0, 0}, {.reduction = Reduction::none});
  CHECK(allclose(loss.value(), Tensor{0.0, 3e38}));
  sum(loss).backward();
  CHECK(allclose(x.grad().value(), Tensor{{0.0, 0.0}, {-1.0, 1.0}}));
}

TEST_CASE("cross_entropy takes one sample, bytes as targets, and one class") {
  CHECK(nn::cross_entropy(Tensor{0.0, 0.0}, scalar(1)).item() == doctest::Approx(std::log(2.0)));
  CHECK(nn::cross_entropy(Tensor{{0.0, 0.0}}, Tensor({1}, uint8)).item() == doctest::Approx(std::log(2.0)));
  CHECK(nn::cross_entropy(Tensor{{7.0}, {-7.0}}, Tensor{0, 0}).item() == 0);
}

TEST_CASE("cross_entropy takes probabilities of classes") {
  const Variable x = leaf(f64({0.5, -1, 2, 1.5, 0.25, -0.75}).reshape({2, 3}));
  const Tensor t = f64({0.2, 0.3, 0.5, 0.7, 0.1, 0.2}).reshape({2, 3});
  const auto loss = [&](Reduction reduction, double smoothing) {
    return nn::cross_entropy(
        x, t, {.weight = f64({1, 2, 0.5}), .label_smoothing = smoothing, .reduction = reduction});
  };
  // PyTorch 1.13's values.
  const Tolerance tight{.rtol = 1e-12, .atol = 0};
  CHECK(allclose(loss(Reduction::none, 0).value(), f64({2.353376861490015, 0.8056726094072242}), tight));
  CHECK(loss(Reduction::sum, 0.2).item() == doctest::Approx(3.4023691547994805).epsilon(1e-12));
  CHECK(loss(Reduction::mean, 0.2).item() == doctest::Approx(1.7011845773997403).epsilon(1e-12));
  const Tensor slope = f64({-0.01926082288484699, -0.28567625234473104, 0.304937075229578, 0.0578608429280502,
                            -0.040317754601213375, -0.017543088326836858});
  CHECK(allclose(grad(loss(Reduction::mean, 0.2), x).value(), slope.reshape({2, 3}), {.rtol = 1e-12}));

  const Tensor classes{2, 0}, certain = one_hot(classes, 3, float64).value();
  CHECK(nn::cross_entropy(x, certain, {.label_smoothing = 0.1}).item() ==
        doctest::Approx(nn::cross_entropy(x, classes, {.label_smoothing = 0.1}).item()).epsilon(1e-12));
  const Variable apart = leaf(Tensor{3e38, -3e38}), sure = leaf(Tensor{1.0, 0.0});
  const Variable none_lost = nn::cross_entropy(apart, sure);
  CHECK(none_lost.item() == 0);
  none_lost.backward();
  CHECK(bitwise_equal(apart.grad().value(), Tensor{0.0, 0.0}));
  CHECK(allclose(sure.grad().value(), Tensor{0.0, 0.0}));
  CHECK_THROWS_AS(nn::cross_entropy(x, t.reshape({3, 2})), ShapeError);
  CHECK_THROWS_AS(nn::cross_entropy(x, t, {.ignore_index = 1}), ValueError);
}

TEST_CASE("NaN passes through the losses") {
  const Tensor bad({nan_value, 1.0}, float64);
  const Tensor good = f64({0.25, 0.5});
  CHECK(std::isnan(nn::mse_loss(bad, good).item()));
  CHECK(std::isnan(nn::l1_loss(bad, good).item()));
  CHECK(std::isnan(nn::huber_loss(bad, good).item()));
  CHECK(std::isnan(nn::binary_cross_entropy(bad, good).item()));
  CHECK(std::isnan(nn::bce_with_logits(bad, good).item()));
  CHECK(std::isnan(nn::cross_entropy(bad, scalar(1)).item()));
}

TEST_CASE("losses refuse shapes that differ, naming both and the caller's line") {
  const Tensor a = zeros({3, 1}), b = zeros({3});
  const auto expects = [](const std::string& name, auto loss) {
    const std::string message = message_of([&] { loss(); });
    CAPTURE(message);
    CHECK(contains(message, "loss_test.cpp:"));
    CHECK(contains(message, ": " + name + ": "));
    CHECK(contains(message, "(3, 1)"));
    CHECK(contains(message, "(3,)"));
    CHECK_THROWS_AS(loss(), ShapeError);
  };
  expects("mse_loss", [&] { nn::mse_loss(a, b); });
  expects("l1_loss", [&] { nn::l1_loss(a, b); });
  expects("arctan_loss", [&] { nn::arctan_loss(a, b); });
  expects("huber_loss", [&] { nn::huber_loss(a, b); });
  expects("smooth_l1_loss", [&] { nn::smooth_l1_loss(a, b); });
  expects("binary_cross_entropy", [&] { nn::binary_cross_entropy(a, b); });
  expects("bce_with_logits", [&] { nn::bce_with_logits(a, b); });
  expects("kl_div", [&] { nn::kl_div(a, b); });
  expects("cross_entropy", [&] { nn::cross_entropy(a, zeros({3, 1}, int64)); });
  expects("nll_loss", [&] { nn::nll_loss(a, zeros({3, 1}, int64)); });
  CHECK_THROWS_AS(nn::mse_loss(zeros({2}), 0.0), ShapeError);
}

TEST_CASE("targets out of range are named with the number of classes") {
  const Tensor scores = zeros({3, 2, 10});
  for (const auto bad : {10, 12, -1, -99}) {
    const Tensor targets({{1, 2}, {3, bad}, {4, 5}}, int64);
    CHECK_THROWS_AS(nn::cross_entropy(scores, targets), IndexError);
    const std::string message = message_of([&] { nn::cross_entropy(scores, targets); });
    CAPTURE(message);
    CHECK(contains(message, "target " + std::to_string(bad) + " at (1, 1) is outside [0, 10)"));
    CHECK(contains(message, "10 classes"));
  }
  CHECK_NOTHROW(nn::cross_entropy(scores, full({3, 2}, -1, int64), {.ignore_index = -1}));
}

TEST_CASE("options and dtypes of losses are checked") {
  const Tensor x = zeros({2, 3}), y = zeros({2}, int64);
  CHECK_THROWS_AS(nn::cross_entropy(x, y, {.label_smoothing = -0.1}), ValueError);
  CHECK_THROWS_AS(nn::cross_entropy(x, y, {.label_smoothing = 1.1}), ValueError);
  CHECK_THROWS_AS(nn::cross_entropy(x, y, {.label_smoothing = nan_value}), ValueError);
  CHECK_THROWS_AS(nn::cross_entropy(x, y, {.weight = ones({2})}), ShapeError);
  CHECK_THROWS_AS(nn::cross_entropy(x, zeros({2})), DTypeError);
  CHECK_THROWS_AS(nn::cross_entropy(zeros({2, 3}, int64), y), DTypeError);
  CHECK_THROWS_AS(nn::cross_entropy(scalar(1.0), scalar(0)), ShapeError);
  CHECK_THROWS_AS(nn::huber_loss(x, x, {.delta = 0}), ValueError);
  CHECK_THROWS_AS(nn::smooth_l1_loss(x, x, {.beta = -1}), ValueError);
  CHECK_THROWS_AS(nn::mse_loss(y, y), DTypeError);
  CHECK_THROWS_AS(nn::mse_loss(Variable(), x), GraphError);
  CHECK_THROWS_AS(nn::binary_cross_entropy(full({2}, 1.5), zeros({2})), ValueError);
  CHECK_THROWS_AS(nn::binary_cross_entropy(full({2}, -1e-6), zeros({2})), ValueError);
  CHECK_THROWS_AS(nn::binary_cross_entropy(full({2}, 0.5), zeros({2}), {.weight = ones({3})}), ShapeError);
  CHECK_THROWS_AS(nn::bce_with_logits(x, x, {.pos_weight = ones({2})}), ShapeError);
  CHECK_THROWS_AS(nn::bce_with_logits(x, x, {.pos_weight = ones({4, 2, 3})}), ShapeError);
  CHECK_THROWS_AS(nn::bce_with_logits(x, x, {.weight = ones({4, 2, 3})}), ShapeError);
}

TEST_CASE("a loss of requiring targets gives them gradients") {
  const Variable x = leaf(f64({1.0, 2.0})), y = leaf(f64({3.0, 5.0}));
  nn::mse_loss(x, y).backward();
  CHECK(allclose(y.grad().value(), f64({2.0, 3.0})));
}
