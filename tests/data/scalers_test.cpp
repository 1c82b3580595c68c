// Scalers against scikit-learn, their state, and bad input.
#include <xgrad/data/scalers.hpp>
#include <xgrad/io/checkpoint.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <goldens/sklearn_data.hpp>
#include <support/messages.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

namespace {

using namespace xgrad;
using data::MinMaxScaler, data::StandardScaler;
using test::contains, test::message_of;

Tensor golden(const std::string& name) {
  const auto& values = goldens::sklearn_data.at(name);
  const Tensor flat = Tensor::from(values);
  return values.size() == 5 ? flat : flat.reshape({-1, 5});
}
bool close(const Tensor& a, const Tensor& b, double tolerance = 1e-12) {
  return static_cast<bool>(allclose(a, b, {.rtol = tolerance, .atol = tolerance}));
}

// What both have in common.
template <class Scaler>
void check_errors(Scaler scaler) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double inf = std::numeric_limits<double>::infinity();
  const Tensor x{{1.0, 2.0}, {3.0, 4.0}};
  for (const bool inverse : {false, true}) {
    const auto apply = [&](const Tensor& y) {
      return message_of<Error>(
          [&] { static_cast<void>(inverse ? scaler.inverse_transform(y) : scaler.transform(y)); });
    };
    Scaler fresh = scaler;
    CHECK_FALSE(fresh.fitted());
    CHECK(contains(apply(x), "the scaler was not fitted (call fit() with the training data first)"));
  }
  const auto fit = [&](const Tensor& y) { return message_of<Error>([&] { scaler.fit(y); }); };
  const auto check_all = [&] {
    CHECK(contains(fit(Tensor{{1.0, 2.0}, {1.0, nan}}), "fit: column 1, row 1: nan"));
    CHECK(contains(fit(Tensor{{1.0, 2.0}, {inf, 1.0}}), "column 0, row 1: inf"));
    CHECK(contains(fit(Tensor{1.0, 2.0}), "one feature is x.reshape({-1, 1})"));
    CHECK(contains(fit(Tensor{{1, 2}}), "expects float32 or float64, got int64 (1, 2)"));
    CHECK(contains(fit(zeros({0, 2})), "expects at least one row"));
    CHECK(contains(fit(zeros({2, 0})), "expects at least one feature"));
    CHECK(contains(fit(Tensor()), "undefined"));
  };
  check_all();
  CHECK_FALSE(scaler.fitted());
  scaler.fit(x);
  const Tensor before = scaler.transform(x);
  check_all();
  CHECK(bitwise_equal(scaler.transform(x), before));
  CHECK_THROWS_AS(static_cast<void>(scaler.transform(zeros({2, 3}))), ShapeError);
  CHECK(contains(message_of<ShapeError>([&] {
                   static_cast<void>(scaler.inverse_transform(zeros({2, 3})));
                 }),
                 "was fitted to 2 features, got float32 (2, 3)"));
  CHECK_THROWS_AS(static_cast<void>(scaler.transform(zeros({2}))), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(scaler.transform(Tensor{{1, 2}})), DTypeError);
  const Tensor holes = scaler.transform(Tensor{{nan, 1.0}});
  CHECK(std::isnan(holes.at({0, 0})));
  CHECK_FALSE(std::isnan(holes.at({0, 1})));
  CHECK(scaler.transform(zeros({0, 2})).shape() == Shape{0, 2});
}

}  // namespace

TEST_CASE("StandardScaler: what scikit-learn gives") {
  StandardScaler scaler;
  scaler.fit(golden("train"));
  CHECK(close(scaler.mean(), golden("standard/mean")));
  CHECK(close(scaler.scale(), golden("standard/scale"), 1e-10));
  CHECK(scaler.scale().at({3}) == 1);
  CHECK(close(scaler.transform(golden("train")), golden("standard/train"), 1e-9));
  CHECK(close(scaler.transform(golden("other")), golden("standard/other"), 1e-9));
  CHECK(close(scaler.inverse_transform(golden("other")), golden("standard/inverse")));
  CHECK(close(scaler.inverse_transform(scaler.transform(golden("other"))), golden("other")));
  // float32 in, float32 out; leading axes are rows.
  const Tensor x = golden("other").to(float32);
  CHECK(scaler.transform(x).dtype() == float32);
  CHECK(close(scaler.transform(x).to(float64), golden("standard/other"), 1e-2));
  CHECK(bitwise_equal(scaler.transform(x.reshape({3, 1, 5})).reshape({3, 5}), scaler.transform(x)));
}

