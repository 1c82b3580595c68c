// Folds of an (outer, size, inner) array against plain loops, over every division into runs, strips and
// blocks.
#include "support/reference.hpp"

#include <xgrad/kernels/fold.hpp>

#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

using detail::Addition;
using detail::Elements;
using detail::Extreme;
using detail::Magnitudes;
using detail::Multiplication;
using detail::Products;

const std::vector<std::array<Index, 3>> sizes{
    {1, 0, 1},    {2, 0, 3},    {0, 4, 2},    {3, 4, 0},      {1, 1, 1},     {1, 7, 1},    {3, 5, 1},
    {2, 100, 1},  {1, 4096, 1}, {2, 4097, 1}, {1, 30'000, 1}, {1, 1, 5},     {2, 3, 5},    {1, 700, 3},
    {2, 9000, 2}, {1, 300, 64}, {3, 70, 255}, {1, 5, 256},    {2, 600, 257}, {1, 70, 1000}};

/// The fold in double, or in the integer type.
template <class Value, class Term, class Combine>
std::vector<Value> folded(const std::array<Index, 3>& plan, Value start, Term term, Combine combine) {
  const auto [outer, size, inner] = plan;
  std::vector<Value> result(static_cast<std::size_t>(outer * inner), start);
  for (Index o = 0; o < outer; ++o)
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j < inner; ++j) {
        Value& to = result[static_cast<std::size_t>(o * inner + j)];
        to = combine(to, term((o * size + i) * inner + j));
      }
  return result;
}

template <class Op, class Terms>
std::vector<typename Op::Value> fold(const Terms& terms, const std::array<Index, 3>& plan) {
  // No vector of bools has data.
  const auto count = static_cast<std::size_t>(plan[0] * plan[2]);
  const auto out = std::make_unique<typename Op::Value[]>(count);
  detail::fold<Op>(terms, {plan[0], plan[1], plan[2]}, out.get());
  return std::vector<typename Op::Value>(out.get(), out.get() + count);
}

