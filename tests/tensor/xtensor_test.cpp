// xtensor in, xtensor out.
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/xtensor.hpp>

#include <xtensor/xbuilder.hpp>
#include <xtensor/xfixed.hpp>
#include <xtensor/xindex_view.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xstrided_view.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

#include <doctest/doctest.h>

#include <complex>

namespace {

using namespace xgrad;

template <class T>
bool holds(const Tensor& tensor, const Shape& shape, const std::vector<T>& values) {
  return bitwise_equal(tensor, Tensor::from(values, shape));
}

template <class T>
DType dtype_from() {
  return Tensor(xt::xarray<T>{T(1), T(0)}).dtype();
}

using Array = xt::xarray<double>;
static_assert(XtensorExpression<Array>);
static_assert(XtensorExpression<xt::xtensor<float, 3>>);
static_assert(XtensorExpression<xt::xtensor_fixed<int, xt::xshape<2, 2>>>);
static_assert(XtensorExpression<decltype(xt::view(std::declval<Array&>(), 0))>);
static_assert(XtensorExpression<decltype(std::declval<Array&>() + 1)>);
static_assert(XtensorExpression<decltype(xt::sum(std::declval<Array&>(), {0}))>);
static_assert(XtensorExpression<xt::xscalar<double>>);
static_assert(!XtensorExpression<Tensor>);
static_assert(!XtensorExpression<double>);
static_assert(!XtensorExpression<std::vector<double>>);
// Reading through a const adaptor yields constants: nothing can be written past copy-on-write.
static_assert(std::is_same_v<decltype(std::declval<const Tensor&>().array<float>()(0)), const float&>);
static_assert(std::is_same_v<decltype(std::declval<Tensor&>().mutable_array<float>()(0)), float&>);

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("xtensor: element types") {
    CHECK(dtype_from<float>() == float32);
    CHECK(dtype_from<double>() == float64);
    CHECK(dtype_from<long double>() == float64);
    CHECK(dtype_from<bool>() == boolean);
    CHECK(dtype_from<std::uint8_t>() == uint8);
    CHECK(dtype_from<std::int8_t>() == int64);
    CHECK(dtype_from<short>() == int64);
    CHECK(dtype_from<unsigned>() == int64);
    CHECK(dtype_from<std::int64_t>() == int64);
    CHECK(dtype_from<long long>() == int64);
    CHECK(dtype_from<std::size_t>() == int64);
    const xt::xarray<std::uint64_t> beyond{1, std::uint64_t{1} << 63};
    CHECK_THROWS_WITH_AS(Tensor{beyond}, doctest::Contains("2^63"), ValueError);
    CHECK_THROWS_AS(Tensor{beyond + 1}, ValueError);
    CHECK(Tensor(xt::xarray<std::uint64_t>{INT64_MAX}).item<Index>() == INT64_MAX);
    CHECK(holds<Index>(Tensor(xt::xarray<int>{-1, 2147483647}), {2}, {-1, 2147483647}));
    CHECK(holds<double>(Tensor(xt::xarray<long double>{0.5L, -2}), {2}, {0.5, -2}));
    CHECK(bitwise_equal(Tensor(xt::xarray<bool>{true, false}), Tensor{true, false}));
  }

  TEST_CASE("xtensor: containers of either layout keep their indices") {
    const xt::xarray<double> rows = {{1, 2, 3}, {4, 5, 6}};
    const xt::xarray<double, xt::layout_type::column_major> columns = rows;
    const xt::xtensor<double, 2, xt::layout_type::column_major> fixed_rank = rows;
    const xt::xtensor_fixed<float, xt::xshape<2, 3>> fixed = {{1, 2, 3}, {4, 5, 6}};
    xt::xarray<int, xt::layout_type::dynamic> dynamic = xt::cast<int>(rows);
    REQUIRE(columns.data()[1] == 4);
    const std::vector<double> values = {1, 2, 3, 4, 5, 6};
    CHECK(holds(Tensor(rows), {2, 3}, values));
    CHECK(holds(Tensor(columns), {2, 3}, values));
    CHECK(holds(Tensor(fixed_rank), {2, 3}, values));
    CHECK(holds<float>(Tensor(fixed), {2, 3}, {1, 2, 3, 4, 5, 6}));
    dynamic.resize({2, 3}, xt::layout_type::column_major);
    dynamic = xt::cast<int>(rows);
    CHECK(holds<Index>(Tensor(dynamic), {2, 3}, {1, 2, 3, 4, 5, 6}));
    const xt::xarray<int, xt::layout_type::column_major> counted =
        xt::reshape_view(xt::arange<int>(24), {2, 3, 4});
    CHECK(bitwise_equal(Tensor(counted), arange(24).reshape({2, 3, 4})));
  }

