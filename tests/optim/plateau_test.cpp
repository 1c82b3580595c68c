// Plateau: PyTorch's rates, bad arguments, resuming.
#include "support/leaf.hpp"

#include <xgrad/optim/plateau.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <goldens/schedules.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

namespace {

using namespace xgrad;
using namespace xgrad::optim;
using test::contains, test::leaf, test::message_of;

const std::map<std::string, PlateauOptions> runs = {
    {"defaults", {}},
    {"patience", {.patience = 2}},
    {"cooldown", {.factor = 0.5, .patience = 1, .cooldown = 2, .minimum = 0.03}},
    {"maximize", {.maximize = true, .factor = 0.5, .patience = 1}},
    {"absolute", {.factor = 0.7, .patience = 0, .threshold = 0.2, .absolute = true}},
    {"absolute_maximize",
     {.maximize = true, .factor = 0.7, .patience = 1, .threshold = 0.3, .absolute = true}},
    {"eps", {.factor = 0.5, .patience = 0, .eps = 0.1}},
};

SGD optimizer(double rate = 0.8) {
  return SGD(
      {{{leaf(zeros({1}))}, {.learning_rate = rate}}, {{leaf(zeros({1}))}, {.learning_rate = rate / 2}}});
}

}  // namespace

TEST_CASE("plateau: the rates are PyTorch's") {
  CHECK(runs.size() == goldens::plateaus.size());
  for (const auto& row : goldens::plateaus) {
    const std::string& name = row.first;
    CAPTURE(name);
    SGD sgd({leaf(zeros({1}))}, {.learning_rate = 0.8});
    Plateau plateau(sgd, runs.at(name));
    bool ever = false;
    for (std::size_t i = 0; i < row.second.size(); ++i) {
      CAPTURE(i);
      const double before = sgd.learning_rate();
      const bool fell = plateau.step(goldens::plateau_figures[i]);
      CHECK(fell == (sgd.learning_rate() < before));
      CHECK(sgd.learning_rate() == doctest::Approx(row.second[i]).epsilon(1e-12));
      ever = ever || fell;
    }
    CHECK(ever);
  }
}

TEST_CASE("plateau: every group falls, the best figure is kept, NaN is no improvement") {
  auto sgd = optimizer();
  Plateau plateau(sgd, {.factor = 0.5, .patience = 1});
  CHECK(plateau.best() == std::numeric_limits<double>::infinity());
  CHECK_FALSE(plateau.step(2));
  CHECK_FALSE(plateau.step(NAN));
  CHECK(plateau.step(NAN));
  CHECK(plateau.best() == 2);
  CHECK(sgd.learning_rate(0) == 0.4);
  CHECK(sgd.learning_rate(1) == 0.2);
  Plateau strict(sgd, {.maximize = true, .threshold = 1});
  strict.step(0.5);
  CHECK(strict.best() == 0.5);
}

TEST_CASE("plateau: saving and resuming is bitwise") {
  const PlateauOptions options{.factor = 0.7, .patience = 1, .cooldown = 2};
  const std::vector<double>& figures = goldens::plateau_figures;
  for (std::size_t cut = 0; cut < figures.size(); ++cut) {
    CAPTURE(cut);
    auto whole = optimizer(), before = optimizer(), after = optimizer(3);
    Plateau straight(whole, options), first(before, options), second(after, options);
    for (const double figure : figures) straight.step(figure);
    for (std::size_t i = 0; i < cut; ++i) first.step(figures[i]);
    second.load_state_dict(first.state_dict());
    for (std::size_t i = cut; i < figures.size(); ++i) second.step(figures[i]);
    const StateDict end = straight.state_dict(), resumed = second.state_dict();
    for (std::size_t i = 0; i < 4; ++i) CHECK(bitwise_equal(end[i].second, resumed[i].second));
    CHECK(after.learning_rate(1) == whole.learning_rate(1));
  }
}

TEST_CASE("plateau: bad options and states throw and change nothing") {
  auto sgd = optimizer();
  const std::string text = message_of<ValueError>([&] { Plateau(sgd, {.factor = 1}); });
  CHECK(contains(text, "plateau_test.cpp:" + std::to_string(__LINE__ - 1)));
  CHECK(contains(text, "Plateau: factor must be in [0, 1), got 1"));
  CHECK_THROWS_AS(Plateau(sgd, {.patience = -1}), ValueError);
  CHECK_THROWS_AS(Plateau(sgd, {.threshold = -1}), ValueError);
  CHECK_THROWS_AS(Plateau(sgd, {.cooldown = -1}), ValueError);
  CHECK_THROWS_AS(Plateau(sgd, {.minimum = NAN}), ValueError);
  CHECK_THROWS_AS(Plateau(sgd, {.eps = -1}), ValueError);
  Plateau plateau(sgd);
  plateau.step(2);
  const std::string misfit = message_of<ValueError>([&] {
    plateau.load_state_dict({{"best", scalar(1.0, float32)},
                             {"bad_steps", scalar(-1)},
                             {"learning_rates", Tensor::from(std::vector<double>{-1.0, 1.0})},
                             {"x", scalar(1)}});
  });
  CHECK(contains(misfit, {"best: expects float64 (), got float32 ()", "bad_steps: must be at least 0, got -1",
                          "cooldown: missing", "learning_rates: must be finite and at least 0, got -1",
                          "x: unexpected"}));
  CHECK(plateau.best() == 2);
  CHECK(sgd.learning_rate(0) == 0.8);
}
