// Element types and the conversion of numbers between them.
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <limits>

namespace {

using namespace xgrad;

constexpr DType all_dtypes[] = {float32, float64, int64, uint8, boolean};
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr Index largest = std::numeric_limits<Index>::max();
constexpr auto most = std::numeric_limits<std::uint64_t>::max();

// Just above halfway between two float32 numbers, and at halfway when it is rounded to float64 first.
constexpr Index rounds_twice = (Index{1} << 60) + (Index{1} << 36) + 1;

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("dtype: what is known of one agrees with its C++ type") {
    for (DType dtype : all_dtypes)
      detail::dispatch(dtype, [&]<class T>(std::type_identity<T>) {
        CHECK(dtype_of<T> == dtype);
        CHECK(element_size(dtype) == sizeof(T));
        CHECK(is_floating(dtype) == std::is_floating_point_v<T>);
        CHECK(is_integer(dtype) == (std::is_integral_v<T> && !std::is_same_v<T, bool>));
      });
    CHECK(to_string(boolean) == "boolean");
    CHECK(to_string(uint8) == "uint8");
    CHECK_FALSE(Element<int>);
    CHECK_FALSE(Element<long double>);
  }

  TEST_CASE("dtype: promotion follows one order") {
    constexpr DType ascending[] = {boolean, uint8, int64, float32, float64};
    for (int i = 0; i < 5; ++i)
      for (int j = 0; j < 5; ++j) CHECK(promote(ascending[i], ascending[j]) == ascending[std::max(i, j)]);
  }

  TEST_CASE("numbers: conversion saturates, truncates, and NaN is 0") {
    CHECK(detail::convert<std::uint8_t>(255.9) == 255);
    CHECK(detail::convert<std::uint8_t>(-0.9) == 0);
    CHECK(detail::convert<std::uint8_t>(-inf) == 0);
    CHECK(detail::convert<std::uint8_t>(Index{300}) == 255);
    CHECK(detail::convert<std::uint8_t>(Index{-1}) == 0);
    CHECK(detail::convert<Index>(0x1p63) == largest);
    CHECK(detail::convert<Index>(-inf) == -largest - 1);
    CHECK(detail::convert<Index>(not_a_number) == 0);
    CHECK(detail::convert<Index>(most) == largest);
    CHECK(detail::convert<Index>(-1.9F) == -1);
    CHECK(detail::convert<Index>(true) == 1);
    CHECK(detail::convert<bool>(not_a_number));
    CHECK_FALSE(detail::convert<bool>(-0.0));
    CHECK(detail::convert<std::int32_t>(-2147483648.5) == std::numeric_limits<std::int32_t>::min());
    CHECK(detail::convert<std::uint64_t>(-1.0F) == 0);
  }

  TEST_CASE("numbers: what fits") {
    CHECK(detail::fits<std::uint8_t>(255.9));
    CHECK_FALSE(detail::fits<std::uint8_t>(256.0));
    CHECK(detail::fits<std::uint8_t>(-0.9));
    CHECK_FALSE(detail::fits<std::uint8_t>(-1.0));
    CHECK(detail::fits<std::int32_t>(-2147483648.5));
    CHECK_FALSE(detail::fits<std::int32_t>(-2147483649.0));
    CHECK(detail::fits<Index>(-0x1p63));
    CHECK_FALSE(detail::fits<Index>(-0x1.0000000000001p63));
    CHECK_FALSE(detail::fits<Index>(0x1p63));
    CHECK_FALSE(detail::fits<Index>(not_a_number));
    CHECK_FALSE(detail::fits<Index>(most));
    CHECK(detail::fits<std::uint64_t>(most));
    CHECK_FALSE(detail::fits<std::uint64_t>(Index{-1}));
    CHECK(detail::fits<float>(0x1.fffffep127));
    CHECK(detail::fits<float>(0x1.fffffefffffffp127));
    CHECK_FALSE(detail::fits<float>(0x1.ffffffp127));
    CHECK_FALSE(detail::fits<float>(-0x1.ffffffp127));
    CHECK(detail::fits<float>(-inf));
    CHECK(detail::fits<float>(not_a_number));
    CHECK(detail::fits<float>(most));
    CHECK(detail::fits<bool>(not_a_number));
  }

  TEST_CASE("numbers: a Scalar keeps integers exactly") {
    constexpr std::uint64_t beyond = (std::uint64_t{1} << 63) + 1;
    CHECK(Scalar(beyond).as<std::uint64_t>() == beyond);
    CHECK(Scalar(most).as<std::uint64_t>() == most);
    CHECK(Scalar(most).integer() == largest);
    CHECK(Scalar(most).as<Index>() == largest);
    CHECK_FALSE(Scalar(most).fits<Index>());
    CHECK(Scalar(most).as<double>() == 0x1p64);
    CHECK(Scalar(beyond).as<bool>());
    CHECK(Scalar(std::uint64_t{7}).integer() == 7);
    CHECK(Scalar(-largest - 1).as<Index>() == -largest - 1);
    CHECK(Scalar(2.5).integer() == 0);
  }

  TEST_CASE("numbers: an integer is rounded to a real once, wherever it comes from") {
    const auto expected = static_cast<float>(rounds_twice);
    REQUIRE(expected != static_cast<float>(static_cast<double>(rounds_twice)));
    CHECK(Tensor({rounds_twice}, int64).to(float32).item<float>() == expected);
    CHECK(Tensor({rounds_twice}, int64).item<float>() == expected);
    CHECK(full({1}, rounds_twice, float32).item<float>() == expected);
    CHECK(Tensor({rounds_twice}, float32).item<float>() == expected);
    CHECK(Scalar(rounds_twice).as<float>() == expected);
  }

  TEST_CASE("tensor: conversion throws on integers that the type cannot hold") {
    for (Index value : {Index{256}, Index{-1}, largest, -largest - 1}) {
      CAPTURE(value);
      CHECK_THROWS_WITH_AS(
          static_cast<void>(Tensor({0, value}, int64).to(uint8)),
          doctest::Contains(("cannot convert " + std::to_string(value) + " to uint8").c_str()), ValueError);
    }
    CHECK(bitwise_equal(Tensor({0, 255}, int64).to(uint8), Tensor({0, 255}, uint8)));
  }
}
