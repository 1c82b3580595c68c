// Messages, dtypes and identities of convolution; values and derivatives are in the case table.
#include <xgrad/autograd/functional.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/conv.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>
#include <xgrad/tensor/random.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using namespace xgrad::test;

namespace {

Tensor noise(const Shape& shape, unsigned seed, DType dtype = float64) {
  Generator generator(seed);
  return normal(shape, 0, 1, dtype, generator);
}

}  // namespace

TEST_SUITE("autograd") {
  TEST_CASE("conv2d: messages name place, operation and the shapes") {
    const Variable x(zeros({2, 5, 6, 4})), w(zeros({8, 3, 3, 4}));
    const std::string channels = message_of([&] { conv2d(x, zeros({8, 3, 3, 3})); });
    const std::string place = "conv_test.cpp:" + std::to_string(__LINE__ - 1) + ": ";
    CHECK(channels == place +
                          "conv2d: the weight reads 3 channels, each group has 4: x (2, 5, 6, 4), weight "
                          "(8, 3, 3, 3) (images are (N, H, W, channels), weights (out, kernel height, kernel "
                          "width, in / groups))");
    CHECK(contains(message_of([&] {
                     conv2d(zeros({5, 6, 4}), w);
                   }),
                   "expects images (N, H, W, C), got x (5, 6, 4), weight (8, 3, 3, 4) (a single image: "
                   "unsqueeze(x, 0))"));
    CHECK(contains(message_of([&] { conv2d(x, zeros({8, 3, 4})); }), "got x (2, 5, 6, 4), weight (8, 3, 4)"));
    CHECK(contains(message_of([&] {
                     conv2d(x, zeros({8, 6, 3, 4}));
                   }),
                   "a window of 6 x 3 pixels does not fit into the padded image of 5 x 6: x (2, 5, 6, 4), "
                   "weight (8, 6, 3, 4)"));
    CHECK(contains(message_of([&] {
                     conv2d(x, w, {}, {.padding = {0, 1}, .dilation = 3});
                   }),
                   "a window of 7 x 7 pixels does not fit into the padded image of 5 x 8"));
    CHECK(contains(message_of([&] {
                     conv2d(x, zeros({8, 3, 3, 1}), {}, {.groups = 3});
                   }),
                   "groups must divide the channels, 4 in and 8 out: x (2, 5, 6, 4), weight (8, 3, 3, 1), "
                   "groups = 3"));
    CHECK(contains(message_of([&] { conv2d(x, w, Variable(zeros({4}))); }),
                   "expects a bias of shape (8,), got (4,): x (2, 5, 6, 4), weight (8, 3, 3, 4)"));
    CHECK(contains(message_of([&] {
                     conv2d(x, w, {}, {.stride = {1, 0}});
                   }),
                   "expects a stride of at least 1, got 1 x 0: x (2, 5, 6, 4)"));
    CHECK(contains(message_of([&] { conv2d(x, w, {}, {.stride = 2, .padding = Padding2d::same}); }),
                   "padding 'same' needs a stride of 1, got 2 x 2"));

    CHECK_THROWS_AS(conv2d(x, zeros({8, 3, 3, 3})), ShapeError);
    CHECK_THROWS_AS(conv2d(x, zeros({8, 6, 3, 4})), ShapeError);
    CHECK_THROWS_AS(conv2d(x, w, {}, {.groups = 3}), ValueError);
    CHECK_THROWS_AS(conv2d(x, w, {}, {.groups = 0}), ValueError);
    CHECK_THROWS_AS(conv2d(x, w, {}, {.groups = -4}), ValueError);
    CHECK_THROWS_AS(conv2d(x, w, {}, {.padding = -1}), ValueError);
    CHECK_THROWS_AS(conv2d(x, w, {}, {.padding = {{0, 0}, {0, -1}}}), ValueError);
    CHECK_THROWS_AS(conv2d(x, w, {}, {.dilation = 0}), ValueError);
    CHECK_THROWS_AS(conv2d(x, w, {}, {.stride = Index{1} << 40}), ValueError);
    CHECK_THROWS_AS(conv2d(x, zeros({8, 0, 3, 4})), ValueError);
    CHECK_THROWS_AS(conv2d(2.0, w), ShapeError);
    CHECK_THROWS_AS(conv2d(Variable(), w), GraphError);
    CHECK_THROWS_AS(conv2d(x, Variable()), GraphError);
  }

  TEST_CASE("conv2d's adjoints and conv_transpose2d: messages") {
    const Variable x(zeros({2, 5, 6, 4})), w(zeros({8, 3, 3, 4})), g(zeros({2, 3, 4, 8}));
    CHECK(conv2d_input_gradient(g, w, {2, 5, 6, 4}).shape() == Shape{2, 5, 6, 4});
    CHECK(conv2d_weight_gradient(g, x, {8, 3, 3, 4}).shape() == Shape{8, 3, 3, 4});
    CHECK(contains(message_of([&] {
                     conv2d_input_gradient(g, w, {2, 5, 5, 4});
                   }),
                   "conv2d_input_gradient: expects a gradient of shape (2, 3, 3, 8), got gradient "
                   "(2, 3, 4, 8), weight (8, 3, 3, 4)"));
    CHECK(contains(message_of([&] {
                     conv2d_weight_gradient(g, x, {8, 3, 2, 4});
                   }),
                   "conv2d_weight_gradient: expects a gradient of shape (2, 3, 5, 8), got gradient "
                   "(2, 3, 4, 8), x (2, 5, 6, 4)"));
    CHECK_THROWS_AS(conv2d_input_gradient(g, w, {5, 6, 4}), ShapeError);
    CHECK_THROWS_AS(conv2d_input_gradient(g, w, {-2, 5, 6, 4}), ShapeError);
    CHECK_THROWS_AS(conv2d_weight_gradient(g, x, {-8, 3, 3, 4}), ShapeError);

    CHECK(contains(
        message_of([&] { conv_transpose2d(x, w); }),
        "conv_transpose2d: the weight reads 8 channels, x has 4: x (2, 5, 6, 4), weight (8, 3, 3, 4) "
        "(images are (N, H, W, channels), weights (in, kernel height, kernel width, out / groups))"));
    const Variable t(zeros({4, 3, 3, 2}));
    CHECK(contains(message_of([&] { conv_transpose2d(x, t, {}, {.output_padding = 1}); }),
                   "expects output padding below stride or dilation, got 1 x 1"));
    CHECK(contains(message_of([&] {
                     conv_transpose2d(x, t, {}, {.stride = 2, .output_padding = {0, -1}});
                   }),
                   "output padding"));
    CHECK_THROWS_AS(conv_transpose2d(x, t, {}, {.stride = 2, .output_padding = {0, -1}}), ValueError);
    CHECK(contains(message_of([&] { conv_transpose2d(x, t, {}, {.padding = 5}); }),
                   "an image of 5 x 6 would give one of -3 x -2"));
    CHECK_THROWS_AS(conv_transpose2d(x, t, {}, {.padding = 5}), ShapeError);
    CHECK_THROWS_AS(conv_transpose2d(zeros({2, 0, 6, 4}), t), ShapeError);
    CHECK_THROWS_AS(conv_transpose2d(x, t, {}, {.groups = 3}), ValueError);
    CHECK_THROWS_AS(conv_transpose2d(x, t, Variable(zeros({3}))), ShapeError);
  }

  TEST_CASE("conv2d: what does not fit throws before anything is allocated") {
    const Variable one(zeros({1, 1, 1, 1})), tall(zeros({1, 2, 1, 1}));
    const auto before = memory_stats().live_bytes;
    reset_peak_memory();
    CHECK_THROWS_AS(conv2d(one, tall), ShapeError);
    // The result would have 2^64 elements.
    CHECK_THROWS_AS(conv2d(one, one, {}, {.padding = (Index{1} << 31) - 1}), ShapeError);
    CHECK(memory_stats().peak_bytes == before);
  }

  TEST_CASE("conv2d: dtypes") {
    const Tensor x = ones({1, 3, 3, 2}), w = ones({2, 2, 2, 2});
    CHECK(conv2d(x, w).dtype() == float32);
    CHECK(conv2d(x.to(uint8), w.to(float64)).dtype() == float64);
    CHECK(conv2d(x.to(uint8), w.to(int64)).dtype() == float32);
    CHECK(conv2d(x.to(uint8), w).value().at({0, 1, 1, 1}) == 8);
  }

  TEST_CASE("conv2d: a third derivative, and one through the bias") {
    const Variable x = leaf(noise({1, 3, 3, 2}, 1)), w = leaf(noise({2, 2, 2, 2}, 2)),
                   b = leaf(noise({2}, 3));
    // d/dx sum(y^2) = 2 K^T (K x + b): its derivative along v is 2 K^T K v, and does not depend on x.
    const Variable y = conv2d(x, w, b);
    const Variable first = grad(sum(y * y), x, {.create_graph = true});
    const Variable second = grad(sum(first * first), w, {.create_graph = true});
    const Variable third = grad(sum(second), b);
    CHECK(third.shape() == Shape{2});
    const double step = 1e-4;
    for (Index i = 0; i < 2; ++i) {
      const auto at = [&](double change) {
        Tensor moved = b.value();
        moved.mutable_data<double>()[i] += change;
        const Variable z = conv2d(x, w, Variable(moved));
        const Variable f = grad(sum(z * z), x, {.create_graph = true});
        return sum(grad(sum(f * f), w)).item();
      };
      CHECK(third.value().at({i}) == doctest::Approx((at(step) - at(-step)) / (2 * step)).epsilon(1e-6));
    }
  }

  TEST_CASE("padding 'same' keeps the size, also of even kernels") {
    for (const Index kernel : {1, 2, 3, 4})
      for (const Index dilation : {1, 2}) {
        const Variable y = conv2d(zeros({1, 9, 7, 1}), zeros({1, kernel, kernel, 1}), {},
                                  {.padding = Padding2d::same, .dilation = dilation});
        CHECK(y.shape() == Shape{1, 9, 7, 1});
      }
    CHECK(to_string(Padding2d(Padding2d::same)) == "same");
    CHECK(to_string(Padding2d(1, 2)) == "1 x 2");
    CHECK(to_string(Padding2d({0, 1}, {2, 2})) == "(0, 1) x 2");
  }
}
