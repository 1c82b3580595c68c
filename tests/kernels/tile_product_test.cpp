// Products of small matrices against loops: every number of rows, padded columns, either order of the left
// one.
#include "support/reference.hpp"

#include <xgrad/kernels/tile_product.hpp>

#include <vector>

using namespace xgrad;
using namespace xgrad::test;

TEST_SUITE("tensor") {
  TEST_CASE_TEMPLATE("tile product: sums over the inner index, alone or added, of small integers", T, float,
                     double) {
    // Whole vectors of any processor.
    constexpr Index widest = 64 / Index{sizeof(T)};
    RandomTensors random(1);
    const auto integers = [&](Index count) {
      std::vector<T> values(static_cast<std::size_t>(count));
      for (T& value : values) value = static_cast<T>(random.integer(-3, 3));
      return values;
    };
    for (const Index rows : {0, 1, 2, 3, 7, 8, 9, 13, 20})
      for (const Index wanted : {1, 5, 16, 17, 40})
        for (const Index inner : {0, 1, 2, 19})
          for (const bool turned : {false, true})
            for (const bool add : {false, true}) {
              const Index columns = (wanted + widest - 1) / widest * widest, row_b = columns + 3,
                          row_c = columns + 5;
              CAPTURE(rows);
              CAPTURE(columns);
              CAPTURE(inner);
              const std::vector<T> a = integers(rows * inner + 1), b = integers(inner * row_b + 1);
              std::vector<T> c = integers(rows * row_c + 1);
              const Index row_a = turned ? 1 : inner, inner_a = turned ? rows : 1;
              std::vector<T> expected = c;  // with what stands between its rows
              const auto at = [](Index i) { return static_cast<std::size_t>(i); };
              for (Index i = 0; i < rows; ++i)
                for (Index j = 0; j < columns; ++j) {
                  T sum = add ? c[at(i * row_c + j)] : T(0);
                  for (Index k = 0; k < inner; ++k)
                    sum += a[at(i * row_a + k * inner_a)] * b[at(k * row_b + j)];
                  expected[at(i * row_c + j)] = sum;
                }
              detail::multiply(detail::TileProduct<T>{.rows = rows,
                                                      .columns = columns,
                                                      .inner = inner,
                                                      .a = a.data(),
                                                      .row_a = row_a,
                                                      .inner_a = inner_a,
                                                      .b = b.data(),
                                                      .row_b = row_b,
                                                      .c = c.data(),
                                                      .row_c = row_c,
                                                      .add = add});
              CHECK(c == expected);
            }
  }
}