TEST_CASE("StandardScaler: of large offsets, constants and one row") {
  StandardScaler scaler;
  // The deviation of 1e9 + {0, 1, 2} is that of {0, 1, 2}.
  scaler.fit(Tensor({{1e9}, {1e9 + 1}, {1e9 + 2}}, float64));
  CHECK(scaler.scale().item() == doctest::Approx(std::sqrt(2.0 / 3)).epsilon(1e-12));
  scaler.fit(Tensor({{0.1, 1e-200}, {0.1, 1e-200}, {0.1, 1e-200}}, float64));
  CHECK(bitwise_equal(scaler.scale(), Tensor({1.0, 1.0}, float64)));
  scaler.fit(Tensor({{5.0, -7.0}}, float64));
  CHECK(bitwise_equal(scaler.scale(), Tensor({1.0, 1.0}, float64)));
  CHECK(contains(message_of<ValueError>([&] {
                   scaler.fit(Tensor({{1e300}, {-1e300}}, float64));
                 }),
                 "column 0: its variance is beyond double precision"));
}

TEST_CASE("MinMaxScaler: what scikit-learn gives") {
  const auto check = [](const std::string& name, const data::MinMaxOptions& options) {
    CAPTURE(name);
    MinMaxScaler scaler(options);
    scaler.fit(golden("train"));
    CHECK(close(scaler.minimum(), golden(name + "/minimum")));
    CHECK(close(scaler.transform(golden("train")), golden(name + "/train"), 1e-9));
    CHECK(close(scaler.transform(golden("other")), golden(name + "/other"), 1e-9));
    CHECK(close(scaler.inverse_transform(golden("other")), golden(name + "/inverse")));
  };
  check("minmax", {});
  check("minmax/range", {.low = -2, .high = 3});
  check("minmax/clip", {.low = -1, .high = 1, .clip = true});
  MinMaxScaler scaler;
  scaler.fit(Tensor({{1e-30, 4.0}, {3e-30, 4.0}}, float64));
  CHECK(close(scaler.transform(Tensor({{2e-30, 4.0}}, float64)), Tensor({{0.5, 0.0}}, float64)));
  CHECK(contains(message_of<ValueError>([&] {
                   scaler.fit(Tensor({{1e308}, {-1e308}}, float64));
                 }),
                 "column 0: its range is beyond double precision"));
  CHECK(contains(message_of<ValueError>([] { MinMaxScaler({.low = 1, .high = 1}); }),
                 "expects finite low < high, got 1.000000 and 1.000000"));
  CHECK_THROWS_AS(MinMaxScaler({.low = std::nan("")}), ValueError);
}

TEST_CASE("scalers: bad input") {
  check_errors(StandardScaler());
  check_errors(MinMaxScaler());
}

