// Walk: a depth-first pass over all parts of a module; private to nn/.
// Invariant: each parameter, buffer and module is reported once, under its first dotted name, unless every
// name is asked for.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/callback.hpp>

#include <unordered_set>

namespace xgrad::nn::detail {

/// The type's name without namespaces, as describe() gives it.
std::string type_name(const Module& module);
/// describe() for a message: the type's name where it throws, because it must not replace the error under
/// way.
std::string description(const Module& module);

class Walk final : private Visitor {
 public:
  using OnParameter = Callback<void(const std::string& path, Variable&)>;
  /// Called right before OnParameter or OnBuffer, for what PyTorch has in another form.
  using OnForm = Callback<void(const PytorchForm&)>;
  using OnBuffer = Callback<void(const std::string& path, Tensor&)>;
  /// Called before the module's own parts; depth 0 is the root.
  using OnModule = Callback<void(const std::string& path, Module&, int depth)>;

  Walk& parameters(OnParameter f);
  Walk& forms(OnForm f);
  Walk& buffers(OnBuffer f);
  Walk& modules(OnModule f);
  /// Levels of children to enter; default all.
  Walk& limit(int depth);
  /// Shared parts are reported under each of their names, those of shared modules too, but for a module
  /// within itself.
  Walk& every_name();
  /// The number of the module, in the order in which they are entered, whose part is being reported.
  std::size_t owner() const { return owner_; }
  /// Throws ValueError when one name stands for two parts. visit() changes nothing by contract: what the walk
  /// of a const module calls must not either.
  void run(const Module& root);

 private:
  void visit_parameter(std::string_view name, Variable& parameter) override {
    enter_parameter(name, parameter, nullptr);
  }
  void visit_parameter_as(std::string_view name, Variable& parameter, const PytorchForm& form) override {
    enter_parameter(name, parameter, &form);
  }
  void visit_buffer(std::string_view name, Tensor& buffer) override { enter_buffer(name, buffer, nullptr); }
  void visit_buffer_as(std::string_view name, Tensor& buffer, const PytorchForm& form) override {
    enter_buffer(name, buffer, &form);
  }
  void visit_child(std::string_view name, Module& child) override;
  std::string visited() const override;
  void enter_parameter(std::string_view name, Variable& parameter, const PytorchForm* form);
  void enter_buffer(std::string_view name, Tensor& buffer, const PytorchForm* form);
  /// True when the part at that address is to be reported.
  bool wanted(const void* part) { return seen_.insert(part).second || every_name_; }
  std::string claim(std::string_view name);
  void enter(const std::string& path, Module& module);

  OnParameter on_parameter_;
  OnForm on_form_;
  OnBuffer on_buffer_;
  OnModule on_module_;
  int limit_ = -1;
  int depth_ = 0;
  bool every_name_ = false;
  std::size_t entered_ = 0, owner_ = 0;
  std::string prefix_;
  std::vector<const Module*> chain_;  // from the root to the module whose parts are being shown
  std::unordered_set<std::string> names_;
  std::unordered_set<const void*> seen_;
};

}  // namespace xgrad::nn::detail
