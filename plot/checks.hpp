// What the functions of a Panel ask of their arguments; private to plot/.
#pragma once

#include <xgrad/plot/content.hpp>
#include <xgrad/plot/figure.hpp>

#include <xgrad/tensor/error.hpp>

#include <string>

namespace xgrad::plot::detail {

/// The number as a picture can hold it: NaN for infinities and what comes near them, 0 for what is nearly
/// nothing.
double drawable(double value);
Numbers drawable(const std::vector<double>& values);
/// The elements of a Tensor as numbers.
Numbers numbers_of(const Tensor& tensor);

/// Throws ShapeError.
void require_equal(std::size_t count, const char* what, std::size_t expected, const char* of_what);
/// Throws ValueError unless the text is empty or "#rrggbb".
void require_colour(const std::string& colour, const char* option = "colour");
void require_within(double value, double low, double high, const char* option);
/// Throws ValueError unless both ends are finite and in order.
void require_interval(Range range, const char* what);
/// Throws ValueError unless what is given of it is in order.
void require_order(Range range, const char* option);

/// Columns of points (N, 2). Throws ShapeError on another shape.
struct Columns {
  Numbers x, y;
};
Columns columns_of(const Tensor& points);

/// Throws ValueError where the panel holds what does not go with it.
void become(Content& content, Kind kind);
/// The colour given, or the panel's next one.
std::string choose_colour(Content& content, const std::string& colour);
void add_legend(Content& content, Entry::Kind kind, const std::string& colour, const std::string& label);
/// The panel's ranges hold the points.
void include_points(Content& content, const Numbers& x, const Numbers& y);

}  // namespace xgrad::plot::detail
