// Visitor: how a module shows its parts. Module::visit calls v("name", member) for each of them, in order.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::nn {

class Module;

/// How PyTorch's dictionaries have a parameter or a buffer, where that is not as here.
struct PytorchForm {
  IndexList order = {};  ///< axis i here is axis order[i] there; empty: the same axes
  /// The option that says whether that order holds or the same axes do, for a layer that has not been told:
  /// shapes decide, and ValueError is thrown where they do not. Empty: the order holds.
  std::string_view told_by = {};
  bool optional = false;  ///< dictionaries may lack it, and it keeps its value
};

/// Receives the parts of a module. Undefined parameters and buffers, empty optionals and null pointers are
/// passed over; the items of a vector or an array are named "name.0", "name.1", ...
class Visitor {
 public:
  virtual ~Visitor() = default;

  /// A part: a Parameter; a Variable, a parameter that copies of the module share; a Buffer; a Module; a
  /// vector, array or optional of them; a shared_ptr, whose object copies of the module share; a unique_ptr.
  /// Throws ValueError on a name that is empty or holds a dot.
  template <class T>
  void operator()(std::string_view name, T& part) {
    check_name(name);
    show(name, part);
  }
  /// A parameter whose axis i is axis pytorch_order[i] of PyTorch's: load_torch and to_torch permute it.
  void operator()(std::string_view name, Variable& parameter, const IndexList& pytorch_order) {
    (*this)(name, parameter, PytorchForm{.order = pytorch_order});
  }
  /// A parameter, or a buffer, that PyTorch has in another form.
  void operator()(std::string_view name, Variable& parameter, const PytorchForm& form) {
    check_name(name);
    if (parameter.defined()) visit_parameter_as(name, parameter, form);
  }
  void operator()(std::string_view name, Tensor& buffer, const PytorchForm& form) {
    check_name(name);
    if (buffer.defined()) visit_buffer_as(name, buffer, form);
  }

  /// Several members, named by a comma-separated list: what XGRAD_VISIT expands to.
  template <class... T>
  void members(std::string_view names, T&... items) {
    ((*this)(next_name(names), items), ...);
  }

 protected:
  virtual void visit_parameter(std::string_view name, Variable& parameter) = 0;
  virtual void visit_parameter_as(std::string_view name, Variable& parameter, const PytorchForm&) {
    visit_parameter(name, parameter);
  }
  virtual void visit_buffer(std::string_view name, Tensor& buffer) = 0;
  virtual void visit_buffer_as(std::string_view name, Tensor& buffer, const PytorchForm&) {
    visit_buffer(name, buffer);
  }
  virtual void visit_child(std::string_view name, Module& child) = 0;
  /// The module whose parts are being shown, for messages.
  virtual std::string visited() const { return "a module"; }

 private:
  void show(std::string_view name, Variable& parameter) {
    if (parameter.defined()) visit_parameter(name, parameter);
  }
  void show(std::string_view name, Tensor& buffer) {
    if (buffer.defined()) visit_buffer(name, buffer);
  }
  void show(std::string_view name, Module& child) { visit_child(name, child); }
  template <class T>
  void show(std::string_view name, std::vector<T>& items) {
    visit_items(name, items);
  }
  template <class T, std::size_t N>
  void show(std::string_view name, std::array<T, N>& items) {
    visit_items(name, items);
  }
  template <class T>
  void show(std::string_view name, std::optional<T>& item) {
    if (item) show(name, *item);
  }
  template <class T>
  void show(std::string_view name, std::shared_ptr<T>& item) {
    if (item) show(name, *item);
  }
  template <class T>
  void show(std::string_view name, std::unique_ptr<T>& item) {
    if (item) show(name, *item);
  }
  template <class Items>
  void visit_items(std::string_view name, Items& items) {
    std::size_t i = 0;
    for (auto& item : items) show(std::string(name) + "." + std::to_string(i++), item);
  }
  void check_name(std::string_view name) const;
  static std::string_view next_name(std::string_view& names);
};

}  // namespace xgrad::nn
XGRAD_API_END
