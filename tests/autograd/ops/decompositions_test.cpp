// Linear equations and factorisations against NumPy, known matrices, and what must be refused.
#include "goldens/linalg.hpp"
#include "support/leaf.hpp"

#include <xgrad/autograd/functional.hpp>
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/decompositions.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/threads.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace {

using namespace xgrad;
using test::contains;
using test::leaf;
using test::message_of;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Tensor golden(const std::string& name, const Shape& shape = {-1}) {
  return Tensor::from(goldens::linalg.at(name), shape);
}

double largest(const Tensor& x) { return amax(abs(x)).item(); }

/// Agreement relative to the largest element.
void check_close(const Variable& actual, const Tensor& expected, double tolerance) {
  REQUIRE(actual.shape() == expected.shape());
  const double scale = std::max(largest(expected), 1e-300);
  const double difference = largest(sub(cast(actual, float64), expected).value()) / scale;
  CHECK(difference <= tolerance);
}

/// f in both types: float64 with `tolerance`, float32 with `single`, or not at all when that is negative.
template <class F>
void in_both(const F& f, const Tensor& expected, double tolerance, double single) {
  for (const DType dtype : {float64, float32}) {
    if (dtype == float32 && single < 0) continue;
    const Variable result = f(dtype);
    CHECK(result.dtype() == dtype);
    check_close(result, expected, dtype == float64 ? tolerance : single);
  }
}

void check_square(const std::string& name, const Shape& shape, const Shape& side, double tolerance,
                  double single) {
  INFO(name);
  const Tensor a = golden(name, shape), b = golden(name + "/b", side);
  const Shape batch(shape.begin(), shape.end() - 2);
  const auto value = [&](const char* what, const Shape& of) { return golden(name + what, of); };
  in_both([&](DType t) { return linalg::solve(a.to(t), b.to(t)); }, value("/solve", side), tolerance, single);
  in_both([&](DType t) { return linalg::inverse(a.to(t)); }, value("/inverse", shape), tolerance, single);
  in_both([&](DType t) { return linalg::det(a.to(t)); }, value("/det", batch), tolerance, single);
  in_both([&](DType t) { return linalg::slogdet(a.to(t)).sign; }, value("/sign", batch), 0,
          single < 0 ? -1 : 0);
  in_both([&](DType t) { return linalg::slogdet(a.to(t)).log_abs + 1; },
          add(value("/log_abs", batch), 1).value(), tolerance, single);
}

void check_rectangular(const std::string& name, const Shape& shape, Index columns, double single) {
  INFO(name);
  const Tensor a = golden(name, shape);
  const Shape batch(shape.begin(), shape.end() - 2);
  const Index m = a.size(-2), n = a.size(-1), k = std::min(m, n);
  const auto of = [&](Index rows, Index last) {
    Shape result = batch;
    result.push_back(rows);
    result.push_back(last);
    return result;
  };
  Shape values = batch;
  values.push_back(k);
  const Tensor b = golden(name + "/b", of(m, columns));
  in_both([&](DType t) { return linalg::qr(a.to(t)).q; }, golden(name + "/q", of(m, k)), 1e-13, single);
  in_both([&](DType t) { return linalg::qr(a.to(t)).r; }, golden(name + "/r", of(k, n)), 1e-13, single);
  in_both([&](DType t) { return linalg::svd(a.to(t)).s; }, golden(name + "/s", values), 1e-13, single);
  const auto paired = [&](DType t) {
    const auto [u, s, vh] = linalg::svd(a.to(t));
    return matmul(u * (arange(0, static_cast<double>(k), 1, t) + Variable(ones({}, t))), vh);
  };
  in_both(paired, golden(name + "/uvh", shape), 1e-12, 100 * single);
  in_both([&](DType t) { return linalg::pinverse(a.to(t)); }, golden(name + "/pinverse", of(n, m)), 1e-12,
          10 * single);
  in_both([&](DType t) { return linalg::lstsq(a.to(t), b.to(t)); }, golden(name + "/lstsq", of(n, columns)),
          1e-12, 10 * single);
}

Tensor hilbert(Index n) {
  Tensor result = Tensor::uninitialized({n, n}, float64);
  double* out = result.mutable_data<double>();
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) out[i * n + j] = 1 / static_cast<double>(i + j + 1);
  return result;
}

