// Elementwise kernels against loops over full indices: broadcasting, every dtype, integers that wrap, NaN.
#include "support/reference.hpp"

#include <xgrad/kernels/elementwise.hpp>

#include <functional>
#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr DType all_dtypes[] = {float32, float64, int64, uint8, boolean};
constexpr DType numbers[] = {float32, float64, int64, uint8};

struct Shapes {
  Shape a, b;
};

/// Equal, broadcast in every way that loops tell apart, empty, of one element, and large enough for threads.
const std::vector<Shapes> pairs{{{}, {}},
                                {{1}, {1}},
                                {{5}, {}},
                                {{}, {2, 3}},
                                {{3, 4}, {3, 4}},
                                {{3, 4}, {4}},
                                {{3, 1}, {1, 4}},
                                {{0, 3}, {3}},
                                {{2, 0, 4}, {1, 4}},
                                {{7, 3, 4, 5}, {3, 1, 5}},
                                {{5, 3, 70}, {5, 1, 70}},
                                {{40'000}, {40'000}},
                                {{40'000}, {1}},
                                {{200, 300}, {200, 1}},
                                {{1, 300}, {200, 300}}};

/// What an element of the dtype makes of a number: the nearest one, or the one that it wraps to.
double stored(double value, DType dtype) {
  if (dtype == float32) return static_cast<double>(static_cast<float>(value));
  if (dtype == uint8) return static_cast<double>(static_cast<std::uint8_t>(static_cast<Index>(value)));
  return value;
}

/// The index of an operand that broadcasting pairs with an index of the result.
Shape own_index(const Shape& index, const Shape& own) {
  Shape result = own;
  for (Index i = 0; i < own.rank(); ++i) result[i] = own[i] == 1 ? 0 : index[index.rank() - own.rank() + i];
  return result;
}

template <class F>
Naive paired(const Tensor& a, const Tensor& b, F f) {
  const Naive x(a), y(b);
  Naive result(broadcast_shapes(a.shape(), b.shape()));
  for_each_index(result.shape,
                 [&](const Shape& i) { result[i] = f(x[own_index(i, x.shape)], y[own_index(i, y.shape)]); });
  return result;
}

using Kernel = Tensor (*)(const Tensor&, const Tensor&);
using Formula = double (*)(double, double);

/// The kernel gives the formula's numbers, in either order of the operands.
void check_pairs(Kernel kernel, Formula formula, DType dtype, bool nonzero = false) {
  RandomTensors random(static_cast<unsigned>(dtype) + 1);
  for (const auto& [first, second] : pairs) {
    const auto shown_first = to_string(first);
    CAPTURE(shown_first);
    const auto shown_second = to_string(second);
    CAPTURE(shown_second);
    CAPTURE(to_string(dtype));
    const auto made = [&](const Shape& shape) {
      return nonzero ? random.integers(shape, 1, 5).to(dtype) : random(shape, dtype);
    };
    const Tensor a = made(first), b = made(second);
    for (const auto& [x, y] : {std::pair(a, b), std::pair(b, a)}) {
      const Tensor result = kernel(x, y);
      CHECK(result.dtype() == dtype);
      check_equal(result, paired(x, y, [&](double p, double q) { return stored(formula(p, q), dtype); }));
    }
  }
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("elementwise: arithmetic of numbers is the formula, rounded or wrapped once") {
    for (const DType dtype : numbers) {
      check_pairs(
          kernels::add, [](double x, double y) { return x + y; }, dtype);
      check_pairs(
          kernels::sub, [](double x, double y) { return x - y; }, dtype);
      check_pairs(
          kernels::mul, [](double x, double y) { return x * y; }, dtype);
    }
    for (const DType dtype : {float32, float64}) {
      check_pairs(
          kernels::div, [](double x, double y) { return x / y; }, dtype);
      check_pairs(
          kernels::chain, [](double g, double slope) { return g * slope; }, dtype);
    }
    for (const DType dtype : all_dtypes) {
      check_pairs(
          kernels::maximum, [](double x, double y) { return std::max(x, y); }, dtype);
      check_pairs(
          kernels::minimum, [](double x, double y) { return std::min(x, y); }, dtype);
    }
  }

  TEST_CASE("elementwise: bools add by or, multiply by and, and do nothing else") {
    check_pairs(
        kernels::add, [](double x, double y) { return std::max(x, y); }, boolean);
    check_pairs(
        kernels::mul, [](double x, double y) { return x * y; }, boolean);
    const Tensor truth{true, false};
    CHECK_THROWS_AS(kernels::sub(truth, truth), DTypeError);
    CHECK_THROWS_AS(kernels::div(truth, truth), DTypeError);
    CHECK_THROWS_AS(kernels::neg(truth), DTypeError);
    CHECK_THROWS_AS(kernels::abs(truth), DTypeError);
  }

  TEST_CASE("elementwise: operands of two dtypes, or shapes that do not meet, throw") {
    const Tensor a = Tensor({1, 2, 3}, float32), b = Tensor({1, 2, 3}, float64), c = Tensor({1, 2}, float32);
    for (const Kernel kernel : {kernels::add, kernels::sub, kernels::mul, kernels::div, kernels::chain,
                                kernels::maximum, kernels::minimum}) {
      CHECK_THROWS_AS(kernel(a, b), DTypeError);
      CHECK_THROWS_AS(kernel(a, c), ShapeError);
    }
    const Tensor integers{1, 2, 3}, truth{true, true, false};
    CHECK_THROWS_AS(kernels::div(integers, integers), DTypeError);
    CHECK_THROWS_AS(kernels::chain(integers, integers), DTypeError);
    CHECK_THROWS_AS(kernels::integer_floor_divide(a, a), DTypeError);
    CHECK_THROWS_AS(kernels::integer_pow(a, a), DTypeError);
    CHECK_THROWS_AS(kernels::where(truth, a, b), DTypeError);
    CHECK_THROWS_AS(kernels::where(truth, a, c), ShapeError);
    CHECK_THROWS_AS(kernels::compare(kernels::Comparison::less, a, b), DTypeError);
  }

  TEST_CASE("elementwise: a zero cotangent chains to zero whatever the slope") {
    for (const DType dtype : {float32, float64}) {
      const Tensor g({0, 0, 0, 2, 2, not_a_number}, dtype), slope({inf, not_a_number, 3, inf, -1, 0}, dtype);
      const Naive expected(Tensor({0, 0, 0, inf, -2, not_a_number}, float64));
      check_equal(kernels::chain(g, slope), expected);
      Tensor changed = g;
      kernels::chain_to(changed, slope);
      check_equal(changed, expected);
      CHECK(g.at({3}) == 2);
    }
  }

  TEST_CASE("elementwise: a NaN on either side wins extrema") {
    for (const DType dtype : {float32, float64}) {
      const Tensor a({not_a_number, 1, not_a_number, -inf}, dtype),
          b({1, not_a_number, not_a_number, inf}, dtype);
      check_equal(kernels::maximum(a, b), Naive(Tensor{not_a_number, not_a_number, not_a_number, inf}));
      check_equal(kernels::minimum(a, b), Naive(Tensor{not_a_number, not_a_number, not_a_number, -inf}));
    }
  }

  TEST_CASE(
      "elementwise: integers divide towards minus infinity, remainders take the divisor's or own sign") {
    const auto floored = [](double x, double y) { return std::floor(x / y); };
    const auto remainder = [](double x, double y) { return x - y * std::floor(x / y); };
    const auto truncated = [](double x, double y) { return std::fmod(x, y); };
    for (const DType dtype : {int64, uint8}) {
      check_pairs(kernels::integer_floor_divide, floored, dtype, true);
      check_pairs(kernels::integer_remainder, remainder, dtype, true);
      check_pairs(kernels::integer_fmod, truncated, dtype, true);
    }
    const Tensor a{7, -7, 7, -7, 6, -6, 0}, b{2, 2, -2, -2, 3, -3, -5};
    check_equal(kernels::integer_floor_divide(a, b), paired(a, b, floored));
    check_equal(kernels::integer_remainder(a, b), paired(a, b, remainder));
    check_equal(kernels::integer_fmod(a, b), paired(a, b, truncated));
    for (const Kernel kernel :
         {kernels::integer_floor_divide, kernels::integer_remainder, kernels::integer_fmod}) {
      CHECK_THROWS_AS(kernel(Tensor{1, 2}, Tensor{1, 0}), ValueError);
      CHECK_THROWS_AS(kernel(Tensor({1}, uint8), Tensor({0}, uint8)), ValueError);
      CHECK(kernel(Tensor::uninitialized({0}, int64), Tensor{1}).shape() == Shape{0});
    }
  }

  TEST_CASE("elementwise: integers wrap at the ends of their range") {
    const Tensor most({INT64_MAX, INT64_MIN}, int64), one({1, -1}, int64);
    CHECK(kernels::add(most, one).at<Index>({0}) == INT64_MIN);
    CHECK(kernels::add(most, one).at<Index>({1}) == INT64_MAX);
    CHECK(kernels::mul(most, Tensor{2, 2}).at<Index>({0}) == -2);
    CHECK(kernels::neg(most).at<Index>({1}) == INT64_MIN);
    CHECK(kernels::abs(most).at<Index>({1}) == INT64_MIN);
    CHECK(kernels::integer_floor_divide(most, one).at<Index>({1}) == INT64_MIN);
    CHECK(kernels::integer_remainder(most, one).at<Index>({1}) == 0);
    CHECK(kernels::integer_fmod(most, one).at<Index>({1}) == 0);
    check_equal(kernels::neg(Tensor({0, 1, 255}, uint8)), Naive(Tensor{0, 255, 1}));
    check_equal(kernels::abs(Tensor({0, 1, 255}, uint8)), Naive(Tensor{0, 1, 255}));
  }

  TEST_CASE("elementwise: integer powers are products, and wrap") {
    const auto power = [](double x, double y) {
      double product = 1;
      for (int i = 0; i < static_cast<int>(y); ++i) product *= x;
      return product;
    };
    for (const DType dtype : {int64, uint8}) check_pairs(kernels::integer_pow, power, dtype, true);
    check_equal(kernels::integer_pow(Tensor{-2, 0, 0, 1, -1}, Tensor{3, 0, 5, 1000, 1001}),
                Naive(Tensor{-8, 1, 0, 1, -1}));
    CHECK(kernels::integer_pow(Tensor{2}, Tensor{63}).item<Index>() == INT64_MIN);
    CHECK(kernels::integer_pow(Tensor{2}, Tensor{64}).item<Index>() == 0);
    CHECK_THROWS_AS(kernels::integer_pow(Tensor{2, 2}, Tensor{3, -1}), ValueError);
  }

  TEST_CASE("elementwise: signs of single operands") {
    RandomTensors random(3);
    for (const Shape& shape : sample_shapes(random, 5))
      for (const DType dtype : {float32, float64, int64}) {
        const Tensor x = random(shape, dtype);
        Naive negative(x), magnitude(x);
        for (double& v : negative.values) v = -v;
        for (double& v : magnitude.values) v = std::abs(v);
        check_equal(kernels::neg(x), negative);
        check_equal(kernels::abs(x), magnitude);
      }
    const Tensor zero = kernels::neg(Tensor({0.0}, float64));
    CHECK(std::signbit(zero.item()));
    CHECK_FALSE(std::signbit(kernels::abs(zero).item()));
  }

  TEST_CASE("elementwise: adding to a target changes nobody who shares it") {
    RandomTensors random(4);
    for (const DType dtype : numbers)
      for (const auto& [first, second] : pairs) {
        const Tensor a = random(first, dtype), b = random(second, dtype);
        if (broadcast_shapes(first, second) != first) continue;
        const auto shown_first = to_string(first);
        CAPTURE(shown_first);
        const auto shown_second = to_string(second);
        CAPTURE(shown_second);
        const Naive before(a),
            expected = paired(a, b, [&](double p, double q) { return stored(p + q, dtype); });
        Tensor target = a;
        kernels::add_to(target, b);
        check_equal(target, expected);
        check_equal(a, before);
        // Alone, it is written in place.
        target = a.reshape(first);
        static_cast<void>(target.mutable_raw());
        const std::byte* const place = target.raw();
        kernels::add_to(target, b);
        check_equal(target, expected);
        if (a.count() > 0) CHECK(target.raw() == place);
        if (!is_floating(dtype) || first != second) continue;
        Tensor scaled = a;
        kernels::add_scaled_to(scaled, -0.5, b);
        check_equal(scaled, paired(a, b, [](double p, double q) { return p - 0.5 * q; }),
                    dtype == float32 ? 1e-6 : 1e-14);
        check_equal(a, before);
      }
    Tensor integers{1, 2};
    CHECK_THROWS_AS(kernels::add_scaled_to(integers, 2, integers), DTypeError);
  }

  TEST_CASE("elementwise: comparisons of one dtype, NaN, and integers beside reals") {
    using kernels::Comparison;
    const std::pair<Comparison, Formula> all[] = {
        {Comparison::equal, [](double x, double y) { return x == y ? 1.0 : 0.0; }},
        {Comparison::not_equal, [](double x, double y) { return x != y ? 1.0 : 0.0; }},
        {Comparison::less, [](double x, double y) { return x < y ? 1.0 : 0.0; }},
        {Comparison::less_equal, [](double x, double y) { return x <= y ? 1.0 : 0.0; }},
        {Comparison::greater, [](double x, double y) { return x > y ? 1.0 : 0.0; }},
        {Comparison::greater_equal, [](double x, double y) { return x >= y ? 1.0 : 0.0; }}};
    RandomTensors random(5);
    for (const auto& [comparison, formula] : all) {
      const auto shown_comparison = static_cast<int>(comparison);
      CAPTURE(shown_comparison);
      for (const DType dtype : all_dtypes)
        for (const auto& [first, second] : pairs) {
          // Few values, so that many are equal.
          const Tensor a = random.integers(first, 0, dtype == boolean ? 1 : 2).to(dtype),
                       b = random.integers(second, 0, dtype == boolean ? 1 : 2).to(dtype);
          const Tensor result = kernels::compare(comparison, a, b);
          CHECK(result.dtype() == boolean);
          check_equal(result, paired(a, b, formula));
          check_equal(kernels::compare(comparison, b, a), paired(b, a, formula));
        }
      const Tensor reals{not_a_number, 1.0, inf, -inf, 0.5, -0.5}, integers{1, 1, 1, 1, 1, -1};
      check_equal(kernels::compare(comparison, reals, reals), paired(reals, reals, formula));
      check_equal(kernels::compare(comparison, integers, reals), paired(integers, reals, formula));
      check_equal(kernels::compare(comparison, reals, integers), paired(reals, integers, formula));
    }
    // One above 2^53 has no double.
    const Tensor fine({(Index{1} << 53) + 1}, int64), coarse({0x1p53}, float64);
    CHECK(kernels::compare(Comparison::greater, fine, coarse).item<bool>());
    CHECK_FALSE(kernels::compare(Comparison::equal, coarse, fine).item<bool>());
    CHECK(kernels::compare(Comparison::less, Tensor({INT64_MAX}, int64), Tensor({0x1p63}, float64))
              .item<bool>());
  }

  TEST_CASE("elementwise: truth values of any dtypes") {
    using kernels::Logical;
    RandomTensors random(6);
    for (const DType first : all_dtypes)
      for (const DType second : {float32, boolean}) {
        const Tensor a = random.integers({3, 1, 4}, 0, 1).to(first),
                     b = random.integers({5, 1}, 0, 1).to(second);
        check_equal(kernels::logical(Logical::both, a, b),
                    paired(a, b, [](double x, double y) { return x != 0 && y != 0 ? 1.0 : 0.0; }));
        check_equal(kernels::logical(Logical::either, a, b),
                    paired(a, b, [](double x, double y) { return x != 0 || y != 0 ? 1.0 : 0.0; }));
        check_equal(kernels::logical(Logical::one, a, b),
                    paired(a, b, [](double x, double y) { return (x != 0) != (y != 0) ? 1.0 : 0.0; }));
        Naive inverted(a);
        for (double& v : inverted.values) v = v == 0 ? 1.0 : 0.0;
        check_equal(kernels::logical_not(a), inverted);
        CHECK(kernels::logical_not(a).dtype() == boolean);
      }
    check_equal(kernels::logical_not(Tensor{not_a_number, -0.0}), Naive(Tensor{0, 1}));
  }

  TEST_CASE("elementwise: where takes one side and nothing of the other") {
    RandomTensors random(7);
    const std::vector<std::array<Shape, 3>> shapes{{Shape{}, Shape{}, Shape{}},
                                                   {Shape{4}, Shape{4}, Shape{4}},
                                                   {Shape{}, Shape{3, 4}, Shape{4}},
                                                   {Shape{3, 1}, Shape{4}, Shape{}},
                                                   {Shape{3, 4}, Shape{}, Shape{4}},
                                                   {Shape{0, 4}, Shape{4}, Shape{1}},
                                                   {Shape{3, 4}, Shape{1}, Shape{1}},
                                                   {Shape{200, 300}, Shape{300}, Shape{200, 1}},
                                                   {Shape{3, 1}, Shape{1, 70}, Shape{3, 70}}};
    for (const auto& [to_condition, to_a, to_b] : shapes)
      for (const DType dtype : all_dtypes) {
        const auto shown_to_condition = to_string(to_condition);
        CAPTURE(shown_to_condition);
        const Tensor condition = random(to_condition, boolean), a = random(to_a, dtype),
                     b = random(to_b, dtype);
        const Naive c(condition), x(a), y(b);
        Naive expected(broadcast_shapes(broadcast_shapes(to_condition, to_a), to_b));
        for_each_index(expected.shape, [&](const Shape& i) {
          expected[i] = c[own_index(i, c.shape)] != 0 ? x[own_index(i, x.shape)] : y[own_index(i, y.shape)];
        });
        check_equal(kernels::where(condition, a, b), expected);
      }
    const Tensor chosen =
        kernels::where(Tensor{true, false}, Tensor{1.0, not_a_number}, Tensor{not_a_number, 2.0});
    check_equal(chosen, Naive(Tensor{1.0, 2.0}));
  }

  TEST_CASE("elementwise: what is NaN, infinite and finite") {
    using kernels::Classification;
    for (const DType dtype : {float32, float64}) {
      const Tensor x({not_a_number, inf, -inf, 0, dtype == float32 ? 3e38 : 1e308, -1e-310}, dtype);
      check_equal(kernels::classify(Classification::nan, x), Naive(Tensor{1, 0, 0, 0, 0, 0}));
      check_equal(kernels::classify(Classification::infinite, x), Naive(Tensor{0, 1, 1, 0, 0, 0}));
      check_equal(kernels::classify(Classification::finite, x), Naive(Tensor{0, 0, 0, 1, 1, 1}));
      CHECK_FALSE(kernels::all_finite(x));
      CHECK(kernels::all_finite(x.rows(3, 6)));
      CHECK(kernels::all_finite(Tensor::uninitialized({0}, dtype)));
      // One element among many, at either end and between.
      for (const Index at : {0, 31'000, 99'999})
        for (const double value : {inf, -inf, not_a_number}) {
          Tensor many = RandomTensors(8)({100'000}, dtype);
          CHECK(kernels::all_finite(many));
          Tensor reals = many.to(float64);
          reals.mutable_data<double>()[at] = value;
          CHECK_FALSE(kernels::all_finite(reals.to(dtype)));
        }
    }
    for (const DType dtype : {int64, uint8, boolean}) {
      const Tensor x({0, 1}, dtype);
      check_equal(kernels::classify(Classification::nan, x), Naive(Shape{2}, 0));
      check_equal(kernels::classify(Classification::infinite, x), Naive(Shape{2}, 0));
      check_equal(kernels::classify(Classification::finite, x), Naive(Shape{2}, 1));
      CHECK(kernels::all_finite(x));
    }
  }
}
