// Ranges, ticks and their numbers.
#include <xgrad/plot/axis.hpp>

#include <xgrad/plot/text.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace xgrad::plot::detail {
namespace {

// 1, 2 or 5 times a power of ten, the least that is not below `least`.
double tick_step(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

// gnuplot's arithmetic bears what lies between it and its inverse.
constexpr double least_logarithmic = 1e-300;

std::string power_of_ten(int exponent) {
  constexpr std::array<const char*, 10> digits = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = exponent < 0 ? "10⁻" : "10";
  for (const char digit : std::to_string(std::abs(exponent)))
    text += digits[static_cast<std::size_t>(digit - '0')];
  return text;
}

// Multiples of the step with the digits that tell them apart; far from 1, with a power of ten.
std::vector<Tick> linear_ticks(double low, double high, double step, const std::string& unit) {
  const double greatest = std::max(std::abs(low), std::abs(high));
  int exponent = 0;
  if (greatest >= 1e6 || greatest < 1e-3)
    exponent = static_cast<int>(std::floor(std::log10(greatest) + 1e-9));
  double scale = std::pow(10, exponent);
  const auto digits = [&] {
    return std::clamp(static_cast<int>(std::ceil(-std::log10(step / scale) - 1e-9)), 0, 15);
  };
  if (exponent > 0 && exponent < 15 && digits() > 3) scale = 1, exponent = 0;
  const int decimals = digits();
  std::vector<Tick> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i < 60; ++i) {
    const double at = (first + i) * step + 0.0;
    if (at > high + 1e-9 * step) break;
    std::string text = decimal(at / scale, decimals);
    if (exponent != 0 && text.find_first_of("123456789") != text.npos) text += "·" + power_of_ten(exponent);
    ticks.push_back({std::clamp(at, low, high), text + unit});
  }
  return ticks;
}

std::vector<Tick> logarithmic_ticks(double low, double high, int most, bool integral,
                                    const std::string& unit) {
  const int first = static_cast<int>(std::floor(std::log10(integral ? std::max(1.0, low) : low) + 1e-9));
  const int last = static_cast<int>(std::ceil(std::log10(high) - 1e-9));
  const auto inside = [&](double at) {
    return at >= low * (1 - 1e-9) && at <= high * (1 + 1e-9) && (!integral || at == std::floor(at));
  };
  const auto make = [&](int exponent, int factor) {
    const bool plain = exponent >= -3 && exponent <= 4;
    const double at = std::stod(std::to_string(factor) + "e" + std::to_string(exponent));
    std::string text = plain ? decimal(at, std::max(0, -exponent)) : power_of_ten(exponent);
    if (!plain && factor != 1) text = std::to_string(factor) + "·" + text;
    return Tick{at, text + unit};
  };
  std::vector<Tick> ticks;
  const auto fill = [&](std::vector<int> factors, int stride) {
    ticks.clear();
    for (int exponent = first; exponent <= last; ++exponent)
      for (const int factor : factors)
        if (exponent % stride == 0) {
          Tick tick = make(exponent, factor);
          if (inside(tick.at)) ticks.push_back(std::move(tick));
        }
  };
  fill({1}, std::max(1, (last - first + most - 1) / most));
  if (ticks.size() < 3) fill({1, 2, 5}, 1);
  // Within less than a decade, numbers as on a linear axis.
  if (ticks.size() < 2) {
    const double step = tick_step((high - low) / 4);
    ticks = linear_ticks(low, high, integral ? std::max(1.0, step) : step, unit);
  }
  return ticks;
}

double widest(const std::vector<Tick>& ticks, double size) {
  double width = 0;
  for (const Tick& tick : ticks) width = std::max(width, text_width(tick.text, size));
  return width;
}

Axis linear_axis(const AxisRequest& request, double low, double high) {
  if (request.zero) low = std::min(low, 0.0), high = std::max(high, 0.0);
  // Of a constant, its neighbourhood.
  if (!(high - low > 1e-12 * std::max(std::abs(low), std::abs(high)))) {
    const double around = low == 0           ? 1
                          : request.integral ? std::max(1.0, 1e-6 * std::abs(low))
                                             : 0.1 * std::abs(low);
    if (std::isnan(request.fixed.low)) low -= around;
    if (std::isnan(request.fixed.high)) high += around;
    if (!(high > low)) low -= around, high += around;
  }
  const double data_low = low, data_high = high;
  const double space = request.margin * (high - low);
  if (!request.rounded) {
    if (std::isnan(request.fixed.low) && !(request.zero && low == 0)) low -= space;
    if (std::isnan(request.fixed.high) && !(request.zero && high == 0)) high += space;
  }
  Axis axis;
  // Closer where they would be but one or two.
  const double pixels = request.horizontal ? 28 : std::clamp(request.length / 5, 18.0, 46.0);
  for (double least = (high - low) * pixels / request.length;; least *= 1.6) {
    double step = tick_step(least);
    if (request.integral) step = std::max(1.0, step);
    axis.low = low;
    axis.high = high;
    if (request.rounded) {
      if (std::isnan(request.fixed.low)) axis.low = std::floor(data_low / step + 1e-9) * step + 0.0;
      if (std::isnan(request.fixed.high)) axis.high = std::ceil(data_high / step - 1e-9) * step + 0.0;
      // Not if much of the axis would be empty.
      const double room = 0.12 * (data_high - data_low);
      if (axis.low < data_low - room) axis.low = data_low - room / 2;
      if (axis.high > data_high + room) axis.high = data_high + room / 2;
      if (!(axis.low < axis.high)) axis.low = low, axis.high = high;
      // A multiple of the step may fall short of the datum that it equals, which then would not be drawn.
      axis.low = std::min(axis.low, low);
      axis.high = std::max(axis.high, high);
    }
    axis.ticks = linear_ticks(axis.low, axis.high, step, request.unit);
    const double apart = step / (axis.high - axis.low) * request.length;
    if (!request.horizontal || axis.ticks.size() < 2 || apart >= widest(axis.ticks, request.tick_size) + 14)
      return axis;
  }
}

Axis logarithmic_axis(const AxisRequest& request, double low, double high) {
  Axis axis;
  axis.log = true;
  if (!(high > low * (1 + 1e-9))) {
    if (std::isnan(request.fixed.low)) low /= 2;
    if (std::isnan(request.fixed.high)) high *= 2;
    if (!(high > low)) low /= 2, high *= 2;
  }
  // The ratio of the ends may be more than a number holds.
  const double stretch =
      std::exp((std::log(high) - std::log(low)) * (request.rounded ? 0.04 : request.margin));
  axis.low = std::isnan(request.fixed.low) ? std::min(low, std::max(least_logarithmic, low / stretch)) : low;
  axis.high =
      std::isnan(request.fixed.high) ? std::max(high, std::min(1 / least_logarithmic, high * stretch)) : high;
  const int most = std::max(2, static_cast<int>(request.length / (request.horizontal ? 56 : 40)));
  axis.ticks = logarithmic_ticks(axis.low, axis.high, most, request.integral, request.unit);
  return axis;
}

}  // namespace