Tensor random(const Shape& shape, DType dtype, std::uint64_t seed = 5) {
  Generator generator(seed);
  return normal(shape, 0, 1, dtype, generator);
}

bool same_bits(const Variable& a, const Variable& b) {
  const Tensor x = a.value(), y = b.value();
  return x.shape() == y.shape() && std::memcmp(x.raw(), y.raw(), static_cast<std::size_t>(x.bytes())) == 0;
}

/// The gradient of the sum of f at x.
template <class F>
Tensor slope(const F& f, const Tensor& x, bool create_graph = false) {
  const Variable input = leaf(x);
  return grad(sum(f(input)), input, {.create_graph = create_graph}).value();
}

}  // namespace

TEST_CASE("linear equations and determinants are NumPy's") {
  // In float32 it is singular.
  check_square("hilbert", {6, 6}, {6, 1}, 1e-8, -1);
  check_square("frank", {7, 7}, {7, 2}, 1e-9, 1e-1);
  check_square("random", {2, 3, 4, 4}, {2, 3, 4, 2}, 1e-12, 1e-4);
}

TEST_CASE("factorisations are NumPy's") {
  check_rectangular("vandermonde", {7, 4}, 2, 1e-5);
  check_rectangular("wide", {3, 5}, 2, 1e-5);
  check_rectangular("tall", {2, 2, 5, 3}, 1, 1e-5);
  const Tensor definite = golden("definite", {2, 4, 4});
  in_both([&](DType t) { return linalg::cholesky(definite.to(t)); }, golden("definite/cholesky", {2, 4, 4}),
          1e-13, 1e-5);
  in_both([&](DType t) { return linalg::eigh(definite.to(t)).values; },
          golden("definite/eigenvalues", {2, 4}), 1e-13, 1e-5);
  const auto projectors = [&](DType t) {
    const Variable v = linalg::eigh(definite.to(t)).vectors;
    return matmul(v * (arange(0, 4, 1, t) + Variable(ones({}, t))), v, {.transpose_b = true});
  };
  in_both(projectors, golden("definite/projectors", {2, 4, 4}), 1e-12, 1e-4);
  check_close(linalg::cholesky(golden("hilbert", {6, 6})), golden("hilbert/cholesky", {6, 6}), 1e-12);
  in_both(
      [&](DType t) {
        return linalg::eigh(golden("wilkinson", {21, 21}).to(t)).values;
      },
      golden("wilkinson/eigenvalues"), 1e-13, 1e-5);
  const Tensor deficient = golden("deficient", {5, 4});
  check_close(linalg::pinverse(deficient), golden("deficient/pinverse", {4, 5}), 1e-11);
  const Tensor disturbed = add(deficient, mul(eye(5, 4, float64), 1e-4)).value();
  check_close(linalg::pinverse(disturbed, {.rcond = 1e-2}), golden("deficient/coarse", {4, 5}), 1e-11);
}

TEST_CASE("the inverse of Hilbert's matrix is of integers, its determinant known") {
  const Tensor inverse = Tensor({{25.0, -300.0, 1050.0, -1400.0, 630.0},
                                 {-300.0, 4800.0, -18900.0, 26880.0, -12600.0},
                                 {1050.0, -18900.0, 79380.0, -117600.0, 56700.0},
                                 {-1400.0, 26880.0, -117600.0, 179200.0, -88200.0},
                                 {630.0, -12600.0, 56700.0, -88200.0, 44100.0}},
                                float64);
  check_close(linalg::inverse(hilbert(5)), inverse, 1e-10);
  CHECK(linalg::det(hilbert(5)).item() == doctest::Approx(1 / 266716800000.0).epsilon(1e-11));
  CHECK(linalg::trace(hilbert(5)).item() == doctest::Approx(1 + 1 / 3.0 + 0.2 + 1 / 7.0 + 1 / 9.0));
}

