#include <xgrad/nn/module.hpp>

#include <xgrad/nn/call_observer.hpp>
#include <xgrad/nn/load.hpp>
#include <xgrad/nn/replace_value.hpp>
#include <xgrad/nn/walk.hpp>
#include <xgrad/tensor/running_module.hpp>

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <ostream>
#include <typeinfo>

namespace xgrad::nn {
namespace detail {
namespace {

thread_local const Call* innermost_call = nullptr;
thread_local CallObserver* observer = nullptr;

std::string path_below(Module& root, const Module& target) {
  std::string path;
  Walk()
      .modules([&](const std::string& name, Module& module, int) {
        if (&module == &target) path = name;
      })
      .run(root);
  return path;
}

// Dotted path of the innermost module that runs on this thread, seen from the outermost one; "" at the top.
std::string running_path() {
  if (innermost_call == nullptr) return {};
  const Call* outermost = innermost_call;
  while (outermost->outer() != nullptr) outermost = outermost->outer();
  try {
    // A module that the outermost one does not list is named by the nearest caller that is listed.
    for (const Call* call = innermost_call; call != outermost; call = call->outer())
      if (std::string path = path_below(outermost->module(), call->module()); !path.empty()) return path;
  } catch (...) {
    // A message is being made: a faulty visit must not replace it.
  }
  return {};
}

const bool provider_installed = [] {
  xgrad::detail::module_path_provider = &running_path;
  xgrad::detail::module_place_provider = [] {
    return innermost_call != nullptr ? innermost_call->place() : Place{};
  };
  return true;
}();

}  // namespace

CallObserver::CallObserver() : outer_(std::exchange(observer, this)) {}
CallObserver::~CallObserver() { observer = outer_; }

Call::Call(Module& module, Place place) : module_(module), place_(place), outer_(innermost_call) {
  innermost_call = this;
}

Call::~Call() { innermost_call = outer_; }

void Call::returned(const Variable& output) const {
  if (observer != nullptr) observer->returned(module_, output);
}

const Call* Call::innermost() { return innermost_call; }

std::string type_name(const Module& module) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> readable(
      abi::__cxa_demangle(typeid(module).name(), nullptr, nullptr, &status), &std::free);
  const std::string name = status == 0 ? readable.get() : typeid(module).name();
  // The last part outside template arguments and the parentheses of functions.
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<' || name[i] == '(') ++depth;
    if (name[i] == '>' || name[i] == ')') --depth;
    if (depth == 0 && name.compare(i, 2, "::") == 0) start = i + 2;
  }
  return name.substr(start);
}

}  // namespace detail

Variable Module::forward(const Variable&) {
  fail<NotImplementedError>(detail::type_name(*this) + " has no forward of one input",
                            "override forward(const Variable&), or call the operator() it declares");
}

Variable Module::operator()(const Operand& x) {
  return call(x.place(), [&] { return forward(x.as_variable()); });
}

void Module::visit(Visitor&) {}

std::string Module::describe() const { return detail::type_name(*this); }

Operand Module::at_call(const Variable& x) {
  const detail::Call* call = detail::Call::innermost();
  const Place place = call != nullptr ? call->place() : Place{};
  return Operand(x, place.file, place.line);
}

void Module::reject_call(Place place) const {
  const std::string name = detail::type_name(*this);
  const Scope scope(name.c_str(), place);
  fail<GraphError>("the module was moved from", "call the one that it was moved to, or assign to it");
}

// ------------------------------------------------------------------------------------------------ listing

std::vector<std::pair<std::string, Variable>> Module::named_parameters(Place place) const {
  const Scope scope("named_parameters", place);
  std::vector<std::pair<std::string, Variable>> found;
  detail::Walk()
      .parameters([&](const std::string& path, Variable& parameter) { found.emplace_back(path, parameter); })
      .run(*this);
  return found;
}

std::vector<Variable> Module::parameters(Place place) const {
  const Scope scope("parameters", place);
  std::vector<Variable> found;
  detail::Walk()
      .parameters([&](const std::string&, Variable& parameter) { found.push_back(parameter); })
      .run(*this);
  return found;
}

std::vector<std::pair<std::string, Tensor>> Module::named_buffers(Place place) const {
  const Scope scope("named_buffers", place);
  std::vector<std::pair<std::string, Tensor>> found;
  detail::Walk()
      .buffers([&](const std::string& path, Tensor& buffer) { found.emplace_back(path, buffer); })
      .run(*this);
  return found;
}

