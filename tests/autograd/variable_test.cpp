// Leaves and recording: what requires a gradient, what is recorded, what is saved.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace xgrad;

using namespace xgrad::test;

TEST_CASE("variables require no gradient by default, and nothing is recorded for them") {
  const Variable x(ones({2}));
  const Variable y = exp(x * 2) + 1;
  CHECK_FALSE(x.requires_grad());
  CHECK_FALSE(y.requires_grad());
  CHECK(y.is_leaf());
  CHECK(std::string(y.operation()) == "constant");
}

TEST_CASE("an output requires a gradient if any input does") {
  const Variable x = leaf(ones({2})), c(ones({2}));
  CHECK((x + c).requires_grad());
  CHECK((c + x).requires_grad());
  CHECK_FALSE((x + c).is_leaf());
  CHECK(x.is_leaf());
}

TEST_CASE("integers, bytes and bools cannot require gradients") {
  for (DType dtype : {int64, uint8, boolean}) {
    CHECK_THROWS_AS(Variable(ones({2}, dtype), {.requires_grad = true}), DTypeError);
    Variable x(ones({2}, dtype));
    CHECK_THROWS_AS(x.set_requires_grad(true), DTypeError);
    CHECK_FALSE(x.requires_grad());
  }
}

TEST_CASE("requires_grad changes on leaves only") {
  Variable x = leaf(ones({2}));
  x.set_requires_grad(false);
  CHECK_FALSE((x * 2).requires_grad());
  x.set_requires_grad(true);
  Variable y = x * 2;
  CHECK(contains(message_of([&] { y.set_requires_grad(false); }), "detach"));
  CHECK(y.requires_grad());
}

TEST_CASE("comparisons, argmax and tests give constants") {
  const Variable x = leaf(Tensor{1.0, -2.0});
  for (const Variable& y : {x > 0, x == x, argmax(x), isnan(x), isfinite(x), logical_not(x)})
    CHECK_FALSE(y.requires_grad());
}

TEST_CASE("the gradient of an untouched leaf is undefined and stays so") {
  const Variable x = leaf(ones({2})), other = leaf(ones({2}));
  CHECK_FALSE(x.grad().defined());
  sum(x * 3).backward();
  CHECK(x.grad().defined());
  CHECK_FALSE(other.grad().defined());
}

