// Reading and drawing of drawings. Invariant: all images are of the size of the first one.
#include <xgrad/data/drawings.hpp>

#include <xgrad/data/drawings_text.hpp>
#include <xgrad/data/whole_file.hpp>

#include <xgrad/io/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace xgrad::data {
namespace {

using io::detail::JsonToken;
using Kind = JsonToken::Kind;

struct Stroke {
  std::vector<double> x, y;
};

// One line of a file: strokes or pixels.
class Drawing {
 public:
  // What is wrong with the token, or null.
  const char* take(const JsonToken& token) {
    if (inside_) return element(token, token.depth - base_);
    if (token.depth == 0 && token.kind != Kind::end) {
      object_ = token.kind == Kind::object;
      inside_ = found_ = token.kind == Kind::array;
      return inside_ || object_ ? nullptr : "expects a list or an object";
    }
    if (token.depth != 1) return nullptr;
    if (token.kind == Kind::key) {
      wanted_ = token.text == "drawing";
      return wanted_ && found_ ? "\"drawing\" is there twice" : nullptr;
    }
    if (!wanted_) return nullptr;
    wanted_ = false;
    if (token.kind != Kind::array) return "\"drawing\" must be a list of strokes";
    inside_ = found_ = true;
    base_ = 1;
    return nullptr;
  }

  bool found() const { return found_; }
  bool has_pixels() const { return !pixels_.empty(); }
  bool is_empty_list() const { return !object_ && pixels_.empty() && strokes_.empty(); }
  const std::vector<std::uint8_t>& pixels() const { return pixels_; }
  const std::vector<Stroke>& strokes() const { return strokes_; }

 private:
  const char* element(const JsonToken& token, std::size_t level) {
    if (token.kind == Kind::count || token.kind == Kind::number) return number(token.real, level);
    if (token.kind == Kind::array && level == 1) {
      if (has_pixels()) return "a stroke among pixels";
      strokes_.emplace_back();
      lists_ = 0;
      return nullptr;
    }
    if (token.kind == Kind::array && level == 2) return nullptr;
    if (token.kind != Kind::end) return "expects lists of numbers";
    if (level == 0) inside_ = false;
    if (level == 2) ++lists_;
    if (level != 1) return nullptr;
    const Stroke& stroke = strokes_.back();
    return lists_ < 2 || stroke.x.size() != stroke.y.size() ? "expects a stroke's x and y of one length"
           : stroke.x.empty()                               ? "a stroke without points"
                                                            : nullptr;
  }

  const char* number(double number, std::size_t level) {
    if (level == 1 && !object_ && strokes_.empty()) {
      if (!(number >= 0 && number <= 1)) return "expects pixels from 0 to 1";
      pixels_.push_back(static_cast<std::uint8_t>(std::lround(number * 255)));
      return nullptr;
    }
    if (level != 3) return "a number that belongs to no stroke";
    if (lists_ > 1) return nullptr;
    if (!(number >= 0 && number <= 255)) return "expects coordinates from 0 to 255";
    (lists_ == 0 ? strokes_.back().x : strokes_.back().y).push_back(number);
    return nullptr;
  }

  bool object_ = false, wanted_ = false, inside_ = false, found_ = false;
  std::size_t base_ = 0;   // lists and objects around that of the drawing
  std::size_t lists_ = 0;  // that the stroke under way has had
  std::vector<std::uint8_t> pixels_;
  std::vector<Stroke> strokes_;
};

double distance(double x, double y, double x0, double y0, double x1, double y1) {
  const double dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy;
  const double along = length > 0 ? std::clamp(((x - x0) * dx + (y - y0) * dy) / length, 0.0, 1.0) : 0;
  return std::hypot(x - x0 - along * dx, y - y0 - along * dy);
}

// Draws on `pixels`, which are 0.
void draw(const std::vector<Stroke>& strokes, Index size, double width, std::uint8_t* pixels) {
  const double side = static_cast<double>(size), margin = std::min(width, side) / 2;
  const double scale = (side - 2 * margin) / 255, reach = width / 2 + 0.5;
  const auto place = [&](double coordinate) { return margin + coordinate * scale; };
  const auto clamped = [&](double coordinate) {
    return static_cast<Index>(std::clamp(std::floor(coordinate), 0.0, static_cast<double>(size - 1)));
  };
  for (const Stroke& stroke : strokes)
    for (std::size_t i = 0; i < stroke.x.size(); ++i) {
      // A single point is a line from itself to itself.
      const std::size_t former = i > 0 ? i - 1 : 0;
      if (i == 0 && stroke.x.size() > 1) continue;
      const double x0 = place(stroke.x[former]), y0 = place(stroke.y[former]);
      const double x1 = place(stroke.x[i]), y1 = place(stroke.y[i]);
      for (Index row = clamped(std::min(y0, y1) - reach); row <= clamped(std::max(y0, y1) + reach); ++row)
        for (Index column = clamped(std::min(x0, x1) - reach); column <= clamped(std::max(x0, x1) + reach);
             ++column) {
          const double away =
              distance(static_cast<double>(column) + 0.5, static_cast<double>(row) + 0.5, x0, y0, x1, y1);
          const double covered = std::clamp(reach - away, 0.0, 1.0);
          std::uint8_t& pixel = pixels[row * size + column];
          pixel = std::max(pixel, static_cast<std::uint8_t>(std::lround(covered * 255)));
        }
    }
}

class Reader {
 public:
  Reader(const io::detail::Input& input, const DrawingOptions& options) : input_(input), options_(options) {}