void include(Range& range, double value) {
  if (std::isnan(value)) return;
  if (!(value >= range.low)) range.low = value;
  if (!(value <= range.high)) range.high = value;
}

double Axis::part(double value) const {
  return log ? (std::log(value) - std::log(low)) / (std::log(high) - std::log(low))
             : (value - low) / (high - low);
}

double Axis::value(double part) const {
  return log ? std::exp(std::log(low) + part * (std::log(high) - std::log(low))) : low + part * (high - low);
}

bool Axis::shows(double value) const { return std::isfinite(value) && (!log || value > 0); }

Axis make_axis(const AxisRequest& request) {
  double low = request.data.low, high = request.data.high;
  if (std::isnan(low)) {  // nothing to show
    low = request.log ? 1 : 0;
    high = request.log ? 10 : 1;
    if (!std::isnan(request.fixed.low)) high = request.log ? 10 * request.fixed.low : request.fixed.low + 1;
    if (!std::isnan(request.fixed.high)) low = request.log ? request.fixed.high / 10 : request.fixed.high - 1;
  }
  if (!std::isnan(request.fixed.low)) low = request.fixed.low;
  if (!std::isnan(request.fixed.high)) high = request.fixed.high;
  // One end is given, and all the data lie beyond it.
  if (low > high) (std::isnan(request.fixed.low) ? low : high) = std::isnan(request.fixed.low) ? high : low;
  // Between two whole numbers, there are none to show.
  AxisRequest possible = request;
  if (std::floor(high) < std::ceil(low)) possible.integral = false;
  return possible.log ? logarithmic_axis(possible, low, high) : linear_axis(possible, low, high);
}

}  // namespace xgrad::plot::detail