TEST_CASE("scalers: saved and loaded") {
  static_assert(io::Stateful<StandardScaler> && io::Stateful<MinMaxScaler>);
  const Tensor train = golden("train"), other = golden("other");
  StandardScaler standard, standard_too;
  MinMaxScaler range({.low = -1}), range_too({.low = -1});
  io::Checkpoint saved, loaded;
  saved.add("standard", standard).add("range", range);
  loaded.add("standard", standard_too).add("range", range_too);
  // Before fit(): to be fitted, or to be told.
  loaded.prepare_load(saved.state_dict()).run();
  CHECK_FALSE(standard_too.fitted());
  standard.fit(train);
  range.fit(train);
  loaded.prepare_load(saved.state_dict()).run();
  CHECK(bitwise_equal(standard_too.transform(other), standard.transform(other)));
  CHECK(bitwise_equal(range_too.transform(other), range.transform(other)));

  const Tensor before = standard_too.mean();
  StandardScaler narrow;
  narrow.fit(Tensor{{1.0}, {2.0}});
  CHECK(contains(message_of<ValueError>([&] { standard_too.load_state_dict(narrow.state_dict()); }),
                 {"mean: expects float64 (5,), got float64 (1,)", "scale: expects float64 (5,)"}));
  StateDict bad = standard.state_dict();
  bad.set("scale", Tensor({1.0, 0.0, 1.0, 1.0, 1.0}, float64));
  bad.set("more", scalar(1));
  const std::string text = message_of<ValueError>([&] { standard_too.load_state_dict(bad); });
  CHECK(contains(text, {"StandardScaler: the state does not fit this scaler:",
                        "scale: must be finite and above 0, got 0.000000 in column 1", "more: unexpected"}));
  bad.set("scale", Tensor({1.0, 2.0}, float64));
  bad.set("mean", Tensor({std::nan(""), 2.0, 1.0}, float64));
  StandardScaler fresh;
  CHECK(contains(
      message_of<ValueError>([&] { fresh.load_state_dict(bad); }),
      {"mean: must be finite, got nan in column 0", "scale: expects float64 (3,), got float64 (2,)"}));
  CHECK(contains(message_of<ValueError>([&] { fresh.load_state_dict({}); }),
                 {"mean: missing", "scale: missing"}));
  bad.set("mean", scalar(1.0));
  CHECK_THROWS_AS(fresh.load_state_dict(bad), ValueError);
  CHECK_FALSE(fresh.fitted());
  CHECK(bitwise_equal(standard_too.mean(), before));

  MinMaxScaler wide({.high = 2, .clip = true});
  CHECK(contains(message_of<ValueError>([&] { wide.load_state_dict(range.state_dict()); }),
                 {"low: expects 0", "high: expects 2", "clip: expects true, got false"}));
}

TEST_CASE("scalers: numbers at the ends of their type") {
  constexpr float most_float = std::numeric_limits<float>::max();
  constexpr double most = std::numeric_limits<double>::max();
  const Tensor wide = Tensor::from(std::vector<float>{-most_float, 0, most_float}, {3, 1});
  MinMaxScaler range;
  range.fit(wide);
  CHECK(bitwise_equal(range.transform(wide), Tensor{{0.0}, {0.5}, {1.0}}));
  CHECK(bitwise_equal(range.inverse_transform(range.transform(wide)), wide));
  StandardScaler standard;
  standard.fit(wide);
  CHECK(close(standard.transform(wide).to(float64),
              Tensor({{-std::sqrt(1.5)}, {0.0}, {std::sqrt(1.5)}}, float64), 1e-6));

  // The distance from low to high, and that of a value from the least one.
  CHECK(contains(message_of<ValueError>([&] { MinMaxScaler({.low = -most, .high = most}); }),
                 "high - low is beyond double precision"));
  range.fit(Tensor({{-most}, {-most / 4}}, float64));
  CHECK(range.transform(Tensor({{most / 2}}, float64)).item() == doctest::Approx(2));
  MinMaxScaler clipped({.clip = true});
  clipped.fit(Tensor({{-most}, {-most / 4}}, float64));
  CHECK(clipped.transform(Tensor({{most}}, float64)).item() == 1);
  // Where the result has no room in the type.
  MinMaxScaler large({.low = 0, .high = 1e300});
  large.fit(Tensor{{0.0}, {1.0}});
  CHECK(contains(message_of<ValueError>([&] {
                   static_cast<void>(large.transform(Tensor{{0.0}, {1.0}}));
                 }),
                 {"MinMaxScaler::transform", "column 0, row 1", "no room in float32"}));
  CHECK(large.transform(Tensor({{1.0}}, float64)).item() == 1e300);
  standard.fit(Tensor({{0.0}, {1e-300}}, float64));
  CHECK_THROWS_AS(static_cast<void>(standard.transform(Tensor({{1e300}}, float64))), ValueError);
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(std::isnan(standard.transform(Tensor({{std::nan("")}}, float64)).item()));
  CHECK(standard.transform(Tensor({{infinity}}, float64)).item() == infinity);

  // Squares of small deviations are below all numbers, the deviations are not.
  standard.fit(Tensor({{1e-200}, {3e-200}}, float64));
  CHECK(standard.scale().item() == doctest::Approx(1e-200).epsilon(1e-12));
  CHECK(close(standard.transform(Tensor({{1e-200}, {3e-200}}, float64)), Tensor({{-1.0}, {1.0}}, float64),
              1e-12));
  standard.fit(Tensor({{5e-324}, {5e-324}}, float64));
  CHECK(standard.scale().item() == 1);
}
