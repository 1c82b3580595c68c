// StateDict: the named tensors of an object's state, in order. PreparedLoad: a load that was checked.
// Invariant: names are unique.
// Defined in state_dict.cpp.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <cstddef>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>
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
  /// Whether a tensor can have that name: parts joined by dots, none of them empty.
  static bool is_name(std::string_view name);
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

  /// Returns whether there was one of that name. The others keep their order, at a cost linear in their
  /// number: filter() drops many.
  bool erase(std::string_view name);
  /// Gives a tensor another name in its place. Throws ValueError when there is no `from`, when another tensor
  /// is called `to`, and as set().
  void rename(std::string_view from, std::string to, Place place = Place::here());
  /// The same tensors under "prefix.name". Throws ValueError on a prefix that is no name, as set().
  [[nodiscard]] StateDict with_prefix(std::string_view prefix, Place place = Place::here()) const;
  /// Those called "prefix.name", as "name"; all others are left out. Throws as with_prefix().
  [[nodiscard]] StateDict without_prefix(std::string_view prefix, Place place = Place::here()) const;
  using Predicate = Callback<bool(const std::string& name, const Tensor& tensor)>;
  /// Those that `keep` is true of.
  [[nodiscard]] StateDict filter(const Predicate& keep) const;
  /// Appends all of `other`. Throws ValueError naming every name that is in both, and where one layout is
  /// xgrad's and one PyTorch's; an unknown layout becomes the other's. Nothing is changed then.
  void merge(StateDict other, Place place = Place::here());

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
  void make_room(std::size_t count);
  std::size_t slot_of(std::string_view name) const;
  void release(std::size_t slot);

  std::vector<Item> items_;
  std::vector<std::size_t> slots_;  // a hash table of positions in items_; see state_dict.cpp
  Layout layout_ = Layout::unknown;
};

/// A table of names, dtypes and shapes, and a line with the count of tensors and of their bytes.
[[nodiscard]] std::string to_string(const StateDict& dict);
std::ostream& operator<<(std::ostream& stream, const StateDict& dict);

/// A load that was checked and holds all that it needs: run() carries it out and cannot fail. So loads of
/// many objects are all or nothing:
///   PreparedLoad weights = model.prepare_load(saved.without_prefix("model"));
///   PreparedLoad moments = optimizer.prepare_load(saved.without_prefix("optimizer"));
///   weights.run();
///   moments.run();
/// The object that it was prepared for must outlive it, and neither move nor change its structure before.
class [[nodiscard]] PreparedLoad {
 public:
  /// Of any function without arguments that is noexcept, and should allocate nothing: what prepare_load() of
  /// a class of your own returns.
  template <class Commit>
  requires(!std::is_same_v<Commit, PreparedLoad> && std::is_nothrow_invocable_v<Commit&>)
      PreparedLoad(Commit commit)
      : commit_(std::move(commit)) {}
  PreparedLoad(PreparedLoad&&) noexcept = default;
  PreparedLoad& operator=(PreparedLoad&&) noexcept = default;
  PreparedLoad(const PreparedLoad&) = delete;
  PreparedLoad& operator=(const PreparedLoad&) = delete;
  ~PreparedLoad() = default;

  /// The load, once: another call does nothing, nor does one of a load that was moved from.
  void run() noexcept {
    if (const Callback<void()> commit = std::exchange(commit_, {})) commit();
  }

 private:
  Callback<void()> commit_;
};

}  // namespace xgrad
XGRAD_API_END
