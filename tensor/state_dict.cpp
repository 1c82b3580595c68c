#include <xgrad/tensor/state_dict.hpp>

#include <xgrad/tensor/error.hpp>

namespace xgrad {

StateDict::StateDict(std::initializer_list<Item> items) {
  for (const Item& item : items) set(item.first, item.second);
}

void StateDict::set(std::string name, Tensor tensor) {
  if (!tensor.defined()) fail<ValueError>("StateDict: the tensor '" + name + "' is undefined");
  const auto [found, is_new] = positions_.try_emplace(name, items_.size());
  if (is_new)
    items_.emplace_back(std::move(name), std::move(tensor));
  else
    items_[found->second].second = std::move(tensor);
}

const Tensor* StateDict::find(std::string_view name) const {
  const auto found = positions_.find(std::string(name));
  return found != positions_.end() ? &items_[found->second].second : nullptr;
}

const Tensor& StateDict::at(std::string_view name) const {
  if (const Tensor* tensor = find(name)) return *tensor;
  std::string names;
  for (const Item& item : items_) names += (names.empty() ? "" : ", ") + item.first;
  fail<ValueError>("StateDict: there is no tensor '" + std::string(name) + "'", "there are: " + names);
}

}  // namespace xgrad
