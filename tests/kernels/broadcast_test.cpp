// Runs over broadcast operands: every element of the result once, and beside it the operands' own elements.
#include "support/reference.hpp"

#include <xgrad/kernels/broadcast.hpp>

#include <atomic>
#include <vector>

using namespace xgrad;
using namespace xgrad::test;

namespace {

/// Operands hold their own flat positions; each run is compared with full indices.
template <std::size_t N>
void check_runs(const std::array<Shape, N>& shapes) {
  std::array<Tensor, N> tensors;
  std::array<const Tensor*, N> operands;
  for (std::size_t k = 0; k < N; ++k) {
    tensors[k] = Tensor::uninitialized(shapes[k], int64);
    Index next = 0;
    for (Index& value : tensors[k].template mutable_span<Index>()) value = next++;
    operands[k] = &tensors[k];
  }
  const Shape shape = kernels::broadcast_shape<N>(operands);
  std::vector<std::array<Index, N>> expected;
  for_each_index(shape, [&](const Shape& index) {
    std::array<Index, N> own;
    for (std::size_t k = 0; k < N; ++k) {
      own[k] = 0;
      for (Index i = 0; i < shapes[k].rank(); ++i)
        own[k] = own[k] * shapes[k][i] + (shapes[k][i] == 1 ? 0 : index[index.rank() - shapes[k].rank() + i]);
    }
    expected.push_back(own);
  });
  std::vector<std::atomic<int>> seen(expected.size());
  std::atomic<int> wrong{0};
  kernels::for_each_run<N>(operands, shape,
                           [&](const auto& data, const auto& steps, Index position, Index n) {
                             for (Index i = 0; i < n; ++i) {
                               const auto at = static_cast<std::size_t>(position + i);
                               ++seen[at];
                               for (std::size_t k = 0; k < N; ++k) {
                                 if (steps[k] != 0 && steps[k] != 1) ++wrong;
                                 if (reinterpret_cast<const Index*>(data[k])[i * steps[k]] != expected[at][k])
                                   ++wrong;
                               }
                             }
                           });
  CHECK(wrong == 0);
  CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& times) { return times == 1; }));
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE(
      "broadcast: runs cover the result once, with the operands' own elements, on any number of threads") {
    for (const int threads : {1, 3}) {
      const Threads scope(threads);
      for (const auto& [a, b] : std::vector<std::array<Shape, 2>>{{Shape{}, Shape{}},
                                                                  {Shape{1}, Shape{1}},
                                                                  {Shape{5}, Shape{}},
                                                                  {Shape{0, 3}, Shape{3}},
                                                                  {Shape{3, 4}, Shape{4}},
                                                                  {Shape{3, 1}, Shape{1, 4}},
                                                                  {Shape{2, 1, 5, 1}, Shape{3, 1, 6}},
                                                                  {Shape{7, 3, 4, 5}, Shape{3, 1, 5}},
                                                                  {Shape{40, 3}, Shape{40, 1}},
                                                                  {Shape{5, 1, 70}, Shape{5, 3, 1}},
                                                                  {Shape{2, 3, 4, 50}, Shape{3, 4, 50}},
                                                                  // enough for several threads
                                                                  {Shape{2, 3, 70, 101}, Shape{3, 1, 101}},
                                                                  {Shape{301, 1}, Shape{211}}}) {
        const auto shown_a = to_string(a);
        CAPTURE(shown_a);
        const auto shown_b = to_string(b);
        CAPTURE(shown_b);
        check_runs<2>({a, b});
        check_runs<2>({b, a});
        check_runs<3>({a, b, Shape{1}});
      }
      RandomTensors random(1);
      for (int i = 0; i < 60; ++i) {
        // Three operands, each with some axes of a common shape.
        const Shape common = random.shape(5);
        std::array<Shape, 3> shapes;
        for (Shape& own : shapes) {
          const Index skipped = random.integer(0, common.rank());
          for (Index axis = skipped; axis < common.rank(); ++axis)
            own.push_back(random.integer(0, 2) == 0 ? 1 : common[axis]);
        }
        CAPTURE(to_string(common));
        check_runs<3>(shapes);
      }
    }
  }

  TEST_CASE("broadcast: shapes that do not meet throw") {
    const Tensor a = Tensor::uninitialized({3}, float32), b = Tensor::uninitialized({4}, float32);
    CHECK_THROWS_AS(kernels::broadcast_shape<2>({&a, &b}), ShapeError);
  }
}
