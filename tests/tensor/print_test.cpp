// Printing against NumPy's own text, which ../goldens/print.py made.
#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/factory.hpp>

#include "../goldens/print.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <sstream>

namespace {

using namespace xgrad;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

Tensor counting(const Shape& shape, Index first = 0) {
  return arange(first, first + shape.count()).reshape(shape);
}

// 0, 1/parts, 2/parts, ...
Tensor fractions(const Shape& shape, double parts, DType dtype) {
  return arange(0.0, static_cast<double>(shape.count()) / parts, 1 / parts, dtype).reshape(shape);
}

Tensor spike() {
  Tensor values = full({2000}, 1.5, float64);
  values.mutable_data<double>()[1000] = 1e10;
  return values;
}

Tensor digits() {
  Tensor values = counting({10, 100});
  for (Index& value : values.mutable_span<Index>()) value %= 10;
  return values;
}

std::string text(const Tensor& tensor, const PrintOptions& options = {}) {
  return to_string(tensor, options);
}

// The arrays of print.py's CASES.
const std::map<std::string, std::function<std::string()>> cases = {
    {"fractions",
     [] {
       return text(Tensor{1, 0.5, 0.25, -0.125});
     }},
    {"whole",
     [] {
       return text(Tensor{1.0, 2.0, 3.0});
     }},
    {"rounded",
     [] {
       return text(Tensor{0.1, 0.123456, 2.0 / 3, 99.99996});
     }},
    {"ties",
     [] {
       return text(Tensor({0.03125, 0.09375, -0.03125, 0.5}, float64));
     }},
    {"negative_zero",
     [] {
       return text(Tensor{-0.0, 0.0, 1.5});
     }},
    {"zeros", [] { return text(zeros({3})); }},
    {"small",
     [] {
       return text(Tensor{1e-5, 1, 10});
     }},
    {"wide",
     [] {
       return text(Tensor({1e-3, 1.5, 1001}, float64));
     }},
    {"wide_but_fixed",
     [] {
       return text(Tensor({1, 1.5, 1000}, float64));
     }},
    {"large",
     [] {
       return text(Tensor({1e8, 1, 12345678}, float64));
     }},
    {"below_large",
     [] {
       return text(Tensor({99999992, 16777216, 33554432}, float32));
     }},
    {"long_exponent",
     [] {
       return text(Tensor({1e100, 1e-300, -2.5}, float64));
     }},
    {"denormal",
     [] {
       return text(Tensor({5e-324, 0}, float64));
     }},
    {"float_range",
     [] {
       return text(Tensor{3.4028235e38, 1.1754944e-38, 1e-45});
     }},
    {"whole_exponents",
     [] {
       return text(Tensor({1e10, 1}, float64));
     }},
    {"not_finite",
     [] {
       return text(Tensor{not_a_number, inf, -inf});
     }},
    {"nan_alone",
     [] {
       return text(Tensor{not_a_number, not_a_number});
     }},
    {"inf_among",
     [] {
       return text(Tensor{inf, 1, 2.25});
     }},
    {"negative_inf_among",
     [] {
       return text(Tensor({-inf, 1, 2}, float64));
     }},
    {"nan_and_exponent",
     [] {
       return text(Tensor({not_a_number, 1e-7, -123.456}, float64));
     }},
    {"precision_0",
     [] {
       return text(Tensor({0.5, 1.5, 2.25}, float64), {.precision = 0});
     }},
    {"precision_2",
     [] {
       return text(Tensor({3.14159, 2.71828, 0.1}, float64), {.precision = 2});
     }},
    {"precision_17",
     [] {
       return text(Tensor({0.1, 1.0 / 3}, float64), {.precision = 17});
     }},
    {"precision_9_float",
     [] {
       return text(Tensor{0.1, 1.0 / 3}, {.precision = 9});
     }},
    {"exponent_precision_1",
     [] {
       return text(Tensor({1.25e-7, 9.96e5}, float64), {.precision = 1});
     }},
    {"integers",
     [] {
       return text(Tensor{1, -20, 300});
     }},
    {"integer_limits",
     [] {
       return text(Tensor{std::numeric_limits<Index>::min(), std::numeric_limits<Index>::max()});
     }},
    {"bytes",
     [] {
       return text(Tensor({{0, 255}, {7, 70}}, uint8));
     }},
    {"bools",
     [] {
       return text(Tensor{true, false, true});
     }},
    {"all_true",
     [] {
       return text(Tensor{true, true});
     }},
    {"matrix",
     [] {
       return text(Tensor{{1.0, -2.5}, {3.0, 1000.0}});
     }},
    {"column",
     [] {
       return text(Tensor{{1.0}, {22.5}, {3.0}});
     }},
    {"three_axes",
     [] {
       return text(counting({2, 3, 4}));
     }},
    {"four_axes",
     [] {
       return text(counting({2, 2, 2, 2}));
     }},
    {"one_by_one",
     [] {
       return text(full({1, 1, 1}, 7));
     }},
    {"wrapped", [] { return text(counting({60})); }},
    {"wrapped_rows",
     [] {
       return text(fractions({2, 40}, 8, float64));
     }},
    {"wrapped_deep",
     [] {
       return text(counting({2, 2, 30}), {.line_width = 40});
     }},
    {"narrow", [] { return text(counting({5}, 1000), {.line_width = 3}); }},
    {"summary_1", [] { return text(counting({1001})); }},
    {"summary_2",
     [] {
       return text(counting({100, 100}));
     }},
    {"summary_3",
     [] {
       return text(counting({10, 11, 12}));
     }},
    {"summary_short_axis",
     [] {
       return text(fractions({2, 600}, 4, float32));
     }},
    {"summary_edge_1",
     [] {
       return text(counting({4, 4}), {.threshold = 4, .edge_items = 1});
     }},
    {"summary_wrapped", [] { return text(counting({2000}), {.edge_items = 12}); }},
    {"summary_format", [] { return text(spike()); }},
    {"at_threshold", [] { return text(digits()); }},
    {"scalar_real", [] { return text(scalar(1.0 / 3, float64)); }},
    {"scalar_whole", [] { return text(scalar(2.0)); }},
    {"scalar_integer", [] { return text(scalar(-42)); }},
    {"scalar_bool", [] { return text(scalar(true)); }},
};

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("print: NumPy's text") {
    CHECK(cases.size() == goldens::print.size());
    for (const auto& golden : goldens::print) {
      const std::string& name = golden.first;
      CAPTURE(name);
      REQUIRE(cases.count(name) == 1);
      CHECK(cases.at(name)() == golden.second);
    }
  }

