// Named numbers in order.
#include <xgrad/train/scores.hpp>

#include <xgrad/io/checkpoint.hpp>

#include <algorithm>
#include <cstdio>
#include <ostream>

namespace xgrad::train {

Scores::Scores(std::initializer_list<Item> items, Place place) {
  for (const Item& item : items) set(item.first, item.second, place);
}

void Scores::set(std::string name, double value, Place place) {
  if (name.empty() || name.find('\0') != std::string::npos)
    xgrad::detail::fail_at<ValueError>(place, "Scores: a name is empty or holds a zero byte");
  const auto found = std::ranges::find(items_, name, &Item::first);
  if (found != items_.end())
    found->second = value;
  else
    items_.emplace_back(std::move(name), value);
}

const double* Scores::find(std::string_view name) const& {
  const auto found = std::ranges::find(items_, name, &Item::first);
  return found != items_.end() ? &found->second : nullptr;
}

double Scores::at(std::string_view name, Place place) const {
  if (const double* const value = find(name)) return *value;
  std::string text = "Scores: there is no '" + std::string(name) + "', only";
  if (items_.empty()) text = "Scores: there is no '" + std::string(name) + "': they are empty";
  for (const Item& item : items_) text += (&item == items_.data() ? " " : ", ") + item.first;
  xgrad::detail::fail_at<ValueError>(place, text);
}

StateDict Scores::state_dict() const {
  std::string names;
  std::vector<double> values;
  for (const auto& [name, value] : items_) {
    names += name + '\0';
    values.push_back(value);
  }
  return {{"names", io::detail::kept(names)}, {"values", io::detail::kept(values)}};
}

PreparedLoad Scores::prepare_load(const StateDict& state, Place place) & {
  const Scope scope("Scores", place);
  std::string names;
  std::vector<double> values;
  io::detail::restore(state.at("names"), names);
  io::detail::restore(state.at("values"), values);
  Scores loaded;
  std::size_t at = 0;
  for (const double value : values) {
    const std::size_t end = std::min(names.find('\0', at), names.size());
    loaded.set(names.substr(at, end - at), value);
    at = end + 1;
  }
  if (at != names.size() || loaded.size() != values.size())
    fail<ValueError>("names and values are not equally many");
  return [this, loaded = std::move(loaded)]() mutable noexcept { *this = std::move(loaded); };
}

std::string to_string(const Scores& scores) {
  std::string text;
  for (const auto& [name, value] : scores) {
    char number[32];
    std::snprintf(number, sizeof number, "%.4g", value);
    text += (text.empty() ? "" : ", ") + name + " " + number;
  }
  return text;
}

std::ostream& operator<<(std::ostream& stream, const Scores& scores) { return stream << to_string(scores); }

}  // namespace xgrad::train
