// Visitor: how a module shows its parts. Module::visit calls v("name", member) for each of them, in order.
#pragma once

#include <xgrad/autograd/variable.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xgrad::nn {

class Module;

/// Receives the parts of a module. Undefined parameters and buffers, empty optionals and null pointers are
/// passed over; the items of a vector or an array are named "name.0", "name.1", ...
class Visitor {
 public:
  virtual ~Visitor() = default;

  /// A Parameter, or a Variable: a parameter that copies of the module share.
  void operator()(std::string_view name, Variable& parameter) {
    if (parameter.defined()) visit_parameter(name, parameter);
  }
  /// A Buffer.
  void operator()(std::string_view name, Tensor& buffer) {
    if (buffer.defined()) visit_buffer(name, buffer);
  }
  void operator()(std::string_view name, Module& child) { visit_child(name, child); }

  template <class T>
  void operator()(std::string_view name, std::vector<T>& items) {
    visit_items(name, items);
  }
  template <class T, std::size_t N>
  void operator()(std::string_view name, std::array<T, N>& items) {
    visit_items(name, items);
  }
  template <class T>
  void operator()(std::string_view name, std::optional<T>& item) {
    if (item) (*this)(name, *item);
  }
  /// Copies of the module share what a shared_ptr holds.
  template <class T>
  void operator()(std::string_view name, std::shared_ptr<T>& item) {
    if (item) (*this)(name, *item);
  }
  template <class T>
  void operator()(std::string_view name, std::unique_ptr<T>& item) {
    if (item) (*this)(name, *item);
  }

  /// Several members, named by a comma-separated list: what XGRAD_VISIT expands to.
  template <class... T>
  void members(std::string_view names, T&... items) {
    ((*this)(next_name(names), items), ...);
  }

 protected:
  virtual void visit_parameter(std::string_view name, Variable& parameter) = 0;
  virtual void visit_buffer(std::string_view name, Tensor& buffer) = 0;
  virtual void visit_child(std::string_view name, Module& child) = 0;

 private:
  template <class Items>
  void visit_items(std::string_view name, Items& items) {
    std::size_t i = 0;
    for (auto& item : items) (*this)(std::string(name) + "." + std::to_string(i++), item);
  }
  static std::string_view next_name(std::string_view& names);
};

}  // namespace xgrad::nn