TEST_CASE("a gradient of wrong shape or dtype cannot be assigned") {
  Variable x = leaf(ones({2}));
  CHECK_THROWS_AS(x.set_grad(ones({3})), ShapeError);
  CHECK_THROWS_AS(x.set_grad(ones({2}, float64)), DTypeError);
  CHECK_FALSE(x.grad().defined());
  x.set_grad(full({2}, 5));
  CHECK(x.grad().value().at({1}) == 5);
  x.clear_grad();
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("only what a rule needs is saved") {
  const Variable x = leaf(ones({1000}));
  const std::size_t before = memory_stats().live_bytes;
  const Variable sum_of_both = x + x;
  CHECK(memory_stats().live_bytes == before + 4000);  // the value alone
  {
    const Variable c(ones({1000}));
    Variable product = x * c;
    CHECK(memory_stats().live_bytes == before + 3 * 4000);
    Variable later = product + 1;
    product = {};
    CHECK(memory_stats().live_bytes == before + 3 * 4000);  // sum, c, later: the product is not needed
  }
  CHECK(memory_stats().live_bytes == before + 4000);
}

TEST_CASE("the same variable used twice receives both contributions") {
  const Variable x = leaf(Tensor{3.0});
  sum(x * x + x).backward();
  CHECK(x.grad().item() == 7);
}

TEST_CASE("undefined variables give a clean throw") {
  Variable x = leaf(ones({2}));
  const Variable moved = std::move(x);
  const Variable undefined;
  for (const Variable& bad : {x, undefined}) {
    CHECK_THROWS_AS(bad + 1, GraphError);
    CHECK_THROWS_AS(1 - bad, GraphError);
    CHECK_THROWS_AS(exp(bad), GraphError);
    CHECK_THROWS_AS(matmul(moved, bad), GraphError);
    CHECK_THROWS_AS(sum(bad), GraphError);
    CHECK_THROWS_AS(concat({moved, bad}), GraphError);
    CHECK_THROWS_AS(bad.backward(), GraphError);
    CHECK_THROWS_AS((void)bad.value(), GraphError);
    CHECK_THROWS_AS((void)bad.shape(), GraphError);
  }
}

TEST_CASE("writing into a value after it was saved never changes a gradient") {
  Variable x = leaf(Tensor{2.0, 3.0});
  const Variable y = sum(x * x);
  x.mutable_data<float>()[0] = 100;
  y.backward();
  CHECK(x.grad().value().at({0}) == 4);
  CHECK(x.value().at({0}) == 100);
}

TEST_CASE("detach shares the value but not the writes") {
  Variable x = leaf(Tensor{2.0, 3.0});
  Variable d = x.detach();
  CHECK_FALSE(d.requires_grad());
  CHECK(d.value().shares_storage_with(x.value()));
  d.mutable_data<float>()[0] = 7;
  CHECK(x.value().at({0}) == 2);
  x.mutable_data<float>()[1] = 9;
  CHECK(d.value().at({1}) == 3);
}

TEST_CASE("the members of Variable that are operations are recorded, and throw as Tensor's do") {
  const Variable x = leaf(Tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}));
  CHECK(x.at({2, -1}) == 6);
  CHECK(x.at<int>({0, 0}) == 1);
  CHECK_THROWS_AS(x.at({3, 0}), IndexError);
  sum(x.reshape({-1}) * Tensor{1, 2, 3, 4, 5, 6}).backward();
  CHECK(bitwise_equal(x.grad().value(), Tensor({{1, 2}, {3, 4}, {5, 6}}, float32)));
  x.detach();
  Variable y = x;
  y.clear_grad();
  const Variable middle = x.rows(1, 2);
  CHECK(bitwise_equal(middle.value(), Tensor{{3.0, 4.0}}));
  sum(middle).backward();
  CHECK(bitwise_equal(x.grad().value(), Tensor({{0, 0}, {1, 1}, {0, 0}}, float32)));
  CHECK(x.to(float64).dtype() == float64);
  CHECK(x.to(float64).requires_grad());
  const auto line = [](const Error& error) {
    return std::string(error.what()).find("variable_test.cpp:") == 0;
  };
  const auto names_line = [&](const auto& f) {
    try {
      f();
    } catch (const Error& error) {
      return line(error);
    }
    return false;
  };
  CHECK(names_line([&] { return x.reshape({4}); }));
  CHECK(names_line([&] { return x.rows(2, 4); }));
  CHECK(names_line([&] { return x.rows(-1, 2); }));
  CHECK(names_line([&] { return Variable().to(int64); }));
  CHECK_THROWS_AS(x.rows(0, 4), IndexError);
}

TEST_CASE("comparisons and factories take Variables") {
  const Variable x = leaf(Tensor({1.0, 2.0}, float64));
  CHECK(allclose(x, Tensor({1.0, 2.0}, float64)));
  CHECK_FALSE(allclose(x, x + 1e-3));
  CHECK(bitwise_equal(zeros_like(x), zeros({2}, float64)));
  CHECK(bitwise_equal(ones_like(x), ones({2}, float64)));
  CHECK(bitwise_equal(full_like(x, 3), full({2}, 3, float64)));
  CHECK_THROWS_AS(allclose(Variable(), x), GraphError);
  CHECK_THROWS_AS(full_like(Variable(), 1), GraphError);
}

TEST_CASE("joining takes Tensors, in a vector or in braces") {
  const std::vector<Tensor> parts{Tensor{1, 2}, Tensor{3, 4}};
  CHECK(bitwise_equal(concat(parts).value(), Tensor{1, 2, 3, 4}));
  CHECK(bitwise_equal(stack(parts, 1).value(), Tensor{{1, 3}, {2, 4}}));
  CHECK(bitwise_equal(concat({parts[0], parts[1]}).value(), Tensor{1, 2, 3, 4}));
  CHECK_THROWS_AS(concat(std::vector<Tensor>()), ValueError);
}

