// StateDict: the named tensors of a module, in order of declaration.
// Invariant: names are unique.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace xgrad::nn {

/// An ordered map from dotted names to tensors. The tensors share storage with the model until one is
/// written.
class StateDict {
 public:
  using Item = std::pair<std::string, Tensor>;

  StateDict() = default;
  StateDict(std::initializer_list<Item> items);

  /// Appends, or replaces the tensor of that name in its place.
  void set(std::string name, Tensor tensor);
  /// Null when there is none of that name.
  const Tensor* find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Throws ValueError naming the names there are.
  const Tensor& at(std::string_view name) const;

  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  std::vector<Item> items_;
  std::unordered_map<std::string, std::size_t> positions_;
};

/// How strictly a StateDict must match the module.
struct LoadOptions {
  bool strict = true;  ///< missing and unexpected names are errors
};

/// Names that a lenient load left out.
struct LoadReport {
  std::vector<std::string> missing;     ///< in the module, not in the dictionary
  std::vector<std::string> unexpected;  ///< in the dictionary, not in the module
};

}  // namespace xgrad::nn