TEST_CASE("equations with units of their own are no singular ones") {
  // Newton's steps meet such matrices; their condition number is 1e36 unless rows and columns are scaled.
  // diag(2^-30, 2^40) ((1, 2), (2, 1)) diag(2^-50, 2^20).
  const Tensor scaled({{0x1p-80, 0x1p-9}, {0x1p-9, 0x1p60}}, float64), b({-0x1p-30, 0x1p40}, float64);
  const Tensor x = linalg::solve(scaled, b).value();
  CHECK(x.at({0}) == doctest::Approx(0x1p50));
  CHECK(x.at({1}) == doctest::Approx(-0x1p-20));
  const Tensor small = mul(eye(2, -1, float64), 1e-310).value();
  CHECK(linalg::solve(small, Tensor({1e-310, 2e-310}, float64)).value().at({1}) == doctest::Approx(2));
  CHECK(linalg::det(Tensor({{1e200, 0.0}, {0.0, 1e-200}}, float64)).item() == doctest::Approx(1));
}

TEST_CASE("a determinant beyond the range") {
  const Tensor large = mul(eye(3, -1, float64), 1e200).value(),
               small = mul(eye(3, -1, float64), 1e-200).value();
  CHECK(linalg::det(large).item() == infinity);
  CHECK(linalg::det(small).item() == 0);
  CHECK(linalg::slogdet(large).log_abs.item() == doctest::Approx(600 * std::log(10.0)));
  CHECK(linalg::slogdet(neg(small)).log_abs.item() == doctest::Approx(-600 * std::log(10.0)));
  CHECK(linalg::slogdet(neg(small)).sign.item() == -1);
  // The derivative is in the range where the determinant is not.
  const Tensor two({{1e-200, 0.0}, {0.0, 2e-150}}, float64);
  CHECK(linalg::det(two).item() == 0);
  check_close(slope([](const Variable& x) { return linalg::det(x); }, two),
              Tensor({{2e-150, 0.0}, {0.0, 1e-200}}, float64), 1e-12);
}

