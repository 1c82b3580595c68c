#include <xgrad/nn/walk.hpp>

#include <algorithm>

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

Walk& Walk::forms(OnForm f) {
  on_form_ = std::move(f);
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

Walk& Walk::every_name() {
  every_name_ = true;
  return *this;
}

void Walk::run(const Module& root) {
  seen_.insert(&root);
  enter("", const_cast<Module&>(root));
}

std::string Walk::visited() const { return type_name(*chain_.back()); }

std::string Walk::claim(std::string_view name) {
  std::string path = prefix_ + std::string(name);
  if (!names_.insert(path).second)
    fail<ValueError>("visit of " + visited() + " names two parts '" + path + "'",
                     "each parameter, buffer and child needs a name of its own");
  return path;
}

void Walk::enter_parameter(std::string_view name, Variable& parameter, const PytorchForm* form) {
  const std::string path = claim(name);
  if (!wanted(xgrad::detail::Access::state(parameter).get())) return;
  if (form != nullptr && on_form_) on_form_(*form);
  if (on_parameter_) on_parameter_(path, parameter);
}

void Walk::enter_buffer(std::string_view name, Tensor& buffer, const PytorchForm* form) {
  const std::string path = claim(name);
  if (!wanted(&buffer)) return;
  if (form != nullptr && on_form_) on_form_(*form);
  if (on_buffer_) on_buffer_(path, buffer);
}

void Walk::visit_child(std::string_view name, Module& child) {
  const std::string path = claim(name);
  if (!wanted(&child) || std::find(chain_.begin(), chain_.end(), &child) != chain_.end()) return;
  ++depth_;
  enter(path, child);
  --depth_;
}

void Walk::enter(const std::string& path, Module& module) {
  if (on_module_) on_module_(path, module, depth_);
  if (depth_ == limit_) return;
  std::string outer_prefix = path.empty() ? std::string() : path + ".";
  outer_prefix.swap(prefix_);
  const std::size_t outer = std::exchange(owner_, ++entered_);
  chain_.push_back(&module);
  module.visit(*this);
  chain_.pop_back();
  owner_ = outer;
  prefix_ = std::move(outer_prefix);
}

}  // namespace xgrad::nn::detail