  TEST_CASE("xtensor: views and lazy expressions") {
    const xt::xarray<float> a = xt::reshape_view(xt::arange<float>(12), {3, 4});
    CHECK(holds<float>(Tensor(xt::view(a, xt::range(1, 3), xt::range(0, 4, 2))), {2, 2}, {4, 6, 8, 10}));
    CHECK(holds<float>(Tensor(xt::view(a, 1)), {4}, {4, 5, 6, 7}));
    CHECK(holds<float>(Tensor(xt::transpose(xt::view(a, xt::all(), xt::range(0, 2)))), {2, 3},
                       {0, 4, 8, 1, 5, 9}));
    CHECK(holds<float>(
        Tensor(xt::strided_view(a, {1, xt::range(xt::placeholders::_, xt::placeholders::_, -1)})), {4},
        {7, 6, 5, 4}));
    CHECK(holds<float>(Tensor(a + 2 * xt::view(a, 0)).rows(0, 1), {1, 4}, {0, 3, 6, 9}));
    CHECK(bitwise_equal(Tensor(xt::view(a, 0) > 1.5F), Tensor{false, false, true, true}));
    CHECK(bitwise_equal(Tensor(xt::view(a, 0) > 1.5F || xt::view(a, 0) < 0.5F),
                        Tensor{true, false, true, true}));
    CHECK(holds<float>(Tensor(xt::broadcast(xt::view(a, xt::all(), xt::range(1, 2)), {3, 2})), {3, 2},
                       {1, 1, 5, 5, 9, 9}));
    CHECK(holds<Index>(Tensor(xt::arange<int>(3) * 2), {3}, {0, 2, 4}));
    CHECK(holds<float>(Tensor(xt::sum(a, {0})), {4}, {12, 15, 18, 21}));
    CHECK(holds<float>(Tensor(xt::filter(a, a > 9.0F)), {2}, {10, 11}));
    CHECK(allclose(Tensor(xt::exp(xt::view(a, 0))), Tensor{1.0, 2.7182818, 7.3890561, 20.085537}));
  }

  TEST_CASE("xtensor: scalars and empty arrays") {
    CHECK(holds<double>(Tensor(xt::xarray<double>(2.5)), {}, {2.5}));
    CHECK(holds<double>(Tensor(xt::xscalar<double>(2.5)), {}, {2.5}));
    const xt::xarray<double> a = {{1, 2}, {3, 4}};
    CHECK(holds<double>(Tensor(xt::view(a, 1, 0)), {}, {3}));
    CHECK(holds<double>(Tensor(xt::sum(a)), {}, {10}));
    CHECK(Tensor(xt::xarray<float>::from_shape({0, 3})).shape() == Shape{0, 3});
    CHECK(Tensor(xt::xtensor<int, 3>::from_shape({2, 0, 4})).shape() == Shape{2, 0, 4});
    CHECK(Tensor(xt::view(a, xt::range(0, 0))).shape() == Shape{0, 2});
    CHECK(Tensor(xt::xarray<float>::from_shape({0, 3}) + 1).shape() == Shape{0, 3});
  }

  TEST_CASE("xtensor: too many axes throw") {
    const xt::xarray<float> deep = xt::zeros<float>(std::vector<std::size_t>(9, 1));
    CHECK_THROWS_AS(Tensor{deep}, ShapeError);
  }

  TEST_CASE("xtensor: a tensor built from an array does not share with it") {
    xt::xarray<double> a = {1, 2};
    const Tensor tensor = a;
    a(0) = 9;
    CHECK(tensor.at({0}) == 1);
  }

  TEST_CASE("xtensor: array() is an adaptor without a copy") {
    const Tensor tensor{{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}};
    const auto array = tensor.array<float>();
    CHECK(array.data() == tensor.data<float>());
    CHECK(array.shape() == std::vector<std::size_t>{2, 3});
    CHECK(array.layout() == xt::layout_type::row_major);
    CHECK(array(1, 0) == 4);
    CHECK(xt::sum(array)() == 21);
    CHECK(holds<float>(Tensor(xt::transpose(array)), {3, 2}, {1, 4, 2, 5, 3, 6}));
    CHECK(tensor.unique());
    CHECK(tensor.rows(1, 2).array<float>()(0, 2) == 6);
    CHECK(scalar(2.5).array<float>()() == 2.5F);
    CHECK(scalar(2.5).array<float>().dimension() == 0);
    CHECK(zeros({0, 3}).array<float>().size() == 0);
    CHECK(Tensor{true, false}.array<bool>()(0));
    CHECK_THROWS_AS(tensor.array<double>(), DTypeError);
    CHECK_THROWS_AS(Tensor().array<float>(), GraphError);
  }

  TEST_CASE("xtensor: mutable_array() writes, and detaches first") {
    Tensor tensor = zeros({2, 3});
    const Tensor copy = tensor;
    auto array = tensor.mutable_array<float>();
    xt::view(array, 1) = xt::xarray<float>{1, 2, 3};
    array(0, 0) = 7;
    array *= 2.0F;
    CHECK(holds<float>(tensor, {2, 3}, {14, 0, 0, 2, 4, 6}));
    CHECK(bitwise_equal(copy, zeros({2, 3})));
    auto rows = tensor.mutable_array<float>();
    CHECK(rows.data() == tensor.data<float>());
    rows = xt::ones<float>({2, 3});
    CHECK(bitwise_equal(tensor, ones({2, 3})));
  }
}
