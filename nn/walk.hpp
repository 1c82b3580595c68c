// Walk: a depth-first pass over all parts of a module; private to nn/.
// Invariant: each parameter, buffer and module is reported once, under its first dotted name.
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
  /// Called before OnParameter, for parameters whose axes PyTorch has in another order.
  using OnReordered = Callback<void(const std::string& path, const IndexList& pytorch_order)>;
  using OnBuffer = Callback<void(const std::string& path, Tensor&)>;
  /// Called before the module's own parts; depth 0 is the root.
  using OnModule = Callback<void(const std::string& path, Module&, int depth)>;

  Walk& parameters(OnParameter f);
  Walk& reordered(OnReordered f);
  Walk& buffers(OnBuffer f);
  Walk& modules(OnModule f);
  /// Levels of children to enter; default all.
  Walk& limit(int depth);
  /// Throws ValueError when one name stands for two parts. visit() changes nothing by contract: what the walk
  /// of a const module calls must not either.
  void run(const Module& root);

 private:
  void visit_parameter(std::string_view name, Variable& parameter) override {
    enter_parameter(name, parameter, nullptr);
  }
  void visit_reordered(std::string_view name, Variable& parameter, const IndexList& pytorch_order) override {
    enter_parameter(name, parameter, &pytorch_order);
  }
  void visit_buffer(std::string_view name, Tensor& buffer) override;
  void visit_child(std::string_view name, Module& child) override;
  std::string visited() const override;
  void enter_parameter(std::string_view name, Variable& parameter, const IndexList* pytorch_order);
  std::string claim(std::string_view name);
  void enter(const std::string& path, Module& module);

  OnParameter on_parameter_;
  OnReordered on_reordered_;
  OnBuffer on_buffer_;
  OnModule on_module_;
  int limit_ = -1;
  int depth_ = 0;
  std::string prefix_;
  const Module* current_ = nullptr;
  std::unordered_set<std::string> names_;
  std::unordered_set<const void*> seen_;
};

}  // namespace xgrad::nn::detail