  TEST_CASE("print: empty and undefined tensors") {
    CHECK(text(zeros({0})) == "[], shape=(0,)");
    CHECK(text(zeros({2, 0, 4}, boolean)) == "[], shape=(2, 0, 4)");
    CHECK(text(Tensor()) == "undefined");
  }

  TEST_CASE("print: the stream operator uses the defaults") {
    std::ostringstream stream;
    stream << Tensor{1.0, 2.0 / 3} << ' ' << scalar(5);
    CHECK(stream.str() == "[1.     0.6667] 5");
  }

  TEST_CASE("print: options are checked") {
    CHECK_THROWS_AS(text(zeros({2}), {.precision = -1}), ValueError);
    CHECK_THROWS_AS(text(zeros({2}), {.edge_items = 0}), ValueError);
    CHECK(text(counting({3}), {.threshold = 0, .edge_items = std::numeric_limits<Index>::max()}) ==
          "[0 1 2]");
  }
}

TEST_CASE("debug_print writes to stderr what a debugger asks for") {
  std::ostringstream text;
  std::streambuf* const former = std::cerr.rdbuf(text.rdbuf());
  xgrad::debug_print(xgrad::Tensor{1, 2});
  xgrad::debug_print(xgrad::Tensor());
  xgrad::debug_print(xgrad::Variable());
  xgrad::debug_print(xgrad::Variable(xgrad::Tensor{1.5}, {.requires_grad = true}));
  std::cerr.rdbuf(former);
  CHECK(text.str() == "int64 (2,)\n[1 2]\nundefined\nundefined\nleaf: float32 (1,)\n[1.5]\n");
}
