#include <xgrad/nn/container.hpp>

#include <xgrad/nn/walk.hpp>

namespace xgrad::nn {

std::shared_ptr<Module> AnyModule::checked(std::shared_ptr<Module> shared, Place place) {
  if (!shared) xgrad::detail::fail_at<ValueError>(place, "a module is a null pointer");
  return shared;
}

void AnyModule::reject_empty() { fail<GraphError>("the module was moved from"); }

void ModuleList::push_back(AnyModule module) {
  static_cast<void>(*module);
  modules_.push_back(std::move(module));
}

const AnyModule& ModuleList::checked(Subscript at) const {
  const Index i = at.position(), size = static_cast<Index>(modules_.size());
  const Index position = i < 0 ? i + size : i;
  if (position < 0 || position >= size)
    xgrad::detail::fail_at<IndexError>(
        at.place(), "module " + std::to_string(i) + " of a list of " + std::to_string(size));
  return modules_[static_cast<std::size_t>(position)];
}

void ModuleList::reject_type(Index i, const Module& module, Place place) {
  xgrad::detail::fail_at<ValueError>(
      place, "module " + std::to_string(i) + " is of another type: " + detail::description(module));
}

void ModuleList::visit(Visitor& v) {
  for (std::size_t i = 0; i < modules_.size(); ++i) v(std::to_string(i), *modules_[i]);
}

Lambda::Lambda(Callback<Variable(const Variable&)> f, Place place) : f_(std::move(f)) {
  const Scope scope("Lambda", place);
  if (!f_) fail<ValueError>("expects a function, got an empty one");
}

Variable Sequential::forward(const Variable& x) {
  Variable y = x;
  for (Module& module : *this) y = module(at_call(y));
  return y;
}

}  // namespace xgrad::nn