TEST_CASE("singular, indefinite and deficient matrices are named by their index") {
  Tensor batch = broadcast_to(eye(3, -1, float64), {2, 2, 3, 3}).value();
  // Matrix (1, 0): regular but for rounding.
  const double nine[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::copy(nine, nine + 9, batch.mutable_data<double>() + 18);
  const Tensor b = ones({3, 1}, float64);
  CHECK(contains(message_of<NumericError>([&] { linalg::solve(batch, b); }),
                 {"decompositions_test.cpp", "solve: matrix (1, 0) of the batch is singular"}));
  CHECK(contains(message_of<NumericError>([&] { linalg::inverse(batch); }),
                 "inverse: matrix (1, 0) of the batch is singular"));
  CHECK(contains(message_of<NumericError>([&] { linalg::lstsq(batch, b); }),
                 "lstsq: matrix (1, 0) of the batch does not have full rank"));
  CHECK(contains(message_of<NumericError>([&] { linalg::cholesky(batch); }),
                 "cholesky: matrix (1, 0) of the batch is not positive definite"));
  CHECK(contains(message_of<NumericError>([&] {
                   linalg::inverse(zeros({2, 2}));
                 }),
                 "the matrix is singular"));
  CHECK_THROWS_AS(linalg::solve(hilbert(15), ones({15}, float64)), NumericError);
  CHECK_THROWS_AS(linalg::solve(hilbert(9).to(float32), ones({9})), NumericError);
  CHECK_NOTHROW(linalg::solve(hilbert(9), ones({9}, float64)));
  CHECK_THROWS_AS(linalg::lstsq(zeros({3, 2}), ones({3})), NumericError);
  CHECK_THROWS_AS(linalg::lstsq(zeros({3, 2}), ones({3, 0})), NumericError);
  // The first one of several is named, whatever thread finds it.
  CHECK(contains(message_of<NumericError>([] { linalg::inverse(zeros({3000, 4, 4})); }), "matrix (0) of"));
}

TEST_CASE("what is not finite is refused before LAPACK sees it") {
  for (const double bad : {not_a_number, infinity, -infinity})
    for (const DType dtype : {float64, float32}) {
      Tensor wide = random({3, 2, 2}, float64);
      wide.mutable_data<double>()[9] = bad;
      const Tensor x = wide.to(dtype);
      const std::string text = "matrix (2) of the batch holds a NaN or an infinity";
      CHECK(contains(message_of<NumericError>([&] { linalg::solve(x, x); }), text));
      CHECK(contains(message_of<NumericError>([&] { linalg::inverse(x); }), text));
      CHECK(contains(message_of<NumericError>([&] { linalg::det(x); }), text));
      CHECK(contains(message_of<NumericError>([&] { linalg::slogdet(x); }), text));
      CHECK(contains(message_of<NumericError>([&] { linalg::cholesky(x); }), text));
      CHECK(contains(message_of<NumericError>([&] { linalg::qr(x); }), text));
      CHECK(contains(message_of<NumericError>([&] { linalg::svd(x); }), text));
      CHECK(contains(message_of<NumericError>([&] { linalg::eigh(x); }), text));
      CHECK(contains(message_of<NumericError>([&] { linalg::pinverse(x); }), text));
      CHECK(contains(message_of<NumericError>([&] { linalg::lstsq(x, ones({2}, dtype)); }), text));
      CHECK(contains(message_of<NumericError>([&] { linalg::lstsq(eye(2, -1, dtype), x); }), text));
    }
  // A right side passes through its own column.
  const Tensor b({{1.0, not_a_number}, {2.0, 1.0}}, float64);
  const Tensor x = linalg::solve(eye(2, -1, float64), b).value();
  CHECK(x.at({1, 0}) == 2);
  CHECK(std::isnan(x.at({0, 1})));
  CHECK(linalg::trace(Tensor({{1.0, not_a_number}, {infinity, 2.0}}, float64)).item() == 3);
}

TEST_CASE("shapes and types that do not fit") {
  const Tensor oblong = ones({2, 3}), vector = ones({3}), square = eye(3);
  CHECK(contains(message_of<ShapeError>([&] { linalg::solve(oblong, vector); }),
                 "square matrices, got the shape (2, 3)"));
  CHECK_THROWS_AS(linalg::inverse(oblong), ShapeError);
  CHECK_THROWS_AS(linalg::det(oblong), ShapeError);
  CHECK_THROWS_AS(linalg::slogdet(oblong), ShapeError);
  CHECK_THROWS_AS(linalg::cholesky(oblong), ShapeError);
  CHECK_THROWS_AS(linalg::eigh(oblong), ShapeError);
  CHECK_THROWS_AS(linalg::qr(vector), ShapeError);
  CHECK_THROWS_AS(linalg::svd(vector), ShapeError);
  CHECK_THROWS_AS(linalg::pinverse(vector), ShapeError);
  CHECK_THROWS_AS(linalg::trace(vector), ShapeError);
  CHECK_THROWS_AS(linalg::solve(square, ones({2})), ShapeError);
  CHECK_THROWS_AS(linalg::solve(square, ones({2, 3})), ShapeError);
  CHECK_THROWS_AS(linalg::solve(square, ones({})), ShapeError);
  CHECK_THROWS_AS(linalg::lstsq(oblong, vector), ShapeError);
  CHECK(contains(message_of<ShapeError>([&] {
                   linalg::solve(ones({2, 3, 3}), ones({4, 3, 1}));
                 }),
                 "batch sizes do not broadcast"));
  CHECK_THROWS_AS(linalg::inverse(eye(3, -1, int64)), DTypeError);
  CHECK_THROWS_AS(linalg::svd(eye(3, -1, int64)), DTypeError);
  CHECK_THROWS_AS(linalg::solve(eye(3, -1, int64), vector), DTypeError);
  CHECK_THROWS_AS(linalg::solve(square, Tensor({1, 2, 3})), DTypeError);
  CHECK_THROWS_AS(linalg::lstsq(square, Tensor({1, 2, 3})), DTypeError);
  CHECK_THROWS_AS(linalg::pinverse(square, {.rcond = -1}), ValueError);
  CHECK_THROWS_AS(linalg::pinverse(square, {.rcond = not_a_number}), ValueError);
  CHECK(linalg::solve(square, ones({3}, float64)).dtype() == float64);
  CHECK(linalg::lstsq(square.to(float64), vector).dtype() == float64);
  CHECK(linalg::trace(Tensor({{1, 2}, {3, 4}})).value().item<std::int64_t>() == 5);
}

TEST_CASE("sizes of 0 and 1") {
  CHECK(linalg::lstsq(zeros({0, 2}), zeros({0, 3})).shape() == Shape{2, 3});
  CHECK(largest(linalg::lstsq(zeros({0, 2}), zeros({0, 3})).value()) == 0);
  CHECK(linalg::solve(zeros({0, 0}), zeros({0})).shape() == Shape{0});
  CHECK(linalg::solve(zeros({0, 2, 2}), ones({2, 3})).shape() == Shape{0, 2, 3});
  CHECK(linalg::det(zeros({0, 0})).item() == 1);
  const auto [u, s, vh] = linalg::svd(zeros({0, 3}));
  CHECK(u.shape() == Shape{0, 0});
  CHECK(s.shape() == Shape{0});
  CHECK(vh.shape() == Shape{0, 3});
  CHECK(linalg::qr(zeros({3, 0})).r.shape() == Shape{0, 0});
  CHECK(linalg::cholesky(Tensor({{4.0}}, float64)).item() == 2);
  CHECK(linalg::qr(Tensor({{-4.0}}, float64)).r.item() == -4);
}

TEST_CASE("the lower triangle is read, the gradient is symmetric") {
  const Tensor given({{2.0, 99.0, -7.0}, {0.5, 3.0, 8.0}, {-0.25, 1.0, 5.0}}, float64);
  const Tensor whole({{2.0, 0.5, -0.25}, {0.5, 3.0, 1.0}, {-0.25, 1.0, 5.0}}, float64);
  CHECK(same_bits(linalg::cholesky(given), linalg::cholesky(whole)));
  CHECK(same_bits(linalg::eigh(given).values, linalg::eigh(whole).values));
  const auto weights = random({3, 3}, float64);
  for (const Tensor& gradient :
       {slope([&](const Variable& x) { return linalg::cholesky(x) * weights; }, whole),
        slope([&](const Variable& x) { return square(linalg::eigh(x).vectors) * weights; }, whole)})
    check_close(transpose(gradient), gradient, 1e-14);
}

TEST_CASE("values that coincide have gradients, their vectors none") {
  const auto squares = [](const Variable& x) { return square(linalg::eigh(x).values); };
  const Tensor unit = eye(3, -1, float64);
  check_close(slope(squares, unit), mul(unit, 2).value(), 1e-14);
  check_close(slope([](const Variable& x) { return square(linalg::svd(x).s); }, unit), mul(unit, 2).value(),
              1e-14);
  const Tensor tall = concat(std::vector<Tensor>{unit, zeros({1, 3}, float64)}).value();
  check_close(slope([](const Variable& x) { return square(linalg::svd(x).s); }, tall), mul(tall, 2).value(),
              1e-14);
  CHECK(contains(
      message_of<NumericError>([&] {
        slope(
            [](const Variable& x) {
              return linalg::eigh(x).vectors * random({3, 3}, float64);
            },
            stack(std::vector<Tensor>{diag(Tensor({1.0, 2.0, 3.0}, float64)).value(), unit}).value());
      }),
      "matrix (1) of the batch has eigenvalues that coincide"));
  CHECK_THROWS_AS(slope(
                      [](const Variable& x) {
                        return linalg::svd(x).u * random({3, 3}, float64);
                      },
                      unit),
                  NumericError);
  // The second derivative through the values goes through the vectors.
  CHECK_THROWS_AS(hessian([&](const Variable& x) { return sum(squares(x)); }, Variable(unit)), NumericError);
  // Vectors that the loss does not use may belong to values that coincide.
  const Tensor one_apart = diag(Tensor({3.0, 1.0, 1.0}, float64)).value(), weights = random({3, 1}, float64);
  const auto first = [&](const Variable& x) {
    return square(sum(slice(linalg::svd(x).u, -1, {0, 1}) * weights));
  };
  const auto last = [&](const Variable& x) {
    return square(sum(slice(linalg::eigh((x + transpose(x)) / 2).vectors, -1, {2}) * weights));
  };
  CHECK(gradcheck([&](const std::vector<Variable>& x) { return first(x[0]); }, {one_apart}));
  CHECK(gradcheck([&](const std::vector<Variable>& x) { return last(x[0]); }, {one_apart}));
  const auto one_of_two = [&](const Variable& x) {
    return square(sum(slice(linalg::eigh(x).vectors, -1, {0, 1}) * weights));
  };
  CHECK_THROWS_AS(slope(one_of_two, one_apart), NumericError);
  // The second derivative would need them.
  CHECK_NOTHROW(slope(first, one_apart));
  CHECK_THROWS_AS(slope(first, one_apart, true), NumericError);
  CHECK_THROWS_AS(slope(last, one_apart, true), NumericError);
  // Zero singular values matter where the matrix is not square.
  const Tensor flat({{1.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}}, float64);
  CHECK(contains(message_of<NumericError>([&] {
                   slope([](const Variable& x) { return linalg::svd(x).u * random({3, 2}, float64); }, flat);
                 }),
                 "the matrix has a singular value of 0"));
  CHECK_THROWS_AS(slope([](const Variable& x) { return linalg::qr(x).q; }, flat), NumericError);
}

TEST_CASE("gradients of determinants of singular matrices") {
  const Tensor singular({{1.0, 2.0}, {2.0, 4.0}}, float64), regular({{1.0, 2.0}, {2.0, 5.0}}, float64);
  check_close(slope([](const Variable& x) { return linalg::det(x); }, singular),
              Tensor({{4.0, -2.0}, {-2.0, 1.0}}, float64), 1e-14);
  check_close(slope([](const Variable& x) { return linalg::det(x); }, zeros({3, 3}, float64)).reshape({3, 3}),
              zeros({3, 3}, float64), 0);
  const auto third = [](const Tensor& at) {
    const Variable x = leaf(at);
    const Variable first = grad(linalg::det(x), x, {.create_graph = true});
    const Variable second = grad(sum(square(first)), x, {.create_graph = true});
    return grad(sum(square(second)), x).value();
  };
  CHECK(largest(third(regular)) > 0);
  CHECK(contains(message_of<NotImplementedError>([&] { third(singular); }), {"det", "third derivative"}));
  // slogdet: what the loss does not use may be singular.
  const Variable both = leaf(stack(std::vector<Tensor>{singular, regular}).value());
  const auto [sign, log_abs] = linalg::slogdet(both);
  CHECK(sign.value().at({0}) == 0);
  CHECK(log_abs.value().at({0}) == -infinity);
  const Tensor gradient = grad(sum(slice(log_abs, 0, {1})), both).value();
  check_close(gradient.rows(1, 2).reshape({2, 2}), Tensor({{5.0, -2.0}, {-2.0, 1.0}}, float64), 1e-14);
  CHECK(largest(gradient.rows(0, 1)) == 0);
  CHECK(contains(message_of<NumericError>([&] { grad(sum(linalg::slogdet(both).log_abs), both); }),
                 "matrix (0) of the batch is singular"));
}

TEST_CASE("third derivatives") {
  // Of det at order three by the check of the second order of its gradient.
  const auto gradient_of = [](auto f) {
    return [f](const std::vector<Variable>& x) {
      Variable input = x[0].requires_grad() ? x[0] : Variable(x[0].value(), {.requires_grad = true});
      return grad(sum(square(f(input))), input, {.create_graph = true});
    };
  };
  const Tensor a = add(random({3, 3}, float64), mul(eye(3, -1, float64), 3)).value();
  const GradcheckOptions loose{.atol = 1e-6, .rtol = 1e-5};
  CHECK(gradgradcheck(gradient_of([](const Variable& x) { return linalg::det(x); }), {a}, loose));
  CHECK(gradgradcheck(gradient_of([](const Variable& x) { return linalg::inverse(x); }), {a}, loose));
  CHECK(gradgradcheck(gradient_of([](const Variable& x) {
                        const auto [u, s, vh] = linalg::svd(x);
                        return matmul(u, vh);
                      }),
                      {a}, loose));
}

TEST_CASE("large matrices: residuals") {
  for (const DType dtype : {float64, float32}) {
    const double epsilon = dtype == float64 ? 2.3e-16 : 1.2e-7;
    const Index n = 200;
    const Tensor a = random({n, n}, dtype), b = random({n, 3}, dtype, 6), unit = eye(n, -1, dtype);
    const double scale = 100 * static_cast<double>(n) * epsilon;
    const auto distance = [](const Variable& x, const Variable& y) { return largest(sub(x, y).value()); };
    const Variable x = linalg::solve(a, b);
    CHECK(distance(matmul(a, x), b) < scale * largest(x.value()));
    const Variable inverse = linalg::inverse(a);
    CHECK(distance(matmul(a, inverse), unit) < 10 * scale * largest(inverse.value()));
    const auto [q, r] = linalg::qr(a);
    CHECK(distance(matmul(q, r), a) < scale);
    CHECK(distance(matmul(q, q, {.transpose_a = true}), unit) < scale);
    const auto [u, s, vh] = linalg::svd(a);
    CHECK(distance(matmul(u * s, vh), a) < scale);
    CHECK(distance(matmul(vh, vh, {.transpose_b = true}), unit) < scale);
    const Tensor square = matmul(a, a, {.transpose_b = true}).value();
    const auto [values, vectors] = linalg::eigh(square);
    CHECK(distance(matmul(vectors * values, vectors, {.transpose_b = true}), square) <
          scale * largest(square));
    const Tensor definite = add(square, unit).value();
    const Variable l = linalg::cholesky(definite);
    CHECK(distance(matmul(l, l, {.transpose_b = true}), definite) < scale * largest(definite));
    const Tensor tall = random({n, 40}, dtype);
    const Variable fit = linalg::lstsq(tall, b);
    CHECK(largest(matmul(tall, sub(matmul(tall, fit), b), {.transpose_a = true}).value()) < 100 * scale);
  }
}

TEST_CASE("the number of threads changes no bit") {
  const int before = num_threads();
  const Tensor batch = random({64, 12, 12}, float32), single = random({150, 150}, float64);
  std::vector<std::vector<Variable>> runs;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    const auto [u, s, vh] = linalg::svd(single);
    runs.push_back({linalg::inverse(batch), linalg::det(batch), linalg::qr(batch).q, linalg::svd(batch).vh, u,
                    s, linalg::eigh(single).vectors, linalg::solve(single, ones({150}, float64)),
                    linalg::lstsq(batch, ones({12, 2}))});
  }
  set_num_threads(before);
  for (std::size_t i = 0; i < runs[0].size(); ++i) {
    CHECK(same_bits(runs[0][i], runs[1][i]));
    CHECK(same_bits(runs[0][i], runs[2][i]));
  }
}
