// Named numbers in order.
#include <xgrad/train/scores.hpp>

#include <algorithm>
#include <cstdio>
#include <ostream>

namespace xgrad::train {

Scores::Scores(std::initializer_list<Item> items, Place place) {
  for (const Item& item : items) set(item.first, item.second, place);
}

void Scores::set(std::string name, double value, Place place) {
  if (name.empty()) xgrad::detail::fail_at<ValueError>(place, "Scores: a name is empty");
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
