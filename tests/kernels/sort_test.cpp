// sort and topk against insertion, line by line.
#include "support/reference.hpp"

#include <xgrad/kernels/gather.hpp>

#include <limits>
#include <utility>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr DType all_dtypes[] = {float32, float64, int64, uint8, boolean};

const std::vector<Shape> shapes{{1}, {5}, {3, 4}, {4, 0}, {2, 0, 4}, {2, 3, 4}, {6, 200}, {10, 3, 2, 5}};

/// a before b: NaN is the largest value.
bool before(double a, double b, bool descending) {
  if (descending) std::swap(a, b);
  return a < b || (std::isnan(b) && !std::isnan(a));
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("sort: sort and topk are stable and put NaN last") {
    RandomTensors random(3);
    for (const Shape& shape : shapes)
      for (Index axis = 0; axis < shape.rank(); ++axis)
        for (DType dtype : all_dtypes)
          for (bool descending : {false, true}) {
            Tensor x = random(shape, dtype);
            if (is_floating(dtype)) {
              x = random.integers(shape, -3, 3).to(float64);
              for (double& v : x.mutable_span<double>()) v = v == 3 ? not_a_number : v == -3 ? -inf : v;
              x = x.to(dtype);
            }
            const Naive values(x);
            Naive sorted(shape), places(shape);
            const Index size = shape[axis];
            for_each_index(shape, [&](Shape i) {
              if (i[axis] != 0) return;
              std::vector<Index> order;
              std::vector<double> line;
              for (i[axis] = 0; i[axis] < size; ++i[axis]) line.push_back(values[i]);
              // Insertion behind every element that does not come after it keeps equals in order.
              for (Index k = 0; k < size; ++k) {
                auto at = order.end();
                while (at != order.begin() && before(line[static_cast<std::size_t>(k)],
                                                     line[static_cast<std::size_t>(*(at - 1))], descending))
                  --at;
                order.insert(at, k);
              }
              for (i[axis] = 0; i[axis] < size; ++i[axis]) {
                const Index place = order[static_cast<std::size_t>(i[axis])];
                places[i] = static_cast<double>(place);
                sorted[i] = line[static_cast<std::size_t>(place)];
              }
            });
            const auto [sorted_values, positions] = kernels::sort(x, axis, descending);
            check_equal(sorted_values, sorted);
            check_equal(positions, places);
            CHECK(sorted_values.dtype() == dtype);
            for (Index k : {Index{0}, size / 2, size}) {
              Shape top = shape;
              top[axis] = k;
              Naive best(top), where(top);
              for_each_index(top, [&](const Shape& i) {
                best[i] = sorted[i];
                where[i] = places[i];
              });
              const auto [top_values, top_positions] = kernels::topk(x, k, axis, descending);
              check_equal(top_values, best);
              check_equal(top_positions, where);
            }
          }
    CHECK_THROWS_AS(kernels::topk(Tensor{1, 2}, 3, 0, true), ValueError);
    CHECK_THROWS_AS(kernels::topk(Tensor{1, 2}, -1, 0, true), ValueError);
    CHECK(kernels::sort(Tensor({Nested(3)}, int64).reshape({}), 0, false).first.item<Index>() == 3);
  }
}

TEST_SUITE("threads") {
  TEST_CASE("sort: positions do not depend on the number of threads") {
    RandomTensors random(4);
    for (Index axis : {0, 1}) {
      const Tensor x = axis == 0 ? random({3000, 150}) : random({150, 3000});
      const auto positions = [&](int threads) {
        const Threads scope(threads);
        return kernels::sort(x, axis, false).second;
      };
      CHECK(same_bits(positions(1), positions(4)));
    }
  }
}
