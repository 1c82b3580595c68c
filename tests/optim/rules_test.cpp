// Schedules that pass through phases or are made of others: PyTorch's rates, edges, bad arguments, resuming.
#include "support/leaf.hpp"

#include <xgrad/optim/schedule.hpp>
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

const std::map<std::string, RateRule>& rules() {
  static const std::map<std::string, RateRule> rules = {
      {"multi_step", MultiStepLR({2, 5, 6}, 0.5)},
      {"exponential", ExponentialLR(0.9)},
      {"one_cycle", OneCycleLR(20)},
      {"one_cycle_linear",
       OneCycleLR(17, {.pct_start = 0.4, .div_factor = 10, .final_div_factor = 50, .linear = true})},
      {"one_cycle_three", OneCycleLR(23, {.three_phase = true})},
      {"one_cycle_short", OneCycleLR(3)},
      {"restarts", CosineRestartsLR(4)},
      {"restarts_growing", CosineRestartsLR(3, 2, 0.05)},
      {"chained", ChainedLR({ExponentialLR(0.9), StepLR(3, 0.5)})},
      {"sequential", SequentialLR({StepLR(2, 0.5), ExponentialLR(0.9), CosineLR(50)}, {5, 11})},
  };
  return rules;
}

}  // namespace

TEST_CASE("schedules: the rates are PyTorch's") {
  CHECK(rules().size() == goldens::schedules.size());
  for (const auto& row : goldens::schedules) {
    const std::string& name = row.first;
    CAPTURE(name);
    SGD sgd({leaf(zeros({1}))}, {.learning_rate = 0.8});
    Schedule schedule(sgd, rules().at(name));
    for (const double rate : row.second) {
      CAPTURE(schedule.steps());
      CHECK(sgd.learning_rate() == doctest::Approx(rate).epsilon(1e-12));
      schedule.step();
    }
  }
}

TEST_CASE("schedules: what is beyond the last phase, and the ends of the options") {
  constexpr Index most = std::numeric_limits<Index>::max();
  CHECK(OneCycleLR(20)(0.8, 19) == doctest::Approx(0.8 / 25 / 1e4));
  CHECK(OneCycleLR(20)(0.8, most) == OneCycleLR(20)(0.8, 19));
  CHECK(OneCycleLR(10, {.pct_start = 0})(1, 0) < 1);
  CHECK(OneCycleLR(10, {.pct_start = 0.1})(1, 0) == 1);
  CHECK(OneCycleLR(10, {.pct_start = 1})(1, 9) == doctest::Approx(1));
  CHECK(OneCycleLR(1)(1, 0) == doctest::Approx(1 / 25e4));
  CHECK(CosineRestartsLR(3, 2)(1, 9) == 1);
  CHECK(CosineRestartsLR(3, 2)(1, most) >= 0);
  CHECK(CosineRestartsLR(most, most)(1, most) == 1);
  CHECK(CosineRestartsLR(7)(1, 7 * 1'000'000'000'000) == 1);
  CHECK(ExponentialLR(2)(0, most) == 0);
  CHECK(MultiStepLR({most})(1, most) == doctest::Approx(0.1));
  // Each rule begins with its own step 0 and the whole base.
  const SequentialLR sequence({[](double base, Index step) { return base + static_cast<double>(step); },
                               [](double base, Index step) { return base * 10 + static_cast<double>(step); }},
                              {3});
  CHECK(sequence(1, 2) == 3);
  CHECK(sequence(1, 3) == 10);
  CHECK(sequence(1, 5) == 12);
  CHECK(ChainedLR({CosineLR(4), LinearWarmup(4)})(1, 2) == doctest::Approx(0.5 * 0.75));
}

TEST_CASE("schedules: bad arguments of rules throw with the caller's line") {
  const std::string text = message_of<ValueError>([] { static_cast<void>(MultiStepLR({3, 3})); });
  CHECK(contains(text, "rules_test.cpp:" + std::to_string(__LINE__ - 1)));
  CHECK(contains(text, "MultiStepLR: milestones must increase, from 1 or more, got 3 after 3"));
  CHECK_THROWS_AS(MultiStepLR({0}), ValueError);
  CHECK_THROWS_AS(MultiStepLR(std::vector<Index>{}), ValueError);
  CHECK_THROWS_AS(MultiStepLR({1}, -1), ValueError);
  CHECK_THROWS_AS(ExponentialLR(-0.1), ValueError);
  CHECK_THROWS_AS(ExponentialLR(NAN), ValueError);
  CHECK_THROWS_AS(OneCycleLR(0), ValueError);
  CHECK_THROWS_AS(OneCycleLR(9, {.pct_start = 1.1}), ValueError);
  CHECK_THROWS_AS(OneCycleLR(9, {.pct_start = 0.6, .three_phase = true}), ValueError);
  CHECK_THROWS_AS(OneCycleLR(9, {.div_factor = 0}), ValueError);
  CHECK_THROWS_AS(OneCycleLR(9, {.final_div_factor = 0.5}), ValueError);
  CHECK_THROWS_AS(CosineRestartsLR(0), ValueError);
  CHECK_THROWS_AS(CosineRestartsLR(1, 0), ValueError);
  CHECK_THROWS_AS(CosineRestartsLR(1, 1, -1), ValueError);
  CHECK_THROWS_AS(SequentialLR({StepLR(1)}, {3}), ValueError);
  CHECK_THROWS_AS(SequentialLR({StepLR(1), StepLR(1), StepLR(1)}, {3, 2}), ValueError);
  CHECK_THROWS_AS(SequentialLR({StepLR(1), RateRule{}}, {3}), ValueError);
  CHECK_THROWS_AS(ChainedLR(std::vector<RateRule>{}), ValueError);
  CHECK(contains(message_of<ValueError>([] {
                   static_cast<void>(ChainedLR({StepLR(1), RateRule{}}));
                 }),
                 "ChainedLR: rule 1 is an empty function"));
}

TEST_CASE("schedules: every rule resumes bitwise") {
  for (const auto& row : rules()) {
    const std::string& name = row.first;
    CAPTURE(name);
    SGD whole({leaf(zeros({1}))}, {.learning_rate = 0.3}), before = whole;
    SGD after({leaf(zeros({1}))}, {.learning_rate = 7});
    Schedule straight(whole, row.second), first(before, row.second), second(after, row.second);
    for (int t = 0; t < 12; ++t) straight.step();
    for (int t = 0; t < 6; ++t) first.step();
    second.load_state_dict(first.state_dict());
    for (int t = 6; t < 12; ++t) second.step();
    CHECK(after.learning_rate() == whole.learning_rate());
  }
}