  Tensor read(std::string_view text) {
    for (std::size_t at = 0, end = 0; at < text.size(); at = end + 1) {
      end = std::min(text.find('\n', at), text.size());
      ++line_;
      begin_ = at;
      std::string_view line = text.substr(at, end - at);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (!line.empty()) take(line);
    }
    if (count_ == 0) input_.reject("has no drawing", 0);
    Tensor result = Tensor::uninitialized({count_, size_, size_}, uint8);
    std::memcpy(result.mutable_data<std::uint8_t>(), pixels_.data(), pixels_.size());
    return result;
  }

 private:
  [[noreturn]] void reject(const std::string& text, std::size_t offset) const {
    input_.reject("line " + std::to_string(line_) + ": " + text, begin_ + offset);
  }

  void take(std::string_view line) {
    Drawing drawing;
    io::detail::parse_json(
        line,
        [&](const JsonToken& token) {
          if (const char* fault = drawing.take(token)) reject(fault, token.offset);
        },
        [&](const std::string& reason, std::size_t offset) { reject("is no JSON: " + reason, offset); });
    if (!drawing.found()) reject("an object without \"drawing\"", 0);
    if (drawing.is_empty_list()) reject("an empty list is no drawing", 0);
    if (drawing.has_pixels())
      append(drawing.pixels());
    else
      append(drawing.strokes());
  }

  void append(const std::vector<std::uint8_t>& pixels) {
    const auto side = static_cast<Index>(std::lround(std::sqrt(static_cast<double>(pixels.size()))));
    if (static_cast<std::size_t>(side * side) != pixels.size())
      reject("has " + std::to_string(pixels.size()) + " pixels, which are no square", 0);
    if (options_.size != 0 && side != options_.size)
      fail<ValueError>(input_.name() + ": the drawings have " + std::to_string(side) + " x " +
                           std::to_string(side) + " pixels, not " + std::to_string(options_.size) + " x " +
                           std::to_string(options_.size),
                       "read them as they are, and resize them");
    if (count_ > 0 && side != size_)
      reject("has " + std::to_string(side) + " x " + std::to_string(side) +
                 " pixels, the drawings before it " + std::to_string(size_) + " x " + std::to_string(size_),
             0);
    size_ = side;
    room();
    pixels_.insert(pixels_.end(), pixels.begin(), pixels.end());
  }

  void append(const std::vector<Stroke>& strokes) {
    constexpr Index of_mnist = 28;
    const Index size = options_.size == 0 ? of_mnist : options_.size;
    if (count_ > 0 && size != size_)
      reject("has strokes for " + std::to_string(size) + " x " + std::to_string(size) +
                 " pixels, the drawings before it have " + std::to_string(size_) + " x " +
                 std::to_string(size_),
             0);
    size_ = size;
    room();
    pixels_.resize(pixels_.size() + static_cast<std::size_t>(size * size));
    const double width = options_.line_width == 0 ? static_cast<double>(size) / 16 : options_.line_width;
    draw(strokes, size, width, pixels_.data() + pixels_.size() - size * size);
  }

  void room() {
    ++count_;
    // Twice: a vector grows, and is copied.
    input_.require_memory(2 * static_cast<std::uint64_t>(count_) * static_cast<std::uint64_t>(size_ * size_));
  }

  const io::detail::Input& input_;
  const DrawingOptions& options_;
  std::vector<std::uint8_t> pixels_;
  Index count_ = 0, size_ = 0;
  std::size_t line_ = 0, begin_ = 0;
};

}  // namespace

Tensor detail::parse_drawings(const io::detail::Input& input, std::string_view text,
                              const DrawingOptions& options) {
  return Reader(input, options).read(text);
}

Tensor read_drawings(const std::string& path, const DrawingOptions& options, Place place) {
  const Scope scope("read_drawings", place);
  constexpr Index most = 4096;
  if (options.size < 0 || options.size > most)
    fail<ValueError>("size must be from 0 to " + std::to_string(most) + ", got " +
                     std::to_string(options.size));
  if (!(options.line_width >= 0 && options.line_width <= static_cast<double>(most)))
    fail<ValueError>("line_width must be from 0 to " + std::to_string(most) + ", got " +
                     std::to_string(options.line_width));
  const io::detail::Input input = io::detail::Input::stream(path);
  return detail::parse_drawings(input, detail::read_whole(input, options.max_unpacked), options);
}

}  // namespace xgrad::data
