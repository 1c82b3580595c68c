// Windows of a series: nothing of the test leaks into what is learned; units; what cannot be read.
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>

#include "support/series.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <stdexcept>

using namespace xgrad;
using namespace example;

namespace {

bool same(const Variable& a, const Variable& b) {
  return a.shape() == b.shape() && max(abs(a - b)).item() < 1e-4;
}

Series random_series(Index n, bool dated = false) {
  manual_seed(1);
  Series series{.values = normal({n}, 10, 3), .season = zeros({n, 2})};
  if (dated)
    for (Index i = 0; i < n; ++i) series.days.push_back(16'000 + i);
  return series;
}

struct File {
  explicit File(const std::string& text) { std::ofstream(path) << text; }
  ~File() { std::filesystem::remove(path); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string path = (std::filesystem::temp_directory_path() / "xgrad_series_test.csv").string();
};

}  // namespace

TEST_CASE("windows of training end before the test, whose windows all begin there") {
  const Series series = random_series(400);
  const Windows windows = make_windows(series, 28, 30);
  // Days 300 to 399 are the test's: a window's days to come are start + 28 to start + 57.
  CHECK(windows.training - 1 + 57 == 299);
  CHECK(windows.test + 28 == 300);
  CHECK(windows.size - 1 + 57 == 399);
  CHECK(windows.learned().size() == windows.training);
  CHECK(windows.tested().size() == 71);

  // Other days in the test change nothing of what is learned.
  Series other = series;
  other.values = concat({Variable(series.values.rows(0, 300)), Variable(full({100}, 1e3))}).value();
  const Windows changed = make_windows(other, 28, 30);
  for (const int part : {0, 1})
    CHECK(same(windows.learned().tensors()[static_cast<std::size_t>(part)],
               changed.learned().tensors()[static_cast<std::size_t>(part)]));
  CHECK(same(windows.scaler.scale(), changed.scaler.scale()));
}

TEST_CASE("what is told comes out in the units of the series") {
  const Series series = random_series(400);
  const Windows windows = make_windows(series, 28, 3);
  const auto tested = windows.tested().tensors();
  CHECK(same(reshape(windows.unscaled(unsqueeze(tested[1], 2)), {-1, 3}), windows.asked(series)));
  CHECK(same(windows.asked(series).rows(0, 1), reshape(series.values.rows(300, 303), {1, 3})));
  CHECK(same(windows.asked(series, 7).rows(0, 1), reshape(series.values.rows(293, 296), {1, 3})));
  CHECK(
      same(windows.last.rows(windows.test, windows.test + 1), reshape(series.values.rows(299, 300), {1, 1})));
  CHECK_THROWS_AS((void)make_windows(random_series(120), 28, 30), std::runtime_error);
}

TEST_CASE("a year ago is 365 days ago only in a series of every day") {
  CHECK(random_series(486, true).daily());
  CHECK(make_windows(random_series(486), 28, 1).asked(random_series(486), 365).size(0) == 121);
  CHECK_FALSE(random_series(486).daily());
  CHECK_FALSE(random_series(485, true).daily());
  Series gap = random_series(500, true);
  ++gap.days.back();
  CHECK_FALSE(gap.daily());
}

TEST_CASE("a column is read with its dates; prices become logarithms") {
  {
    const File file("date,close,temp_max\n2012-01-01,100,1\n2012-12-31,200,2\n");
    const Series prices = read_series(file.path, "close", true);
    CHECK(same(prices.values, Tensor{std::log(100.f), std::log(200.f)}));
    CHECK(prices.days[1] - prices.days[0] == 365);
    CHECK(same(prices.season.rows(0, 1), Tensor{{0.f, 1.f}}));
    CHECK(same(read_series(file.path, "temp_max").values, Tensor{1.f, 2.f}));
    CHECK_THROWS_AS((void)read_series(file.path, "open"), ValueError);
    CHECK(read_series(file.path).name == "temp_max");
    CHECK_FALSE(read_series(file.path).prices);
    CHECK(read_series(file.path, "close").prices);
  }
  for (const char* text :
       {"date,close\n2012-02-30,1\n", "date,close\nyesterday,1\n", "close\n-1\n", "close\n0\n"}) {
    CAPTURE(text);
    const File file(text);
    CHECK_THROWS_AS((void)read_series(file.path, "close", true), std::runtime_error);
  }
  const File missing("close,x\n,1\n");
  CHECK_THROWS_AS((void)read_series(missing.path, "close"), FormatError);
}

TEST_CASE("the interval of a share is Wilson's") {
  const Interval half = share_interval(50, 100), none = share_interval(0, 10), all = share_interval(10, 10);
  CHECK(half.low == doctest::Approx(0.4038).epsilon(1e-3));
  CHECK(half.high == doctest::Approx(0.5962).epsilon(1e-3));
  CHECK(none.low == doctest::Approx(0).epsilon(1e-9));
  CHECK(none.high == doctest::Approx(0.2775).epsilon(1e-3));
  CHECK(all.low == doctest::Approx(1 - none.high));
}
