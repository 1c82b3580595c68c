// Reading a state dictionary. Invariant: nothing is changed before every entry has been looked at.
#pragma once

#include <xgrad/tensor/state_dict.hpp>

#include <map>
#include <string>

namespace xgrad::detail {

/// The entries of a dictionary, looked up by name; collects everything that does not match.
class Entries {
 public:
  explicit Entries(const StateDict& state) {
    for (const auto& [name, tensor] : state) entries_.emplace(name, &tensor);
  }

  bool contains(const std::string& name) const { return entries_.count(name) != 0; }
  /// The entry when it is there and fits; it counts as used in any case. Undefined otherwise.
  Tensor take(const std::string& name, const Shape& shape, DType dtype) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      note(name + ": missing");
      return {};
    }
    const Tensor tensor = *found->second;
    entries_.erase(found);
    if (tensor.shape() == shape && tensor.dtype() == dtype) return tensor;
    note(name + ": expects " + std::string(to_string(dtype)) + " " + to_string(shape) + ", got " +
         describe(tensor));
    return {};
  }
  void note(const std::string& mismatch) { mismatches_ += "\n  " + mismatch; }
  /// Throws ValueError with all mismatches, if any: entries that were not taken are unexpected.
  void finish(const char* receiver) {
    for (const auto& entry : entries_) note(entry.first + ": unexpected");
    if (!mismatches_.empty())
      fail<ValueError>(std::string("the state does not fit ") + receiver + ":" + mismatches_);
  }

 private:
  std::map<std::string, const Tensor*> entries_;
  std::string mismatches_;
};

}  // namespace xgrad::detail