TEST_CASE("the elements are written in place, off the tape, for all handles") {
  Variable x = leaf(Tensor{1.0, 2.0}), handle = x;
  const Variable y = x * x;
  x.mutable_data<float>()[0] = 5;
  for (float& element : x.mutable_span<float>()) element += 1;
  CHECK(bitwise_equal(handle.value(), Tensor{6.0, 3.0}));
  sum(y).backward();
  CHECK(bitwise_equal(x.grad().value(), Tensor{2.0, 4.0}));
  CHECK_THROWS_AS(x.mutable_data<double>(), DTypeError);
}

TEST_CASE("set_value keeps shape and dtype") {
  Variable x = leaf(ones({2}));
  CHECK_THROWS_AS(x.set_value(ones({3})), ShapeError);
  CHECK_THROWS_AS(x.set_value(ones({2}, float64)), DTypeError);
  x.set_value(full({2}, 4));
  CHECK(x.value().at({0}) == 4);
  CHECK(x.is_leaf());
}

TEST_CASE("compound assignment rebinds a result and refuses a leaf that requires a gradient") {
  const Variable x = leaf(Tensor{2.0});
  Variable y = x * 1;
  const Variable old = y;
  y += 3;
  y *= 2;
  CHECK(y.item() == 10);
  CHECK(old.item() == 2);
  sum(y).backward();
  CHECK(x.grad().item() == 2);

  Variable weight = leaf(Tensor{2.0});
  const std::string text = message_of([&] { weight += 1; });
  CHECK(contains(text, "variable_test.cpp:" + std::to_string(__LINE__ - 1)));
  CHECK(contains(text, "set_value"));
  CHECK_THROWS_AS(weight -= 1, GraphError);
  CHECK_THROWS_AS(weight *= 2, GraphError);
  CHECK_THROWS_AS(weight /= 2, GraphError);
  CHECK(weight.item() == 2);
  Variable constant{Tensor{2.0}};
  constant += 1;
  CHECK(constant.item() == 3);
}

TEST_CASE("errors name the user's line, the operation and both shapes") {
  const Variable a = leaf(ones({64, 128})), b = leaf(ones({100, 10}));
  const std::string text = message_of([&] { matmul(a, b); });
  CHECK(contains(text, "variable_test.cpp:" + std::to_string(__LINE__ - 1)));
  CHECK(contains(text, "matmul"));
  CHECK(contains(text, "(64, 128)"));
  CHECK(contains(text, "(100, 10)"));
  const std::string sum_text = message_of([&] { a + b; });
  CHECK(contains(sum_text, "variable_test.cpp:" + std::to_string(__LINE__ - 1) + ": add"));
  const std::string seed = message_of([&] { (a * 2).backward(); });
  CHECK(contains(seed, "variable_test.cpp:" + std::to_string(__LINE__ - 1) + ": backward"));
}

TEST_CASE("dtypes meet by category, then axes, then width") {
  const Variable f32(ones({2})), f64(ones({2}, float64)), i64(ones({2}, int64)), b(ones({2}, boolean));
  CHECK((f32 + f64).dtype() == float64);
  CHECK((i64 + f32).dtype() == float32);
  CHECK((i64 + 1).dtype() == int64);
  CHECK((i64 + 1.5).dtype() == float32);
  CHECK((b + i64).dtype() == int64);
  CHECK((f32 * 2.5).dtype() == float32);
  CHECK((f64 * 2).dtype() == float64);
  CHECK((f32 + scalar(1.0, float64)).dtype() == float32);
  CHECK((i64 / i64).dtype() == float32);
  CHECK(exp(i64).dtype() == float32);
  const Variable x = leaf(ones({2})), y = leaf(ones({2}, float64));
  sum(x * y).backward();
  CHECK(x.grad().dtype() == float32);
  CHECK(y.grad().dtype() == float64);
}
