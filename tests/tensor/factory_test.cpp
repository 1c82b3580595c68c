// Tensors made from a rule: each element by the rule, and what no rule makes.
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace {

using namespace xgrad;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr Index huge = std::numeric_limits<Index>::max();

template <class T>
bool holds(const Tensor& tensor, const Shape& shape, const std::vector<T>& values) {
  return bitwise_equal(tensor, Tensor::from(values, shape));
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("factory: constants") {
    CHECK(holds<float>(zeros({2, 1}), {2, 1}, {0, 0}));
    CHECK(holds<Index>(ones({2}, int64), {2}, {1, 1}));
    CHECK(holds<double>(full({2}, 0.1, float64), {2}, {0.1, 0.1}));
    CHECK(bitwise_equal(full({2}, 3, boolean), Tensor{true, true}));
    CHECK(holds<std::uint8_t>(zeros_like(ones({2}, uint8)), {2}, {0, 0}));
    CHECK(holds<float>(ones_like(zeros({1, 2})), {1, 2}, {1, 1}));
    CHECK(holds<Index>(full_like(zeros({2}, int64), 7), {2}, {7, 7}));
    CHECK_THROWS_AS(full_like(zeros({2}, uint8), 300), ValueError);
    CHECK_THROWS_AS(full_like(Tensor(), 1), GraphError);
    CHECK(zeros({3, 0}).count() == 0);
    CHECK(full({1}, huge, int64).item<Index>() == huge);
    CHECK_THROWS_AS(full({1}, not_a_number, int64), ValueError);
    CHECK_THROWS_AS(full({1}, 0x1p63, int64), ValueError);
    CHECK_THROWS_AS(full({1}, 256, uint8), ValueError);
    CHECK_THROWS_AS(full({1}, -1, uint8), ValueError);
    CHECK_THROWS_WITH_AS(zeros({2, -3}), doctest::Contains("zeros: sizes must not be negative, got (2, -3)"),
                         ShapeError);
    CHECK(scalar(3).dtype() == int64);
    CHECK(scalar(3.5).dtype() == float32);
    CHECK(scalar(true).dtype() == boolean);
    CHECK(scalar(3, float64).shape() == Shape{});
  }

  TEST_CASE("factory: arange") {
    CHECK(holds<Index>(arange(4), {4}, {0, 1, 2, 3}));
    CHECK(holds<float>(arange(2.5), {3}, {0, 1, 2}));
    CHECK(holds<Index>(arange(2, 9, 3), {3}, {2, 5, 8}));
    CHECK(holds<Index>(arange(2, 8, 3), {2}, {2, 5}));
    CHECK(holds<Index>(arange(5, 0, -2), {3}, {5, 3, 1}));
    CHECK(holds<Index>(arange(5, 0), {0}, {}));
    CHECK(holds<float>(arange(5, 0, 0.5), {0}, {}));
    CHECK(holds<double>(arange(0, 3, 1, float64), {3}, {0, 1, 2}));
    CHECK(holds<double>(arange(1, -1, -0.5, float64), {4}, {1, 0.5, 0, -0.5}));
    CHECK(holds<Index>(arange(0, 2, 0.5, int64), {4}, {0, 0, 1, 1}));
    CHECK(holds<std::uint8_t>(arange(250, 256, 2, uint8), {3}, {250, 252, 254}));
    // (1.3 - 1) / 0.1 exceeds 3 in binary, and 1 + 3 * 0.1 is the bound itself.
    CHECK(arange(1, 1.3, 0.1, float64).count() == 3);
    CHECK(holds<Index>(arange(-huge - 1, huge, huge), {3}, {-huge - 1, -1, huge - 1}));
    CHECK(holds<Index>(arange(huge, -huge - 1, -huge - 1), {2}, {huge, -1}));
    CHECK_THROWS_AS(arange(0, 1, 0), ValueError);
    CHECK_THROWS_AS(arange(0, 1, 0.0), ValueError);
    CHECK_THROWS_AS(arange(0, inf), ValueError);
    CHECK_THROWS_AS(arange(not_a_number, 1), ValueError);
    CHECK_THROWS_AS(arange(0, 300, 1, uint8), ValueError);
    CHECK_THROWS_AS(arange(0, 2, 1, boolean), DTypeError);
    CHECK_THROWS_AS(arange(-huge, huge), ShapeError);
    CHECK_THROWS_AS(arange(0, 1e300), ShapeError);
  }

  TEST_CASE("factory: linspace") {
    CHECK(holds<float>(linspace(0, 1, 5), {5}, {0, 0.25F, 0.5F, 0.75F, 1}));
    CHECK(holds<double>(linspace(1, -1, 3, float64), {3}, {1, 0, -1}));
    CHECK(holds<double>(linspace(2, 3, 1, float64), {1}, {2}));
    CHECK(linspace(0, 1, 0).count() == 0);
    CHECK(holds<Index>(linspace(0, 10, 3, int64), {3}, {0, 5, 10}));
    const Tensor fine = linspace(0.1, 0.7, 1001, float64);
    CHECK(fine.at({0}) == 0.1);
    CHECK(fine.at({-1}) == 0.7);
    const double most = std::numeric_limits<double>::max();
    CHECK(holds<double>(linspace(-most, most, 3, float64), {3}, {-most, 0, most}));
    CHECK_THROWS_AS(linspace(0, 1, -1), ValueError);
    CHECK_THROWS_AS(linspace(0, inf, 3), ValueError);
    CHECK_THROWS_AS(linspace(0, 1, 3, boolean), DTypeError);
    // The two halves mirror each other to the last bit.
    for (Index count = 2; count < 40; ++count) {
      const Tensor around = linspace(-0.1, 0.1, count, float64);
      const double* x = around.data<double>();
      for (Index i = 0; i < count; ++i)
        if (2 * i != count - 1) CHECK(x[i] == -x[count - 1 - i]);
    }
  }

  TEST_CASE("factory: eye") {
    CHECK(holds<float>(eye(2), {2, 2}, {1, 0, 0, 1}));
    CHECK(holds<Index>(eye(2, 3, int64), {2, 3}, {1, 0, 0, 0, 1, 0}));
    CHECK(holds<double>(eye(3, 1, float64), {3, 1}, {1, 0, 0}));
    CHECK(eye(0).shape() == Shape{0, 0});
    CHECK(eye(3, 0).shape() == Shape{3, 0});
    CHECK_THROWS_AS(eye(-2), ShapeError);
    CHECK_THROWS_AS(eye(2, -2), ShapeError);
  }

  TEST_CASE("factory: every dtype and shape, element by element") {
    for (const DType dtype : {float32, float64, int64, uint8, boolean})
      for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{2, 0, 3}, Shape{2, 3}, Shape{500, 300}})
        for (const double value : {0.0, 1.0}) {
          CAPTURE(to_string(shape));
          const Tensor by_name = value == 0 ? zeros(shape, dtype) : ones(shape, dtype);
          const Tensor by_value = full(shape, value, dtype),
                       like = value == 0 ? zeros_like(by_value) : ones_like(by_value);
          for (const Tensor& made : {by_name, by_value, like}) {
            REQUIRE(made.shape() == shape);
            CHECK(made.dtype() == dtype);
            const Tensor reals = made.to(float64);
            bool right = true;
            for (const double element : reals.span<double>()) right = right && element == value;
            CHECK(right);
          }
        }
  }

  TEST_CASE("factory: something like an undefined tensor throws") {
    CHECK_THROWS_AS(zeros_like(Tensor()), GraphError);
    CHECK_THROWS_AS(ones_like(Tensor()), GraphError);
  }

  TEST_CASE("factory: sequences are the rule in double, element by element") {
    for (const DType dtype : {float32, float64})
      for (const double start : {-3.0, 0.1})
        for (const double step : {0.25, -0.3, 7.0}) {
          const double stop = start + 100.5 * step;
          const Tensor sequence = arange(start, stop, step, dtype);
          REQUIRE(sequence.shape() == Shape{101});
          const Tensor line = linspace(start, stop, 202, dtype);
          REQUIRE(line.shape() == Shape{202});
          const double close = dtype == float32 ? 1e-6 : 1e-14;
          for (Index i = 0; i < 101; ++i) {
            const auto at = static_cast<double>(i);
            CHECK(sequence.at({i}) == doctest::Approx(start + at * step).epsilon(close));
            CHECK(line.at({2 * i}) == doctest::Approx(start + at * step).epsilon(close));
          }
        }
  }

  TEST_CASE("factory: the identity has ones where row and column are one, and nowhere else") {
    for (const DType dtype : {float32, float64, int64, uint8, boolean})
      for (const auto& [rows, columns] :
           std::vector<std::pair<Index, Index>>{{1, 1}, {0, 4}, {5, 2}, {3, 70}, {64, -1}}) {
        const Tensor identity = eye(rows, columns, dtype);
        REQUIRE(identity.shape() == Shape{rows, columns < 0 ? rows : columns});
        for (Index i = 0; i < identity.size(0); ++i)
          for (Index j = 0; j < identity.size(1); ++j)
            if (identity.at({i, j}) != (i == j ? 1 : 0)) FAIL_CHECK("(" << i << ", " << j << ")");
      }
  }
}
