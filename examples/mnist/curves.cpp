#include "curves.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <sstream>

namespace {

constexpr double width = 960, height = 456;
constexpr double panel_top = 128, panel_width = 384, panel_height = 262;
constexpr const char* training_colour = "#3b7dd8";
constexpr const char* validation_colour = "#e4752b";

// A range of values with the positions of its ticks.
struct Axis {
  double low;
  double high;
  double step;

  double part(double value) const { return (value - low) / (high - low); }
  std::vector<double> ticks() const {
    std::vector<double> positions;
    for (double k = std::ceil(low / step - 1e-9); k * step <= high * (1 + 1e-9); ++k)
      positions.push_back(k * step + 0.0);  // no negative zero
    return positions;
  }
  /// Digits after the point that tell neighbouring ticks apart.
  int decimals() const { return std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9))); }
};

// 1, 2 or 5 times a power of ten, so that `span` holds at most `count` of them.
double tick_step(double span, int count) {
  const double raw = span / count, power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

Axis value_axis(double low, double high) {
  const double step = tick_step(std::max(high - low, 1e-3), 5);
  return {std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step, step};
}

Axis epoch_axis(const std::vector<Epoch>& epochs) {
  const double first = epochs.front().number, last = epochs.back().number;
  const double margin = last > first ? 0.04 * (last - first) : 0.5;
  return {first - margin, last + margin, std::max(1.0, tick_step(last - first + 2 * margin, 12))};
}

std::string number(double value, int decimals) {
  std::ostringstream text;
  text.setf(std::ios::fixed);
  text.precision(decimals);
  text << value;
  return text.str();
}

using Value = std::function<double(const Epoch&)>;

class Panel {
 public:
  Panel(std::ostream& out, double left, Axis x, Axis y) : out_(out), left_(left), x_(x), y_(y) {}

  void frame(const std::string& title, const std::string& unit) {
    out_ << "<text class='panel' x='" << left_ << "' y='" << panel_top - 18 << "'>" << title << "</text>\n";
    for (const double tick : y_.ticks()) {
      line(left_, vertical(tick), left_ + panel_width, vertical(tick), "grid");
      out_ << "<text class='tick' text-anchor='end' x='" << left_ - 9 << "' y='" << vertical(tick) + 4 << "'>"
           << number(tick, y_.decimals()) << unit << "</text>\n";
    }
    const double bottom = panel_top + panel_height;
    for (const double tick : x_.ticks()) {
      line(horizontal(tick), bottom, horizontal(tick), bottom + 5, "axis");
      out_ << "<text class='tick' text-anchor='middle' x='" << horizontal(tick) << "' y='" << bottom + 20
           << "'>" << number(tick, 0) << "</text>\n";
    }
    line(left_, bottom, left_ + panel_width, bottom, "axis");
    out_ << "<text class='label' text-anchor='middle' x='" << left_ + panel_width / 2 << "' y='"
         << bottom + 42 << "'>epoch</text>\n";
  }

  void mark(double epoch) {
    line(horizontal(epoch), panel_top, horizontal(epoch), panel_top + panel_height, "kept");
  }

  void curve(const std::vector<Epoch>& epochs, const Value& value, const char* colour) {
    out_ << "<polyline fill='none' stroke='" << colour
         << "' stroke-width='2.2' stroke-linejoin='round' stroke-linecap='round' points='";
    for (const Epoch& epoch : epochs)
      out_ << horizontal(epoch.number) << ',' << vertical(value(epoch)) << ' ';
    out_ << "'/>\n";
    if (epochs.size() > 40) return;
    for (const Epoch& epoch : epochs)
      out_ << "<circle r='3.2' fill='#fff' stroke='" << colour << "' stroke-width='2' cx='"
           << horizontal(epoch.number) << "' cy='" << vertical(value(epoch)) << "'/>\n";
  }

 private:
  double horizontal(double epoch) const { return left_ + panel_width * x_.part(epoch); }
  double vertical(double value) const { return panel_top + panel_height * (1 - y_.part(value)); }
  void line(double x1, double y1, double x2, double y2, const char* style) {
    out_ << "<line class='" << style << "' x1='" << x1 << "' y1='" << y1 << "' x2='" << x2 << "' y2='" << y2
         << "'/>\n";
  }

  std::ostream& out_;
  double left_;
  Axis x_;
  Axis y_;
};

void legend(std::ostream& out, double x, const char* colour, const char* text) {
  out << "<line x1='" << x << "' y1='64' x2='" << x + 26 << "' y2='64' stroke-width='2.2' stroke='" << colour
      << "'/>\n<circle r='3.2' fill='#fff' stroke='" << colour << "' stroke-width='2' cx='" << x + 13
      << "' cy='64'/>\n<text class='label' x='" << x + 34 << "' y='68'>" << text << "</text>\n";
}

}  // namespace

std::string curves_svg(const std::vector<Epoch>& epochs, const std::string& title,
                       const std::string& subtitle) {
  std::ostringstream out;
  out.setf(std::ios::fixed);
  out.precision(1);
  out << "<svg xmlns='http://www.w3.org/2000/svg' role='img' viewBox='0 0 " << width << ' ' << height
      << "' width='" << width << "' height='" << height << "'>\n<title>" << title << "</title>\n"
      << "<style>text{font-family:'Helvetica Neue',Helvetica,Arial,'DejaVu Sans',sans-serif;fill:#3a4048}"
         ".title{font-size:21px;font-weight:600;fill:#1d2127}.panel{font-size:15px;font-weight:600}"
         ".label{font-size:13px}.tick{font-size:12px;fill:#6a717b}.grid{stroke:#e8eaed}.axis{stroke:#9aa1ab}"
         ".kept{stroke:#9aa1ab;stroke-dasharray:4 4}</style>\n"
      << "<rect width='100%' height='100%' fill='#fff'/>\n"
      << "<text class='title' x='64' y='38'>" << title << "</text>\n<text class='label' x='64' y='68'>"
      << subtitle << "</text>\n";

  double highest_loss = 0, lowest_accuracy = 100, kept = epochs.front().number;
  for (const Epoch& epoch : epochs) {
    highest_loss = std::max({highest_loss, epoch.training.loss, epoch.validation.loss});
    lowest_accuracy =
        std::min({lowest_accuracy, 100 * epoch.training.accuracy, 100 * epoch.validation.accuracy});
    if (epoch.best) kept = epoch.number;
  }
  const Axis x = epoch_axis(epochs);

  Panel loss(out, 64, x, value_axis(0, std::isfinite(highest_loss) ? highest_loss : 1));
  loss.frame("Loss (cross-entropy, nats)", "");
  loss.mark(kept);
  loss.curve(
      epochs, [](const Epoch& e) { return e.training.loss; }, training_colour);
  loss.curve(
      epochs, [](const Epoch& e) { return e.validation.loss; }, validation_colour);

  Panel accuracy(out, 544, x, value_axis(lowest_accuracy, 100));
  accuracy.frame("Accuracy", " %");
  accuracy.mark(kept);
  accuracy.curve(
      epochs, [](const Epoch& e) { return 100 * e.training.accuracy; }, training_colour);
  accuracy.curve(
      epochs, [](const Epoch& e) { return 100 * e.validation.accuracy; }, validation_colour);

  legend(out, 544, training_colour, "training");
  legend(out, 658, validation_colour, "validation");
  out << "<line class='kept' x1='790' y1='56' x2='790' y2='72'/>\n<text class='label' x='801' y='68'>weights "
         "kept</text>\n"
      << "</svg>\n";
  return out.str();
}
