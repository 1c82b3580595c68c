// Module: a layer or a model, a plain struct whose visit() names its parts.
// Invariant: everything that handles a model as a whole (listing, train/eval, freezing, conversion, saving,
// loading, printing, the paths in messages) is driven by visit() alone.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/nn/parameter.hpp>
#include <xgrad/nn/visitor.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <concepts>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// How strictly a StateDict must match the module.
struct LoadOptions {
  bool strict = true;  ///< missing and unexpected names are errors
};

/// Names that a lenient load left out, and optional ones (PytorchForm) that any did; what is left in doubt.
struct LoadReport {
  std::vector<std::string> missing;     ///< in the module, not in the dictionary
  std::vector<std::string> unexpected;  ///< in the dictionary, not in the module
  /// One line for each weight that fits in PyTorch's order of axes as well, where the dictionary's is
  /// unknown; for one of PyTorch's, of a model of images, one for each Flatten in the other order.
  std::vector<std::string> notes = {};
};

/// A load of a module that was checked, and what load_state_dict() would report of it.
struct [[nodiscard]] ModuleLoad : PreparedLoad {
  LoadReport report;
};

class Module;

namespace detail {

/// False in a module that was moved from, until it is assigned another.
class Presence {
 public:
  Presence() = default;
  Presence(const Presence&) = default;
  Presence(Presence&& other) noexcept : present_(std::exchange(other.present_, false)) {}
  Presence& operator=(const Presence&) = default;
  Presence& operator=(Presence&& other) noexcept {
    const bool present = std::exchange(other.present_, false);
    present_ = present;
    return *this;
  }
  ~Presence() = default;
  explicit operator bool() const { return present_; }

 private:
  bool present_ = true;
};

/// A module's call under way; the thread's calls form a stack.
class Call {
 public:
  [[nodiscard]] Call(Module& module, Place place);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  void returned(const Variable& output) const;

  Module& module() const { return module_; }
  Place place() const { return place_; }
  const Call* outer() const { return outer_; }
  static const Call* innermost();

 private:
  Module& module_;
  Place place_;
  const Call* outer_;
};

}  // namespace detail

/// Base of layers and models. Copying copies all parameters; nothing has to be registered or cloned. Calling
/// one that was moved from throws GraphError.
///   struct Mlp : nn::Module {
///     nn::Linear hidden{784, 128}, output{128, 10};
///     Variable forward(const Variable& x) override { return output(relu(hidden(x))); }
///     void visit(nn::Visitor& v) override { v("hidden", hidden); v("output", output); }
///   };
class Module {
 public:
  Module() = default;
  Module(const Module&) = default;
  Module(Module&&) = default;
  Module& operator=(const Module&) = default;
  Module& operator=(Module&&) = default;
  virtual ~Module() = default;

  /// The computation, for modules of one input and one output. Others declare an operator() of their own over
  /// call().
  virtual Variable forward(const Variable& x);
  /// Calls v("name", member) for every parameter, buffer and child, in order of declaration, and changes
  /// nothing: const modules are listed by it, too.
  virtual void visit(Visitor& v);
  /// One line for summaries and printing: the type's name, with its sizes where there are any.
  virtual std::string describe() const;

  /// Runs forward() under this module's name: messages carry its path and the caller's line.
  Variable operator()(const Operand& x);

  /// Parameters in order of declaration with dotted names, shared ones once, under their first name. Throws
  /// ValueError when one name stands for two parts.
  [[nodiscard]] std::vector<std::pair<std::string, Variable>> named_parameters(
      Place place = Place::here()) const;
  /// The same without names: handles, as optimizers take them, of a const module, too.
  [[nodiscard]] std::vector<Variable> parameters(Place place = Place::here()) const;
  [[nodiscard]] std::vector<std::pair<std::string, Tensor>> named_buffers(Place place = Place::here()) const;
  using NamedModules = std::vector<std::pair<std::string, Module*>>;
  using NamedConstModules = std::vector<std::pair<std::string, const Module*>>;
  /// Direct children.
  [[nodiscard]] NamedModules children(Place place = Place::here()) &;
  [[nodiscard]] NamedConstModules children(Place place = Place::here()) const&;
  NamedModules children(Place place = Place::here()) && = delete;  // they would be gone: name the module
  /// This module under the name "", then all below it, depth first.
  [[nodiscard]] NamedModules named_modules(Place place = Place::here()) &;
  [[nodiscard]] NamedConstModules named_modules(Place place = Place::here()) const&;
  NamedModules named_modules(Place place = Place::here()) && = delete;  // they would be gone

  bool training() const { return training_; }
  /// Training mode for this module and all below it; it starts on.
  void train(bool on = true, Place place = Place::here());
  void eval(Place place = Place::here()) { train(false, place); }
  /// Parameters stop (resume) requiring gradients.
  void freeze(Place place = Place::here());
  void unfreeze(Place place = Place::here());
  /// Converts floating parameters and buffers; handles on them stay valid, gradients are cleared. Throws
  /// DTypeError unless `dtype` is floating.
  void to(DType dtype, Place place = Place::here());
  /// Clears the gradients of all parameters.
  void zero_grad(Place place = Place::here());

  /// Parameters and buffers by name. O(1) each: storage is shared until written.
  [[nodiscard]] StateDict state_dict(Place place = Place::here()) const;
  /// Sets parameters and buffers from `dict`; floating tensors are converted to the module's dtype. Names
  /// (when strict), shapes and dtypes are all checked first: ValueError lists every mismatch, and nothing has
  /// changed. A shared parameter may stand under any of its names, under several bitwise the same. A `dict`
  /// marked as PyTorch's (StateDict::Layout) is loaded as by load_torch().
  LoadReport load_state_dict(const StateDict& dict, LoadOptions options = {}, Place place = Place::here());
  /// Checks all that load_state_dict() does and changes nothing; what it returns carries the load out.
  ModuleLoad prepare_load(const StateDict& dict, LoadOptions options = {}, Place place = Place::here()) &;

 protected:
  /// Runs `f` as this module's call. For modules with several inputs:
  ///   struct Product : nn::Module {
  ///     Variable operator()(const Operand& a, const Operand& b) {
  ///       return call(a.place(), [&] { return a * b; });
  ///     }
  ///   };
  template <class F>
  auto call(Place place, F&& f) {
    if (!presence_) reject_call(place);
    const detail::Call frame(*this, place);
    auto result = std::forward<F>(f)();
    if constexpr (std::same_as<decltype(result), Variable>) frame.returned(result);
    return result;
  }
  /// x as an operand at the line where this module was called, for layers whose operations should name that
  /// line.
  static Operand at_call(const Variable& x);

 private:
  [[noreturn]] void reject_call(Place place) const;

  mutable bool training_ = true;  // summary() of a const module turns it off for a while
  detail::Presence presence_;
};

/// The module and all below it as an indented tree of names and descriptions.
[[nodiscard]] std::string to_string(const Module& module, Place place = Place::here());
std::ostream& operator<<(std::ostream& stream, const Module& module);

}  // namespace xgrad::nn
XGRAD_API_END
