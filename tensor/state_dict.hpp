// StateDict: the named tensors of a module, an optimizer or a schedule, in order.
// Invariant: names are unique.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad {

/// An ordered map from dotted names to tensors. The tensors share storage with their owner until one is
/// written.
class StateDict {
 public:
  using Item = std::pair<std::string, Tensor>;

  /// Whose order of axes the weights have: those of convolutions are (out, kh, kw, in) here, (out, in, kh,
  /// kw) in PyTorch.
  enum class Layout { unknown, xgrad, pytorch };

  StateDict() = default;
  /// Throws as set().
  StateDict(std::initializer_list<Item> items, Place place = Place::here());

  /// Appends, or replaces the tensor of that name in its place. Throws ValueError on an undefined tensor, and
  /// on a name that is empty or has an empty part: "a..b".
  void set(std::string name, Tensor tensor, Place place = Place::here());
  /// Unknown at first; Module::state_dict() gives xgrad, nn::to_torch() pytorch; load_state_dict() takes
  /// both.
  [[nodiscard]] Layout layout() const { return layout_; }
  void set_layout(Layout layout) { layout_ = layout; }
  /// Null when there is none of that name.
  const Tensor* find(std::string_view name) const&;
  const Tensor* find(std::string_view name) const&& = delete;  // the tensor would be gone: at() copies it
  [[nodiscard]] bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Throws ValueError naming the names there are.
  const Tensor& at(std::string_view name, Place place = Place::here()) const&;
  Tensor at(std::string_view name, Place place = Place::here()) const&& { return at(name, place); }

  std::size_t size() const { return items_.size(); }
  /// Throws IndexError out of range.
  const Item& operator[](Subscript position) const&;
  Item operator[](Subscript position) const&& { return (*this)[position]; }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  auto begin() const& { return items_.begin(); }
  auto end() const& { return items_.end(); }
  void begin() const&& = delete;  // the items would be gone: name the StateDict first
  void end() const&& = delete;    // the items would be gone: name the StateDict first

 private:
  // Where `name` stands, or would stand, in by_name_.
  std::vector<std::size_t>::const_iterator place(std::string_view name) const;

  std::vector<Item> items_;
  std::vector<std::size_t> by_name_;  // positions in items_, by name
  Layout layout_ = Layout::unknown;
};

}  // namespace xgrad
XGRAD_API_END
