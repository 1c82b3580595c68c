// A run as a table.
#include <xgrad/train/history.hpp>

#include <xgrad/io/checkpoint.hpp>
#include <xgrad/io/descriptor.hpp>
#include <xgrad/io/sink.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <ostream>
#include <set>

namespace xgrad::train {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// What a file holds; nothing where there is none, or no regular one, or it is longer than `most`.
std::optional<std::string> contents_of(const std::string& path, std::size_t most) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error) || std::filesystem::file_size(path, error) > most)
    return {};
  std::ifstream stream(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream || stream.bad()) return {};
  return text;
}

void append_to(const std::string& path, std::string_view text) {
  const auto refuse = [&] {
    throw IoError(xgrad::detail::message_prefix() + "cannot append to", path, errno);
  };
  const io::detail::Descriptor file(io::detail::open_retrying(path.c_str(), O_WRONLY | O_APPEND));
  if (file.number() < 0) refuse();
  while (!text.empty()) {
    const ssize_t count = ::write(file.number(), text.data(), text.size());
    if (count >= 0)
      text.remove_prefix(static_cast<std::size_t>(count));
    else if (errno != EINTR)
      refuse();
  }
}

}  // namespace

void History::append(const std::vector<Item>& row, Place place) {
  std::set<std::string_view> given;
  for (const auto& [name, value] : row)
    if (name.empty() || name.find('\n') != std::string::npos || !given.insert(name).second)
      xgrad::detail::fail_at<ValueError>(place, "History: '" + name + "' is no name of its own");
  History next = *this;
  for (auto& column : next.columns_) column.push_back(unknown);
  for (const auto& [name, value] : row) {
    const auto at = std::ranges::find(next.names_, name) - next.names_.begin();
    if (at == std::ssize(next.names_)) {
      next.names_.push_back(name);
      next.columns_.emplace_back(rows_ + 1, unknown);
    }
    next.columns_[static_cast<std::size_t>(at)].back() = value;
  }
  ++next.rows_;
  *this = std::move(next);
}

bool History::contains(std::string_view name) const {
  return std::ranges::find(names_, name) != names_.end();
}

const std::vector<double>& History::values(std::string_view name, Place place) const& {
  const auto at = std::ranges::find(names_, name) - names_.begin();
  if (at < std::ssize(names_)) return columns_[static_cast<std::size_t>(at)];
  std::string text = "History: there is no '" + std::string(name) + "'";
  for (const std::string& column : names_) text += (&column == names_.data() ? ", only " : ", ") + column;
  xgrad::detail::fail_at<ValueError>(place, text);
}

double History::last(std::string_view name, Place place) const {
  const std::vector<double>& column = values(name, place);
  return column.back();
}

std::size_t History::best(std::string_view name, bool highest, Place place) const {
  const std::vector<double>& column = values(name, place);
  std::size_t found = column.size();
  for (std::size_t i = 0; i < column.size(); ++i)
    if (!std::isnan(column[i]) &&
        (found == column.size() || (highest ? column[i] > column[found] : column[i] < column[found])))
      found = i;
  if (found == column.size())
    xgrad::detail::fail_at<ValueError>(place, "History: '" + std::string(name) + "' has no number");
  return found;
}

std::string History::csv() const {
  std::string text;
  for (const std::string& name : names_) {
    if (&name != names_.data()) text += ',';
    if (name.find_first_of(",\"\r") == std::string::npos && !name.starts_with("\xEF\xBB\xBF")) {
      text += name;
      continue;
    }
    text += '"';
    for (const char c : name) text.append(c == '"' ? 2 : 1, c);
    text += '"';
  }
  if (names_.empty()) return text;
  text += '\n';
  for (std::size_t row = 0; row < rows_; ++row) {
    for (const auto& column : columns_) {
      if (&column != columns_.data()) text += ',';
      std::array<char, 64> digits{};
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), column[row]).ptr;
      text += std::isnan(column[row]) ? "NaN" : std::string(digits.data(), end);
    }
    text += '\n';
  }
  return text;
}

void History::write_csv(const std::string& path, Place place) const {
  const Scope scope("History", place);
  const std::string text = csv();
  const std::optional<std::string> present = contents_of(path, text.size());
  if (present == text) return;
  if (present && !present->empty() && text.starts_with(*present)) {
    append_to(path, std::string_view(text).substr(present->size()));
    return;
  }
  io::detail::Sink sink(path);
  sink.write(text);
  sink.commit();
}

StateDict History::state_dict() const {
  std::string names;
  for (const std::string& name : names_) names += name + '\n';
  std::vector<double> numbers;
  for (std::size_t row = 0; row < rows_; ++row)
    for (const auto& column : columns_) numbers.push_back(column[row]);
  const Shape shape{static_cast<Index>(rows_), static_cast<Index>(names_.size())};
  return {{"names", io::detail::kept(names)}, {"values", Tensor::from(numbers, shape)}};
}

PreparedLoad History::prepare_load(const StateDict& state, Place place) & {
  const Scope scope("History", place);
  std::string text;
  io::detail::restore(state.at("names"), text);
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  const Tensor values = state.at("values");
  const auto columns = static_cast<Index>(names.size());
  if (state.size() != 2 || values.dtype() != float64 || values.rank() != 2 || values.size(1) != columns)
    fail<ValueError>("the state does not fit a history: expects float64 (rows, " + std::to_string(columns) +
                     "), got " + describe(values));
  History loaded;
  if (columns == 0) loaded.rows_ = static_cast<std::size_t>(values.size(0));
  const double* number = values.data<double>();
  for (Index row = 0; columns > 0 && row < values.size(0); ++row) {
    std::vector<Item> items;
    for (const std::string& name : names) items.emplace_back(name, *number++);
    loaded.append(items);
  }
  return [this, loaded = std::move(loaded)]() mutable noexcept { *this = std::move(loaded); };
}

std::string to_string(const History& history) {
  std::string text;
  std::vector<std::size_t> widths;
  for (const std::string& name : history.names()) {
    widths.push_back(std::max<std::size_t>(name.size(), 8) + 2);
    text.append(widths.back() - name.size(), ' ').append(name);
  }
  text += '\n';
  for (std::size_t row = 0; row < history.size(); ++row) {
    for (std::size_t column = 0; column < widths.size(); ++column) {
      char number[32];
      std::snprintf(number, sizeof number, "%.4g", history.values(history.names()[column])[row]);
      text.append(widths[column] - std::min(widths[column], std::string(number).size()), ' ').append(number);
    }
    text += '\n';
  }
  return text;
}

std::ostream& operator<<(std::ostream& stream, const History& history) {
  return stream << to_string(history);
}

}  // namespace xgrad::train
