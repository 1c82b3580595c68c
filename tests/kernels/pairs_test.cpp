// Products over pairs of rows against loops that leave out what is hidden.
#include "support/reference.hpp"

#include <xgrad/kernels/pairs.hpp>

#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Batches {
  Shape first, second, allowed;  ///< shapes before the last two axes; `allowed` has all of its own
};

Shape with(Shape batch, Index rows, Index columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}

/// An index of the result, told for an operand that broadcasts in its batch axes.
Shape own(const Shape& index, const Shape& shape, Index row, Index column) {
  Shape result = shape;
  for (Index i = 0; i < shape.rank() - 2; ++i)
    result[i] = shape[i] == 1 ? 0 : index[index.rank() - shape.rank() + i];
  result[shape.rank() - 2] = row;
  result[shape.rank() - 1] = column;
  return result;
}

bool sees(const Naive& allowed, const Shape& index, Index i, Index j) {
  Shape at = allowed.shape;
  Shape full = index;
  full[full.rank() - 2] = i;
  full[full.rank() - 1] = j;
  for (Index k = 0; k < at.rank(); ++k) at[k] = at[k] == 1 ? 0 : full[full.rank() - at.rank() + k];
  return allowed[at] != 0;
}

const std::vector<Batches> batches{
    {{}, {}, {3, 4}}, {{2}, {2}, {2, 3, 4}}, {{2}, {}, {4}}, {{5, 1}, {1, 2}, {3, 1}}, {{0}, {1}, {3, 4}}};

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("pairs: products where allowed, the hidden number elsewhere") {
    RandomTensors random(1);
    const Index rows = 3, columns = 4;
    for (const auto& [first, second, to_allowed] : batches)
      for (const DType dtype : {float32, float64})
        for (const Index depth : {0, 1, 5}) {
          const auto shown_first = to_string(first);
          CAPTURE(shown_first);
          const auto shown_second = to_string(second);
          CAPTURE(shown_second);
          Tensor x = random(with(first, rows, depth), float64),
                 y = random(with(second, columns, depth), dtype);
          if (x.count() > 2) x.mutable_data<double>()[1] = not_a_number;
          x = x.to(dtype);
          const Tensor allowed = random(to_allowed, boolean);
          const Naive a(x), b(y), may(allowed);
          Naive expected(with(broadcast_shapes(first, second), rows, columns));
          for_each_index(expected.shape, [&](const Shape& at) {
            const Index i = at[at.rank() - 2], j = at[at.rank() - 1];
            double sum = 0;
            for (Index k = 0; k < depth; ++k) sum += a[own(at, a.shape, i, k)] * b[own(at, b.shape, j, k)];
            expected[at] = sees(may, at, i, j) ? sum : -7;
          });
          check_equal(kernels::pair_products(x, y, allowed, -7), expected, dtype == float32 ? 1e-5 : 1e-12);
        }
  }

  TEST_CASE("pairs: weighted sums in either direction, of rows that are finite or not") {
    RandomTensors random(2);
    const Index rows = 3, columns = 4;
    for (const auto& [first, second, to_allowed] : batches)
      for (const DType dtype : {float32, float64})
        for (const Index width : {0, 1, 5})
          for (const bool transposed : {false, true})
            for (const double strange : {0.0, inf, not_a_number}) {
              const auto shown_first = to_string(first);
              CAPTURE(shown_first);
              const auto shown_second = to_string(second);
              CAPTURE(shown_second);
              CAPTURE(transposed);
              CAPTURE(strange);
              const Tensor allowed = random(to_allowed, boolean);
              const Naive may(allowed);
              // What is hidden of w is 0: the same for all of w, for which the whole batch is looked at.
              const Shape all = with(broadcast_shapes(first, second), rows, columns);
              Naive hidden(with(first, rows, columns));
              for_each_index(all, [&](const Shape& at) {
                const Index i = at[at.rank() - 2], j = at[at.rank() - 1];
                if (!sees(may, at, i, j)) hidden[own(at, hidden.shape, i, j)] = 1;
              });
              Tensor w = random(hidden.shape, float64),
                     x = random(with(second, transposed ? rows : columns, width), float64);
              for (std::size_t i = 0; i < hidden.values.size(); ++i)
                if (hidden.values[i] != 0) w.mutable_data<double>()[i] = 0;
              if (x.count() > 0 && strange != 0) x.mutable_data<double>()[0] = strange;
              w = w.to(dtype);
              x = x.to(dtype);
              const Naive weights(w), values(x);
              Naive expected(with(broadcast_shapes(first, second), transposed ? columns : rows, width));
              for_each_index(expected.shape, [&](const Shape& at) {
                const Index out = at[at.rank() - 2], c = at[at.rank() - 1];
                for (Index other = 0; other < (transposed ? rows : columns); ++other) {
                  const Index i = transposed ? other : out, j = transposed ? out : other;
                  if (sees(may, at, i, j))
                    expected[at] +=
                        weights[own(at, weights.shape, i, j)] * values[own(at, values.shape, other, c)];
                }
              });
              check_equal(kernels::pair_sums(w, x, allowed, transposed), expected,
                          dtype == float32 ? 1e-5 : 1e-12);
            }
  }
}
