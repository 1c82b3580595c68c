// Learning-rate schedules: formulas, composition, saving and resuming.
#include <xgrad/optim/schedule.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace {

using namespace xgrad;
using optim::CosineLR, optim::LinearWarmup, optim::RateRule, optim::Schedule, optim::StepLR;

optim::SGD optimizer(double rate = 1) {
  const Variable a(zeros({1}), {.requires_grad = true}), b(zeros({1}), {.requires_grad = true});
  return optim::SGD({{{a}, {.learning_rate = rate}}, {{b}, {.learning_rate = rate / 2}}});
}

std::vector<double> rates(const RateRule& rule, Index steps) {
  auto sgd = optimizer();
  Schedule schedule(sgd, rule);
  std::vector<double> rates;
  for (Index t = 0; t < steps; ++t, schedule.step()) {
    rates.push_back(sgd.learning_rate(0));
    CHECK(sgd.learning_rate(1) == doctest::Approx(rates.back() / 2));
  }
  return rates;
}

void check_rates(const RateRule& rule, const std::vector<double>& expected) {
  const auto actual = rates(rule, static_cast<Index>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(actual[i] == doctest::Approx(expected[i]).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("schedules: formulas") {
  check_rates(StepLR(2, 0.5), {1, 1, 0.5, 0.5, 0.25, 0.25, 0.125});
  check_rates(StepLR(1), {1, 0.1, 0.01});
  check_rates(CosineLR(4), {1, (1 + std::sqrt(0.5)) / 2, 0.5, (1 - std::sqrt(0.5)) / 2, 0, 0, 0});
  check_rates(LinearWarmup(4), {0.25, 0.5, 0.75, 1, 1, 1});
  check_rates(LinearWarmup(2, StepLR(2, 0.1)), {0.5, 1, 1, 1, 0.1, 0.1, 0.01});
  check_rates(LinearWarmup(2, CosineLR(2)), {0.5, 1, 1, 0.5, 0, 0});
  check_rates([](double base, Index step) { return base / static_cast<double>(1 + step); },
              {1, 0.5, 1.0 / 3});
  CHECK(CosineLR(4, 0.25)(1, 2) == doctest::Approx(0.625));
  CHECK(CosineLR(4, 0.25)(1, 100) == 0.25);
}

TEST_CASE("schedules: bad arguments throw") {
  auto sgd = optimizer();
  CHECK_THROWS_AS(StepLR(0), ValueError);
  CHECK_THROWS_AS(StepLR(1, -0.5), ValueError);
  CHECK_THROWS_AS(CosineLR(0), ValueError);
  CHECK_THROWS_AS(CosineLR(1, -1), ValueError);
  CHECK_THROWS_AS(LinearWarmup(0), ValueError);
  CHECK_THROWS_AS(Schedule(sgd, RateRule{}), ValueError);
  CHECK_THROWS_AS(Schedule(sgd, [](double, Index) { return -1.0; }), ValueError);
  CHECK(sgd.learning_rate(0) == 1);
  Schedule schedule(sgd, [](double base, Index step) { return step < 2 ? base : std::nan(""); });
  schedule.step();
  CHECK_THROWS_AS(schedule.step(), ValueError);
  CHECK(schedule.steps() == 1);
  CHECK(sgd.learning_rate(0) == 1);
}

TEST_CASE("schedules: saving and resuming is bitwise") {
  const RateRule rule = LinearWarmup(3, CosineLR(20, 1e-3));
  auto whole = optimizer(0.3), before = optimizer(0.3), after = optimizer(7);
  Schedule straight(whole, rule), first(before, rule), second(after, rule);
  for (int t = 0; t < 10; ++t) straight.step();
  for (int t = 0; t < 5; ++t) first.step();
  second.load_state_dict(first.state_dict());
  CHECK(after.learning_rate(0) == before.learning_rate(0));
  for (int t = 5; t < 10; ++t) second.step();
  CHECK(second.steps() == 10);
  for (const std::size_t group : {0u, 1u}) CHECK(after.learning_rate(group) == whole.learning_rate(group));
  CHECK(bitwise_equal(second.state_dict()[1].second, straight.state_dict()[1].second));
}

TEST_CASE("schedules: a state that does not fit lists every mismatch and changes nothing") {
  auto sgd = optimizer();
  Schedule schedule(sgd, StepLR(2));
  schedule.step();
  std::string text;
  try {
    schedule.load_state_dict(
        {{"step", scalar(-1)}, {"base_learning_rates", ones({3}, float64)}, {"x", scalar(1)}});
  } catch (const ValueError& error) {
    text = error.what();
  }
  CAPTURE(text);
  for (const char* part : {"step: must be at least 0, got -1",
                           "base_learning_rates: expects float64 (2,), got float64 (3,)", "x: unexpected"})
    CHECK(text.find(part) != std::string::npos);
  CHECK_THROWS_AS(schedule.load_state_dict({}), ValueError);
  CHECK(schedule.steps() == 1);
  CHECK(sgd.learning_rate(0) == 1);
}
