// k-means against scikit-learn from the same first centres; k-means++; empty clusters; what it refuses.
#include <doctest/doctest.h>

#include <xgrad/tensor/factory.hpp>
#include <xgrad/train/k_means.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "goldens/k_means.hpp"
#include "support/messages.hpp"

using namespace xgrad;
using test::contains;
using test::message_of;

namespace {

Tensor golden(const std::string& name, const Shape& shape = {-1}) {
  return Tensor::from(goldens::k_means.at(name), shape);
}

void check_near(const Tensor& found, const Tensor& expected, double tolerance) {
  REQUIRE(found.shape() == expected.shape());
  const Tensor a = found.to(float64);
  for (std::size_t i = 0; i < a.span<double>().size(); ++i)
    CHECK(std::abs(a.span<double>()[i] - expected.span<double>()[i]) <= tolerance);
}

bool same(const Tensor& a, const Tensor& b) {
  const auto x = a.span<Index>(), y = b.span<Index>();
  return std::equal(x.begin(), x.end(), y.begin(), y.end());
}

// Four tight groups at the corners of a square, ten points each.
Tensor corners() {
  Tensor points = normal({40, 2}, 0, 0.01, float64);
  const auto values = points.mutable_span<double>();
  for (std::size_t i = 0; i < 40; ++i) {
    values[2 * i] += i % 4 < 2 ? 0 : 10;
    values[2 * i + 1] += i % 2 == 0 ? 0 : 10;
  }
  return points;
}

}  // namespace

TEST_CASE("k_means: scikit-learn's result from the same centres") {
  const Tensor points = golden("points", {60, 3});
  for (const DType dtype : {float64, float32}) {
    const double tolerance = dtype == float64 ? 1e-12 : 1e-5;
    const auto found =
        train::k_means(points.to(dtype), {.clusters = 4, .start = golden("start", {4, 3}).to(dtype)});
    CHECK(found.centres.dtype() == dtype);
    check_near(found.centres, golden("centres", {4, 3}), tolerance);
    CHECK(same(found.clusters, golden("clusters").to(int64)));
    CHECK(std::abs(found.inertia - golden("inertia").item<double>()) < 100 * tolerance);
    CHECK(same(train::nearest(points.to(dtype), found.centres), found.clusters));
  }
}

TEST_CASE("k_means: a cluster that lost its points gets the farthest one") {
  const auto found =
      train::k_means(golden("points", {60, 3}), {.clusters = 4, .start = golden("lost_start", {4, 3})});
  check_near(found.centres, golden("lost_centres", {4, 3}), 1e-12);
  CHECK(same(found.clusters, golden("lost_clusters").to(int64)));
  CHECK(std::abs(found.inertia - golden("lost_inertia").item<double>()) < 1e-10);
}

TEST_CASE("k_means: k-means++ finds groups that lie apart, in one run, from the generator alone") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    manual_seed(seed);
    const Tensor points = corners();
    Generator one(seed), again(seed);
    const auto found = train::k_means(points, {.clusters = 4, .restarts = 1}, one);
    CHECK(found.inertia < 0.1);
    const auto repeated = train::k_means(points, {.clusters = 4, .restarts = 1}, again);
    CHECK(same(found.clusters, repeated.clusters));
    for (std::size_t i = 4; i < 40; ++i)
      CHECK(found.clusters.span<Index>()[i] == found.clusters.span<Index>()[i % 4]);
  }
}

TEST_CASE("k_means: more restarts are never worse, and points may coincide") {
  const Tensor points = golden("points", {60, 3});
  Generator one(3), many(3);
  CHECK(train::k_means(points, {.clusters = 7, .restarts = 20}, many).inertia <=
        train::k_means(points, {.clusters = 7, .restarts = 1}, one).inertia);
  const auto alike = train::k_means(ones({5, 2}), {.clusters = 5});
  CHECK(alike.inertia == 0);
  const auto each = train::k_means(golden("start", {4, 3}), {.clusters = 4});
  const auto clusters = each.clusters.span<Index>();
  CHECK(std::set<Index>(clusters.begin(), clusters.end()).size() == 4);
  CHECK(each.inertia == 0);
}

TEST_CASE("k_means: what it refuses") {
  const Tensor points = ones({3, 2});
  const auto refused = [](const Tensor& x, const train::KMeansOptions& options, const char* text) {
    return contains(message_of([&] { (void)train::k_means(x, options); }), text);
  };
  CHECK(refused(points, {.clusters = 4}, "4 clusters of 3 points"));
  CHECK(refused(points, {.clusters = 0}, "0 clusters"));
  CHECK(refused(points, {.clusters = 1, .restarts = 0}, "above 0"));
  CHECK(refused(points, {.clusters = 1, .iterations = 0}, "above 0"));
  CHECK(refused(ones({3}), {.clusters = 1}, "(N, D)"));
  CHECK(refused(ones({3, 2}, int64), {.clusters = 1}, "int64"));
  CHECK(refused(points, {.clusters = 2, .start = ones({2, 3})}, "start"));
  CHECK_THROWS_AS((void)train::k_means(points, {.clusters = 1, .start = ones({1, 2}, int64)}), DTypeError);
  Tensor holed = points;
  holed.mutable_span<float>()[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK(refused(holed, {.clusters = 1}, "row 1 is not finite"));
  CHECK_THROWS_AS((void)train::k_means(holed, {.clusters = 1}), NumericError);
  CHECK_THROWS_AS((void)train::nearest(points, ones({2, 3})), ShapeError);
  CHECK_THROWS_AS((void)train::nearest(points, zeros({0, 2})), ShapeError);
}
