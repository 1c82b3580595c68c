#include <xgrad/tensor/state_dict.hpp>

#include <xgrad/tensor/error.hpp>

#include <algorithm>

namespace xgrad {

StateDict::StateDict(std::initializer_list<Item> items, Place place) {
  for (const Item& item : items) set(item.first, item.second, place);
}

bool StateDict::is_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.back() != '.' && name.find("..") == name.npos;
}

void StateDict::set(std::string name, Tensor tensor, Place its_place) {
  if (!is_name(name))
    detail::fail_at<ValueError>(
        its_place, "StateDict: expects names joined by dots, none of them empty, got '" + name + "'");
  if (!tensor.defined())
    detail::fail_at<ValueError>(its_place, "StateDict: the tensor '" + name + "' is undefined");
  // Room first, so that either both lists grow or none.
  if (by_name_.size() == by_name_.capacity()) by_name_.reserve(2 * by_name_.size() + 8);
  const auto found = place(name);
  if (found != by_name_.end() && items_[*found].first == name) {
    items_[*found].second = std::move(tensor);
    return;
  }
  items_.emplace_back(std::move(name), std::move(tensor));
  by_name_.insert(found, items_.size() - 1);
}

std::vector<std::size_t>::const_iterator StateDict::place(std::string_view name) const {
  return std::lower_bound(
      by_name_.begin(), by_name_.end(), name,
      [&](std::size_t position, std::string_view wanted) { return items_[position].first < wanted; });
}

const Tensor* StateDict::find(std::string_view name) const& {
  const auto found = place(name);
  return found != by_name_.end() && items_[*found].first == name ? &items_[*found].second : nullptr;
}

const StateDict::Item& StateDict::operator[](Subscript position) const& {
  const auto at = static_cast<std::size_t>(position.position());
  if (at >= items_.size())
    detail::fail_at<IndexError>(position.place(), "item " + std::to_string(position.position()) +
                                                      " of a StateDict of " + std::to_string(items_.size()));
  return items_[at];
}

const Tensor& StateDict::at(std::string_view name, Place its_place) const& {
  if (const Tensor* tensor = find(name)) return *tensor;
  std::string names;
  for (const Item& item : items_) names += (names.empty() ? "" : ", ") + item.first;
  detail::fail_at<ValueError>(its_place, "StateDict: there is no tensor '" + std::string(name) + "'",
                              "there are: " + names);
}

}  // namespace xgrad
