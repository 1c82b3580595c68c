// Text of a tensor in NumPy's notation. Invariant: only the elements that appear decide the format.
#include <xgrad/tensor/tensor.hpp>

#include <xgrad/tensor/dispatch.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>

namespace xgrad {
namespace {

using Words = std::vector<std::string>;

// The flat positions of the elements that appear, in order. An axis that is too long keeps both its ends.
void collect(const Shape& shape, Index edge, Index axis, Index base, std::vector<Index>& shown) {
  if (axis == shape.rank()) return shown.push_back(base);
  const Index size = shape[axis];
  for (Index i = 0; i < size; ++i) {
    if (size > 2 * edge && i == edge) i = size - edge;
    collect(shape, edge, axis + 1, base * size + i, shown);
  }
}

std::size_t widest(const Words& words) {
  std::size_t width = 0;
  for (const std::string& word : words) width = std::max(width, word.size());
  return width;
}

void pad_left(Words& words, std::size_t width) {
  for (std::string& word : words) word.insert(0, width > word.size() ? width - word.size() : 0, ' ');
}

template <class T>
Words integer_words(const std::vector<T>& values) {
  Words words;
  for (T value : values) words.push_back(std::to_string(value));
  pad_left(words, widest(words));
  return words;
}

Words bool_words(const std::vector<bool>& values, std::size_t width) {
  Words words;
  for (bool value : values) words.push_back(value ? "true" : "false");
  pad_left(words, width);
  return words;
}

// A number in decimal: sign and integer digits, fraction digits, exponent ("e+05" or nothing).
struct Decimal {
  std::string whole, fraction, exponent;
};

Decimal split(const std::string& text) {
  Decimal decimal;
  const std::size_t e = std::min(text.find('e'), text.size());
  const std::size_t point = std::min(text.find('.'), e);
  decimal.whole = text.substr(0, point);
  if (point < e) decimal.fraction = text.substr(point + 1, e - point - 1);
  decimal.exponent = text.substr(e);
  return decimal;
}

std::string printed(const char* format, int precision, double value) {
  std::string text(static_cast<std::size_t>(std::snprintf(nullptr, 0, format, precision, value)) + 1, '\0');
  std::snprintf(text.data(), text.size(), format, precision, value);
  text.pop_back();
  return text;
}

// The shortest digits that read back as the same T, or the exact value rounded where these are more than
// `precision`.
template <class T>
Decimal shortest(T value, bool exponent, int precision) {
  char buffer[512];
  const auto style = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  Decimal decimal = split({buffer, std::to_chars(buffer, buffer + sizeof buffer, value, style).ptr});
  if (decimal.fraction.size() > static_cast<std::size_t>(precision)) {
    decimal = split(printed(exponent ? "%.*e" : "%.*f", precision, static_cast<double>(value)));
    decimal.fraction.erase(decimal.fraction.find_last_not_of('0') + 1);
  }
  return decimal;
}

// Scientific when the magnitudes are extreme or span more than three decades.
template <class T>
bool needs_exponent(const std::vector<T>& values) {
  T largest = 0, smallest = 0;
  for (T value : values) {
    const T magnitude = std::abs(value);
    if (!std::isfinite(value) || magnitude == 0) continue;
    largest = std::max(largest, magnitude);
    smallest = smallest == 0 ? magnitude : std::min(smallest, magnitude);
  }
  if (largest == 0) return false;
  return largest >= T(1e8) || static_cast<double>(smallest) < 1e-4 || largest / smallest > T(1000);
}

template <class T>
Words real_words(const std::vector<T>& values, int precision) {
  const bool exponent = needs_exponent(values);
  std::vector<Decimal> decimals;
  std::size_t fraction = 0, power = 0;
  for (T value : values) {
    if (!std::isfinite(value)) {
      decimals.push_back({std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf", {}, {}});
      continue;
    }
    decimals.push_back(shortest(value, exponent, precision));
    fraction = std::max(fraction, decimals.back().fraction.size());
    power = std::max(power, decimals.back().exponent.size());
  }

  Words words;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Decimal& decimal = decimals[i];
    if (std::isfinite(values[i])) {
      if (exponent) {
        // All mantissas have as many digits as the longest; all exponents too, after the letter and the sign.
        decimal = split(printed("%.*e", static_cast<int>(fraction), static_cast<double>(values[i])));
        decimal.exponent.insert(2, power - decimal.exponent.size(), '0');
      }
      decimal.fraction.append(fraction - decimal.fraction.size(), ' ');
      decimal.whole += '.';
    }
    words.push_back(decimal.whole + decimal.fraction + decimal.exponent);
  }
  pad_left(words, widest(words));
  return words;
}

// Writes the words in nested brackets, an indent of one space per bracket.
class Layout {
 public:
  Layout(const Shape& shape, const Words& words, Index edge)
      : shape_(shape), word_(words.begin()), edge_(edge) {}

  // The text from `axis` on, within columns [indent, width).
  std::string text(Index axis, const std::string& indent, Index width) {
    if (axis == shape_.rank()) return *word_++;
    if (axis + 1 == shape_.rank()) return row(indent, width - 1);
    const std::string separator =
        std::string(static_cast<std::size_t>(shape_.rank() - axis - 1), '\n') + indent;
    std::string text;
    for_each_item(axis, [&](bool left_out) {
      if (!text.empty()) text += separator;
      text += left_out ? "..." : this->text(axis + 1, indent + ' ', width - 1);
    });
    return "[" + text + "]";
  }

 private:
  // Calls f(false) for every item that appears on the axis and f(true) where the middle is left out.
  template <class F>
  void for_each_item(Index axis, F f) {
    const Index size = shape_[axis];
    const bool long_axis = size > 2 * edge_;
    for (Index i = 0; i < (long_axis ? 2 * edge_ : size); ++i) {
      if (long_axis && i == edge_) f(true);
      f(false);
    }
  }

  // A row that is too long wraps under its first element.
  std::string row(const std::string& indent, Index width) {
    std::string text, line;
    for_each_item(shape_.rank() - 1, [&](bool left_out) {
      const std::string word = left_out ? "..." : *word_++;
      if (!line.empty()) {
        if (static_cast<Index>(indent.size() + line.size() + 1 + word.size()) > width) {
          text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n" + indent;
          line.clear();
        } else {
          line += ' ';
        }
      }
      line += word;
    });
    return "[" + text + line + "]";
  }

  const Shape& shape_;
  Words::const_iterator word_;
  Index edge_;
};

}  // namespace

std::string to_string(const Tensor& tensor, const PrintOptions& options, Place place) {
  const Scope scope("to_string", place);
  if (options.precision < 0 || options.edge_items < 1)
    fail<ValueError>("expects a precision >= 0 and edge_items >= 1, got " +
                     std::to_string(options.precision) + " and " + std::to_string(options.edge_items));
  if (!tensor.defined()) return "undefined";
  if (tensor.count() == 0) return "[], shape=" + to_string(tensor.shape());

  const Index everything = std::numeric_limits<Index>::max() / 2;
  const Index edge =
      tensor.count() > options.threshold ? std::min(options.edge_items, everything) : everything;
  std::vector<Index> shown;
  collect(tensor.shape(), edge, 0, 0, shown);
  const Words words = detail::dispatch(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* data = tensor.data<T>();
    std::vector<T> values;
    values.reserve(shown.size());
    for (Index position : shown) values.push_back(data[position]);
    if constexpr (std::is_same_v<T, bool>)
      return bool_words(values, tensor.rank() == 0 ? 0 : 5);
    else if constexpr (std::is_integral_v<T>)
      return integer_words(values);
    else
      return real_words(values, options.precision);
  });
  return Layout(tensor.shape(), words, edge).text(0, " ", options.line_width);
}

void debug_print(const Tensor& tensor) {
  std::cerr << describe(tensor);
  if (tensor.defined()) std::cerr << '\n' << tensor;
  std::cerr << std::endl;
}

std::ostream& operator<<(std::ostream& stream, const Tensor& tensor) { return stream << to_string(tensor); }

}  // namespace xgrad
