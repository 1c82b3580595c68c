// Messages, dtypes, ties and NaN of pooling; values and derivatives are in the case table.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/pooling.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/threads.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace xgrad;
using namespace xgrad::test;

TEST_SUITE("autograd") {
  TEST_CASE("max_pool2d gives all of a tie's gradient to the first in row-major order") {
    for (const DType dtype : {float32, float64}) {
      const Variable x = leaf(Tensor({{1, 3, 3}, {3, 0, 3}, {5, 5, 3}}, dtype).reshape({1, 3, 3, 1}));
      sum(max_pool2d(x, {.kernel = 2, .stride = 1})).backward();
      CHECK(
          bitwise_equal(x.grad().value().reshape({3, 3}), Tensor({{0, 2, 0}, {0, 0, 0}, {1, 1, 0}}, dtype)));
    }
    // Every one of 130 channels by itself: strips and what is left over.
    const Variable wide = leaf(ones({1, 2, 2, 130}));
    sum(max_pool2d(wide, {.kernel = 2})).backward();
    for (Index c = 0; c < 130; ++c)
      for (Index pixel = 0; pixel < 4; ++pixel)
        CHECK(wide.grad().value().at({0, pixel / 2, pixel % 2, c}) == (pixel == 0 ? 1 : 0));
  }

  TEST_CASE("max_pool2d: NaN wins, the first one takes the gradient") {
    const double nan = std::numeric_limits<double>::quiet_NaN(),
                 inf = std::numeric_limits<double>::infinity();
    for (const DType dtype : {float32, float64}) {
      const Variable x =
          leaf(Tensor({{inf, nan, -inf, -inf}, {nan, 1, -inf, -inf}}, dtype).reshape({1, 2, 4, 1}));
      const Variable y = max_pool2d(x, {.kernel = 2});
      CHECK(std::isnan(y.value().at({0, 0, 0, 0})));
      CHECK(y.value().at({0, 0, 1, 0}) == -inf);
      y.backward(Variable(full({1, 1, 2, 1}, 3, dtype)));
      CHECK(bitwise_equal(x.grad().value().reshape({2, 4}), Tensor({{0, 3, 3, 0}, {0, 0, 0, 0}}, dtype)));
    }
  }

  TEST_CASE("max_pool2d: channels side by side as one by one, fused as composed, on any number of threads") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const int threads = num_threads();
    for (const DType dtype : {float32, float64})
      for (const MaxPool2dOptions& options : {MaxPool2dOptions{.kernel = 2},
                                              {.kernel = 3, .stride = 2, .padding = 1},
                                              {.kernel = 2, .stride = 1, .dilation = 2},
                                              {.kernel = 2, .stride = 3},
                                              {.kernel = 17, .stride = 1, .padding = 8}})
        for (const Index channels : {1, 7, 16, 37}) {
          // Few values, so that there are ties, and some NaN.
          Tensor x = Tensor::uninitialized({3, 9, 10, channels}, float64);
          for (Index i = 0; i < x.count(); ++i) {
            const Index value = i * 7919 % 101 % 5;
            x.mutable_data<double>()[i] = value == 4 && i % 3 == 0 ? nan : static_cast<double>(value);
          }
          x = x.to(dtype);
          const Variable v = leaf(x), y = max_pool2d(v, options);
          GradOptions once;
          once.seeds = {Variable(normal(y.shape(), 0, 1, dtype))};
          once.retain_graph = true;
          const Tensor gradient = grad(y, v, once).value();
          once.create_graph = true;
          CHECK(allclose(grad(y, v, once).value(), gradient, {.rtol = 1e-5, .atol = 1e-6}));
          for (Index c = 0; c < channels; ++c) {
            const Variable single = leaf(slice(x, 3, {c, c + 1}).value());
            const Variable z = max_pool2d(single, options);
            CHECK(bitwise_equal(z.value(), slice(y, 3, {c, c + 1}).value()));
            GradOptions alone;
            alone.seeds = {Variable(slice(once.seeds[0], 3, {c, c + 1}).value())};
            CHECK(bitwise_equal(grad(z, single, alone).value(), slice(gradient, 3, {c, c + 1}).value()));
          }
        }
    const Variable large = leaf(normal({5, 24, 24, 33}));
    const auto run = [&](int count) {
      set_num_threads(count);
      const Variable y = max_pool2d(large, {.kernel = 3, .stride = 2});
      return std::pair{y.value(), grad(sum(y * y), large).value()};
    };
    const auto one = run(1), three = run(3);
    set_num_threads(threads);
    CHECK(bitwise_equal(one.first, three.first));
    CHECK(bitwise_equal(one.second, three.second));
  }

  TEST_CASE("max_pool2d: padding never wins, and integers keep their type") {
    const Tensor low = full({1, 1, 1, 1}, -7.0);
    CHECK(max_pool2d(low, {.kernel = 3, .stride = 1, .padding = 1}).item() == -7);
    const Variable bytes = max_pool2d(Tensor({{1, 200}, {3, 4}}, uint8).reshape({1, 2, 2, 1}), {.kernel = 2});
    CHECK(bytes.dtype() == uint8);
    CHECK(bytes.item() == 200);
    CHECK(max_pool2d(full({1, 2, 2, 1}, -3, int64), {.kernel = 2, .padding = 1}).dtype() == int64);
    CHECK_THROWS_AS(max_pool2d(zeros({1, 2, 2, 1}, boolean), {.kernel = 2}), DTypeError);
  }

  TEST_CASE("average pooling: dtypes, NaN, long sums") {
    CHECK(avg_pool2d(ones({1, 2, 2, 1}, uint8), {.kernel = 2}).dtype() == float32);
    CHECK(adaptive_avg_pool2d(ones({1, 2, 2, 1}, int64), 1).item() == 1);
    const Variable spread = avg_pool2d_input_gradient(ones({1, 1, 1, 1}, int64), {1, 2, 2, 1}, {.kernel = 2});
    CHECK(bitwise_equal(spread.value(), full({1, 2, 2, 1}, 0.25)));
    Tensor x = ones({1, 2, 4, 1});
    x.mutable_data<float>()[0] = std::nanf("");
    const Variable y = avg_pool2d(x, {.kernel = 2});
    CHECK(std::isnan(y.value().at({0, 0, 0, 0})));
    CHECK(y.value().at({0, 0, 1, 0}) == 1);
    // One float after the other would end 1e-4 from it.
    const Variable mean = adaptive_avg_pool2d(full({1, 1000, 1000, 1}, 0.1f), 1);
    CHECK(mean.item() == doctest::Approx(0.1f).epsilon(1e-7));
  }

  TEST_CASE("pooling: messages name place, operation and the shape") {
    const Variable x(zeros({2, 5, 6, 4}));
    const std::string large = message_of([&] { max_pool2d(x, {.kernel = {6, 2}}); });
    const std::string place = "pooling_test.cpp:" + std::to_string(__LINE__ - 1) + ": ";
    CHECK(large == place +
                       "max_pool2d: a window of 6 x 2 pixels does not fit into the padded image of 5 x 6: x "
                       "(2, 5, 6, 4)");
    CHECK(contains(message_of([&] {
                     max_pool2d(zeros({5, 6, 4}), {.kernel = 2});
                   }),
                   "expects images (N, H, W, C), got x (5, 6, 4) (a single image: unsqueeze(x, 0))"));
    CHECK(contains(message_of([&] { avg_pool2d(x, {.kernel = 0, .stride = 1}); }),
                   "avg_pool2d: expects a kernel of at least 1, got 0 x 0: x (2, 5, 6, 4)"));
    CHECK(contains(message_of([&] { max_pool2d(x, {.kernel = 2, .padding = 2}); }),
                   "a window holds nothing but padding: x (2, 5, 6, 4) (use less padding)"));
    CHECK(contains(message_of([&] {
                     adaptive_avg_pool2d(x, {0, 2});
                   }),
                   "adaptive_avg_pool2d: expects an output of at least 1, got 0 x 2: x (2, 5, 6, 4)"));
    CHECK(contains(message_of([&] {
                     avg_pool2d_input_gradient(zeros({2, 2, 2, 4}), {2, 5, 6, 4}, {.kernel = 2});
                   }),
                   "expects a gradient of shape (2, 2, 3, 4), got (2, 2, 2, 4): x (2, 5, 6, 4)"));

    CHECK_THROWS_AS(max_pool2d(x, {.kernel = {6, 2}}), ShapeError);
    CHECK_THROWS_AS(max_pool2d(x, {.kernel = 2, .padding = 2}), ShapeError);
    CHECK_THROWS_AS(max_pool2d(x, {.kernel = 2, .stride = -1}), ValueError);
    CHECK_THROWS_AS(max_pool2d(x, {.kernel = 2, .dilation = 0}), ValueError);
    CHECK_THROWS_AS(max_pool2d(zeros({1, 0, 2, 1}), {.kernel = 2, .padding = 1}), ShapeError);
    // The taps step over the one pixel there is.
    CHECK_THROWS_AS(max_pool2d(zeros({1, 1, 1, 1}), {.kernel = 2, .padding = 1, .dilation = 2}), ShapeError);
    CHECK_THROWS_AS(adaptive_avg_pool2d(zeros({1, 0, 2, 1}), 1), ShapeError);
    CHECK_THROWS_AS(adaptive_avg_pool2d(x, -1), ValueError);
    CHECK_THROWS_AS(adaptive_avg_pool2d_input_gradient(zeros({2, 2, 2, 3}), {2, 5, 6, 4}), ShapeError);
    CHECK_THROWS_AS(adaptive_avg_pool2d_input_gradient(zeros({2, 2}), {2, 5, 6, 4}), ShapeError);
    CHECK_THROWS_AS(avg_pool2d_input_gradient(zeros({2, 2, 2, 4}), {5, 6, 4}, {.kernel = 2}), ShapeError);
    CHECK_THROWS_AS(max_pool2d(Variable(), {.kernel = 2}), GraphError);
  }

  TEST_CASE("global average pooling is the mean over the pixels") {
    Tensor x = Tensor::uninitialized({2, 3, 5, 4}, float64);
    for (Index i = 0; i < x.count(); ++i) x.mutable_data<double>()[i] = std::sin(static_cast<double>(i));
    CHECK(allclose(adaptive_avg_pool2d(x, 1).value(), mean(x, {1, 2}, {.keepdims = true}).value(),
                   {.rtol = 1e-13, .atol = 1e-15}));
  }
}
