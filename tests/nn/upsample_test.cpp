// Upsample: values and gradients as PyTorch's, edges, errors.
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/nn/summary.hpp>
#include <xgrad/nn/upsample.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include "nn/golden.hpp"
#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace xgrad;
using test::contains, test::golden, test::message_of;

namespace {

constexpr auto bilinear = nn::UpsampleMode::bilinear;

void check(const std::string& name, nn::Upsample layer, Size2d size) {
  const std::string full = "upsample/" + name;
  test::check_golden(full, [&](const auto& x) { return layer(x[0]); },
                     golden(full + "/cotangent", {2, size.height, size.width, 2}),
                     {golden("upsample/image", {2, 3, 5, 2})});
}

}  // namespace

TEST_CASE("Upsample: goldens") {
  check("nearest/scale", nn::Upsample(2), {6, 10});
  check("nearest/size", nn::Upsample({.size = {7, 2}}), {7, 2});
  check("nearest/uneven", nn::Upsample(1.5), {4, 7});
  check("bilinear/scale", nn::Upsample({.scale = 2, .mode = bilinear}), {6, 10});
  check("bilinear/uneven", nn::Upsample({.scale = 1.7, .mode = bilinear}), {5, 8});
  check("bilinear/size", nn::Upsample({.size = {7, 2}, .mode = bilinear}), {7, 2});
  check("bilinear/corners", nn::Upsample({.size = {7, 2}, .mode = bilinear, .align_corners = true}), {7, 2});
  check("bilinear/corners_one", nn::Upsample({.size = {1, 9}, .mode = bilinear, .align_corners = true}),
        {1, 9});
}

TEST_CASE("Upsample: both orders, edges, descriptions, errors") {
  manual_seed(7);
  const Tensor x = normal({1, 2, 3, 2}, 0, 1, float64);
  for (const nn::UpsampleOptions& options :
       {nn::UpsampleOptions{.scale = 2}, nn::UpsampleOptions{.size = {3, 2}, .mode = bilinear}}) {
    nn::Upsample up(options);
    CHECK(gradcheck([&](auto v) { return square(up(v)); }, x));
    CHECK(gradgradcheck([&](auto v) { return square(up(v)); }, x));
  }
  nn::Upsample same({.size = {2, 3}, .mode = bilinear});
  CHECK(bitwise_equal(same(x).value(), x));
  // Only the pixels that have a share in it see an infinity.
  Tensor bad = zeros({1, 1, 4, 1});
  bad.mutable_data<float>()[3] = std::numeric_limits<float>::infinity();
  const Tensor aligned = nn::Upsample({.size = {1, 7}, .mode = bilinear, .align_corners = true})(bad).value();
  CHECK(aligned.data<float>()[4] == 0);
  CHECK(aligned.data<float>()[6] == std::numeric_limits<float>::infinity());
  CHECK(nn::Upsample(2)(zeros({1, 2, 2, 3}, int64)).dtype() == int64);
  CHECK(nn::Upsample({.scale = 2, .mode = bilinear})(zeros({0, 2, 2, 3})).shape() == Shape{0, 4, 4, 3});

  nn::Upsample corners({.scale = 2, .mode = bilinear, .align_corners = true});
  CHECK(corners.describe() == "Upsample(scale 2, bilinear, corners aligned)");
  CHECK(same.describe() == "Upsample(2 x 3, bilinear)");
  CHECK(contains(nn::summary(same, Variable(x)), "Upsample(2 x 3"));
  CHECK_THROWS_AS(nn::Upsample(nn::UpsampleOptions{}), ValueError);
  CHECK_THROWS_AS(nn::Upsample({.size = 2, .scale = 2}), ValueError);
  CHECK_THROWS_AS(nn::Upsample(-1), ValueError);
  CHECK_THROWS_AS(nn::Upsample({.size = {0, 1}}), ValueError);
  CHECK_THROWS_AS(nn::Upsample({.scale = 2, .align_corners = true}), ValueError);
  CHECK_THROWS_AS(nn::Upsample{std::numeric_limits<double>::infinity()}, ValueError);
  CHECK_THROWS_AS(corners(ones({2, 2, 3})), ShapeError);
  CHECK_THROWS_AS(corners(ones({1, 0, 2, 3})), ShapeError);
  CHECK_THROWS_AS(corners(zeros({1, 2, 2, 3}, int64)), DTypeError);
  CHECK(contains(message_of<ShapeError>([&] { nn::Upsample(0.1)(ones({1, 2, 2, 3})); }), "are none"));
  CHECK_THROWS_AS(nn::Upsample(1e300)(ones({1, 2, 2, 3})), ShapeError);
}