namespace {

/// The modules from `root` down to `depth` levels below it, all where that is negative.
template <class M>
std::vector<std::pair<std::string, M*>> modules_of(M& root, int depth) {
  std::vector<std::pair<std::string, M*>> found;
  detail::Walk()
      .modules([&](const std::string& path, Module& module, int) { found.emplace_back(path, &module); })
      .limit(depth)
      .run(root);
  return found;
}

/// The same without the root.
template <class M>
std::vector<std::pair<std::string, M*>> children_of(M& root) {
  auto found = modules_of(root, 1);
  found.erase(found.begin());
  return found;
}

}  // namespace

Module::NamedModules Module::children(Place place) & {
  const Scope scope("children", place);
  return children_of(*this);
}
Module::NamedConstModules Module::children(Place place) const& {
  const Scope scope("children", place);
  return children_of(*this);
}

Module::NamedModules Module::named_modules(Place place) & {
  const Scope scope("named_modules", place);
  return modules_of(*this, -1);
}
Module::NamedConstModules Module::named_modules(Place place) const& {
  const Scope scope("named_modules", place);
  return modules_of(*this, -1);
}

// ------------------------------------------------------------------------------------------------ state

void Module::train(bool on, Place place) {
  const Scope scope("train", place);
  for (const auto& [path, module] : named_modules()) module->training_ = on;
}

void Module::freeze(Place place) {
  const Scope scope("freeze", place);
  for (Variable& parameter : parameters()) parameter.set_requires_grad(false);
}

void Module::unfreeze(Place place) {
  const Scope scope("unfreeze", place);
  for (Variable& parameter : parameters()) parameter.set_requires_grad(true);
}

void Module::zero_grad(Place place) {
  const Scope scope("zero_grad", place);
  for (Variable& parameter : parameters()) parameter.clear_grad();
}

void Module::to(DType dtype, Place place) {
  const Scope scope("to", place);
  if (!is_floating(dtype))
    fail<DTypeError>("parameters are float32 or float64, got " + std::string(to_string(dtype)));
  std::vector<std::pair<Variable, Tensor>> parameters;
  std::vector<std::pair<Tensor*, Tensor>> buffers;
  detail::Walk()
      .parameters([&](const std::string&, Variable& parameter) {
        if (parameter.dtype() != dtype) parameters.emplace_back(parameter, parameter.value().to(dtype));
      })
      .buffers([&](const std::string&, Tensor& buffer) {
        if (is_floating(buffer.dtype()) && buffer.dtype() != dtype)
          buffers.emplace_back(&buffer, buffer.to(dtype));
      })
      .run(*this);
  for (auto& [parameter, value] : parameters) detail::replace_value(parameter, std::move(value));
  for (auto& [buffer, value] : buffers) *buffer = std::move(value);
}

StateDict Module::state_dict(Place place) const {
  const Scope scope("state_dict", place);
  StateDict dict;
  dict.set_layout(StateDict::Layout::xgrad);
  detail::Walk()
      .parameters([&](const std::string& path, Variable& parameter) { dict.set(path, parameter.value()); })
      .buffers([&](const std::string& path, Tensor& buffer) { dict.set(path, buffer); })
      .run(*this);
  return dict;
}

LoadReport Module::load_state_dict(const StateDict& dict, LoadOptions options, Place place) {
  const Scope scope("load_state_dict", place);
  ModuleLoad load = prepare_load(dict, options, place);
  load.run();
  return std::move(load.report);
}

ModuleLoad Module::prepare_load(const StateDict& dict, LoadOptions options, Place place) & {
  const Scope scope("prepare_load", place);
  return detail::prepare_load(*this, dict, dict.layout(), options);
}

// ------------------------------------------------------------------------------------------------ printing

std::string to_string(const Module& module, Place place) {
  const Scope scope("to_string", place);
  std::string text;
  detail::Walk()
      .modules([&](const std::string& path, Module& part, int depth) {
        if (depth > 0) text += "\n" + std::string(static_cast<std::size_t>(2 * depth), ' ') + path + ": ";
        text += part.describe();
      })
      .run(module);
  return text;
}

std::ostream& operator<<(std::ostream& stream, const Module& module) { return stream << to_string(module); }

}  // namespace xgrad::nn