template <class T, class V>
double worst(const std::vector<T>& actual, const std::vector<V>& expected) {
  REQUIRE(actual.size() == expected.size());
  double result = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const auto a = static_cast<double>(actual[i]), e = static_cast<double>(expected[i]);
    if (a != e) result = std::max(result, std::abs(a - e) / std::max(1.0, std::abs(e)));
  }
  return result;
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE_TEMPLATE("fold: sums, products and extremes of reals are those of a loop", T, float, double) {
    const double close = std::is_same_v<T, float> ? 2e-5 : 1e-12;
    RandomTensors random(1);
    for (const auto& plan : sizes) {
      CAPTURE(plan[0]);
      CAPTURE(plan[1]);
      CAPTURE(plan[2]);
      const Tensor a = random({plan[0] * plan[1] * plan[2]}, dtype_of<T>), b = random(a.shape(), a.dtype());
      const T *x = a.data<T>(), *y = b.data<T>();
      const auto at = [x](Index i) { return double{x[i]}; };
      const auto plus = [](double p, double q) { return p + q; };
      CHECK(worst(fold<Addition<T>>(Elements<T>{x}, plan), folded(plan, 0.0, at, plus)) < 20 * close);
      CHECK(worst(fold<Addition<T>>(Magnitudes<T>{x}, plan),
                  folded(
                      plan, 0.0, [x](Index i) { return std::abs(double{x[i]}); }, plus)) < close);
      CHECK(worst(fold<Addition<T>>(Products<T>{x, y}, plan),
                  folded(
                      plan, 0.0, [x, y](Index i) { return double{x[i]} * double{y[i]}; }, plus)) <
            20 * close);
      const double inf = std::numeric_limits<double>::infinity();
      CHECK(worst(fold<Extreme<T, true>>(Elements<T>{x}, plan),
                  folded(plan, -inf, at, [](double p, double q) { return std::max(p, q); })) == 0);
      CHECK(worst(fold<Extreme<T, false>>(Elements<T>{x}, plan),
                  folded(plan, inf, at, [](double p, double q) { return std::min(p, q); })) == 0);
      if (plan[1] <= 100)
        CHECK(worst(fold<Multiplication<T>>(Elements<T>{x}, plan),
                    folded(plan, 1.0, at, [](double p, double q) { return p * q; })) < 20 * close);
    }
  }

  TEST_CASE("fold: integers are exact and wrap, bools are or and and") {
    RandomTensors random(2);
    for (const auto& plan : sizes) {
      const Shape shape{plan[0] * plan[1] * plan[2]};
      const Tensor a = random.integers(shape, INT64_MIN, INT64_MAX), b = random(shape, boolean);
      const Index* x = a.data<Index>();
      const auto word = [x](Index i) { return static_cast<std::uint64_t>(x[i]); };
      const auto exact = [](const std::vector<Index>& values) {
        return std::vector<std::uint64_t>(values.begin(), values.end());
      };
      CHECK(exact(fold<Addition<Index>>(Elements<Index>{x}, plan)) ==
            folded(plan, std::uint64_t{0}, word, [](auto p, auto q) { return p + q; }));
      CHECK(exact(fold<Multiplication<Index>>(Elements<Index>{x}, plan)) ==
            folded(plan, std::uint64_t{1}, word, [](auto p, auto q) { return p * q; }));
      CHECK(fold<Extreme<Index, true>>(Elements<Index>{x}, plan) ==
            folded(
                plan, INT64_MIN, [x](Index i) { return x[i]; },
                [](Index p, Index q) { return std::max(p, q); }));
      const bool* truth = b.data<bool>();
      const auto bit = [truth](Index i) { return int{truth[i]}; };
      CHECK(worst(fold<Extreme<bool, true>>(Elements<bool>{truth}, plan),
                  folded(plan, 0, bit, [](int p, int q) { return p | q; })) == 0);
      CHECK(worst(fold<Extreme<bool, false>>(Elements<bool>{truth}, plan),
                  folded(plan, 1, bit, [](int p, int q) { return p & q; })) == 0);
    }
  }

  TEST_CASE("fold: a run may begin and end anywhere") {
    const Tensor x = RandomTensors(3)({3000}, float64);
    const double* values = x.data<double>();
    for (const Index begin : {0, 1, 5, 63})
      for (const Index count : {0, 1, 2, 3, 7, 8, 15, 31, 32, 33, 64, 127, 512, 1000, 2900}) {
        double expected = 0;
        for (Index i = begin; i < begin + count; ++i) expected += values[i];
        CHECK(detail::fold_run<Addition<double>>(Elements<double>{values}, begin, count) ==
              doctest::Approx(expected).epsilon(1e-12));
      }
  }

  TEST_CASE("fold: long sums of one number lose few digits") {
    for (const Index count : {Index{100'000}, Index{3'000'001}}) {
      const std::vector<float> tenth(static_cast<std::size_t>(count), 0.1F);
      for (const std::array<Index, 3>& plan :
           {std::array<Index, 3>{1, count, 1}, std::array<Index, 3>{1, count / 3, 3}}) {
        const auto sums = fold<Addition<float>>(Elements<float>{tenth.data()}, plan);
        const double expected = double{0.1F} * static_cast<double>(plan[1]);
        for (const float sum : sums) CHECK(std::abs(double{sum} / expected - 1) < 2e-6);
      }
    }
  }

  TEST_CASE("fold: axes are reduced one run of neighbours after the other") {
    const Tensor x = RandomTensors(4)({3, 4, 5, 2}, float64);
    const Naive values(x);
    for (const IndexList& axes : {IndexList{}, IndexList{0}, IndexList{1, 2}, IndexList{0, 3},
                                  IndexList{0, 2, 3}, IndexList{0, 1, 2, 3}, IndexList{1, 3}}) {
      CAPTURE(to_string(axes));
      Naive expected(without(x.shape(), axes));
      for_each_index(x.shape(), [&](const Shape& i) { expected[without(i, axes)] += values[i]; });
      int firsts = 0;
      const Tensor result =
          detail::reduce_axes(x, axes, [&](const Tensor& part, const auto& plan, bool first) {
            firsts += first ? 1 : 0;
            CHECK(part.count() == plan.outer * plan.size * plan.inner);
            Tensor sums = Tensor::uninitialized({plan.outer, plan.inner}, float64);
            detail::fold<Addition<double>>(Elements<double>{part.data<double>()}, plan,
                                           sums.mutable_data<double>());
            return sums;
          });
      CHECK(firsts == 1);
      check_equal(result, expected, 1e-12);
    }
  }

  TEST_CASE("fold: an array along one axis is outer x size x inner") {
    for (const auto& [shape, axis, expected] :
         std::vector<std::tuple<Shape, Index, std::array<Index, 3>>>{{{2, 3, 4}, 0, {1, 2, 12}},
                                                                     {{2, 3, 4}, 1, {2, 3, 4}},
                                                                     {{2, 3, 4}, 2, {6, 4, 1}},
                                                                     {{2, 0, 4}, 1, {2, 0, 4}},
                                                                     {{}, 0, {1, 1, 1}}}) {
      const auto plan = detail::plan_along(shape, axis);
      CHECK(std::array{plan.outer, plan.size, plan.inner} == expected);
    }
  }
}

TEST_SUITE("threads") {
  TEST_CASE("fold: the same bits on any number of threads") {
    RandomTensors random(5);
    for (const std::array<Index, 3>& plan :
         {std::array<Index, 3>{1, 300'000, 1}, std::array<Index, 3>{3, 50'000, 3},
          std::array<Index, 3>{1, 3000, 300}, std::array<Index, 3>{500, 300, 1}}) {
      const Tensor x = random({plan[0] * plan[1] * plan[2]});
      const auto sums = [&](int threads) {
        const Threads scope(threads);
        return fold<Addition<float>>(Elements<float>{x.data<float>()}, plan);
      };
      CHECK(sums(1) == sums(5));
    }
  }
}
