#include <xgrad/nn/walk.hpp>

namespace xgrad::nn::detail {

std::string description(const Module& module) {
  try {
    return module.describe();
  } catch (...) {
    return type_name(module);
  }
}

Walk& Walk::parameters(OnParameter f) {
  on_parameter_ = std::move(f);
  return *this;
}

Walk& Walk::reordered(OnReordered f) {
  on_reordered_ = std::move(f);
  return *this;
}

Walk& Walk::buffers(OnBuffer f) {
  on_buffer_ = std::move(f);
  return *this;
}

Walk& Walk::modules(OnModule f) {
  on_module_ = std::move(f);
  return *this;
}

Walk& Walk::limit(int depth) {
  limit_ = depth;
  return *this;
}

void Walk::run(const Module& root) {
  seen_.insert(&root);
  enter("", const_cast<Module&>(root));
}

std::string Walk::visited() const { return type_name(*current_); }

std::string Walk::claim(std::string_view name) {
  std::string path = prefix_ + std::string(name);
  if (!names_.insert(path).second)
    fail<ValueError>("visit of " + visited() + " names two parts '" + path + "'",
                     "each parameter, buffer and child needs a name of its own");
  return path;
}

void Walk::enter_parameter(std::string_view name, Variable& parameter, const IndexList* pytorch_order) {
  const std::string path = claim(name);
  if (!seen_.insert(xgrad::detail::Access::state(parameter).get()).second) return;
  if (pytorch_order != nullptr && on_reordered_) on_reordered_(path, *pytorch_order);
  if (on_parameter_) on_parameter_(path, parameter);
}

void Walk::visit_buffer(std::string_view name, Tensor& buffer) {
  const std::string path = claim(name);
  if (seen_.insert(&buffer).second && on_buffer_) on_buffer_(path, buffer);
}

void Walk::visit_child(std::string_view name, Module& child) {
  const std::string path = claim(name);
  if (!seen_.insert(&child).second) return;
  ++depth_;
  enter(path, child);
  --depth_;
}

void Walk::enter(const std::string& path, Module& module) {
  if (on_module_) on_module_(path, module, depth_);
  if (depth_ == limit_) return;
  std::string outer_prefix = path.empty() ? std::string() : path + ".";
  outer_prefix.swap(prefix_);
  const Module* const outer = std::exchange(current_, &module);
  module.visit(*this);
  current_ = outer;
  prefix_ = std::move(outer_prefix);
}

}  // namespace xgrad::nn::detail
