// Groups, validation, and state dictionaries of optimizers.
#include <xgrad/optim/optimizer.hpp>

#include <xgrad/tensor/entries.hpp>
#include <xgrad/tensor/factory.hpp>

#include <cmath>
#include <sstream>
#include <unordered_set>

namespace xgrad::optim {
namespace {

std::string text(double number) {
  std::ostringstream stream;
  stream << number;
  return stream.str();
}

// "state.2.": the prefix of a parameter's entries.
std::string key(const char* kind, std::size_t position, const char* entry) {
  return std::string(kind) + '.' + std::to_string(position) + '.' + entry;
}

bool fits(const Tensor& tensor, const Tensor& value) {
  return tensor.shape() == value.shape() && tensor.dtype() == value.dtype();
}

}  // namespace

namespace detail {

void check_number(const char* name, double number, double below) {
  if (!std::isfinite(number) || number < 0 || number >= below)
    fail<ValueError>(std::string(name) + " must be " +
                     (std::isfinite(below) ? "in [0, " + text(below) + ")" : "finite and at least 0") +
                     ", got " + text(number));
}

}  // namespace detail

Optimizer::Optimizer(const char* name, std::vector<std::vector<Variable>> groups, Place place)
    : name_(name), groups_(groups.size()) {
  const Scope scope(name, place);
  if (groups.empty()) fail<ValueError>("expects at least one group of parameters, got none");
  std::unordered_set<const void*> seen;
  for (std::size_t group = 0; group < groups_; ++group) {
    if (groups[group].empty())
      fail<ValueError>("group " + std::to_string(group) + " has no parameters",
                       "an optimizer is made after the model, from its parameters()");
    for (Variable& parameter : groups[group]) {
      const std::string which = "parameter " + std::to_string(slots_.size());
      if (!parameter.defined()) fail<GraphError>(which + " is undefined");
      if (!parameter.is_leaf())
        fail<GraphError>(which + " is the result of " + parameter.operation() + ", not a leaf",
                         "give the variables that it was computed from, or its detach()");
      if (!is_floating(parameter.dtype()))
        fail<DTypeError>(which + " must be float32 or float64, got " + describe(parameter.value()));
      if (!seen.insert(xgrad::detail::Access::state(parameter).get()).second)
        fail<ValueError>(which + " of shape " + to_string(parameter.shape()) + " is listed twice");
      slots_.push_back({std::move(parameter), group, 0, {}});
    }
  }
}

void Optimizer::check_group(std::size_t group, Place place) const {
  if (group >= groups_)
    xgrad::detail::fail_at<IndexError>(place, std::string(name_) + " has " + std::to_string(groups_) +
                                                  " groups, there is no group " + std::to_string(group));
}

std::vector<Variable> Optimizer::parameters(std::size_t group, Place place) const {
  check_group(group, place);
  std::vector<Variable> parameters;
  for (const Slot& slot : slots_)
    if (slot.group == group) parameters.push_back(slot.parameter);
  return parameters;
}

void Optimizer::set_learning_rate(double rate, Place place) {
  for (std::size_t group = 0; group < groups_; ++group) set_learning_rate(rate, group, place);
}

void Optimizer::zero_grad(Place place) {
  for (Slot& slot : slots_) slot.parameter.clear_grad(place);
}

void Optimizer::step(Place place) {
  const Scope scope(name_, place);
  std::vector<Tensor> gradients(slots_.size());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Variable gradient = slots_[i].parameter.grad();
    if (!gradient.defined()) continue;
    const Tensor& value = slots_[i].parameter.value();
    const auto check = [&](const char* what, const Tensor& tensor) {
      if (fits(tensor, value)) return;
      const std::string message = std::string(what) + " of parameter " + std::to_string(i) + " is " +
                                  describe(tensor) + ", its value " + describe(value);
      if (tensor.dtype() != value.dtype())
        fail<DTypeError>(message, "make the optimizer after the model is converted");
      fail<ShapeError>(message);
    };
    check("the gradient", gradient.value());
    for (const Tensor& state : slots_[i].state) check("the state", state);
    gradients[i] = gradient.value();
  }
  // All the memory that the updates need, while they can still be given up.
  std::vector<std::vector<Tensor>> first_states(slots_.size());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!gradients[i].defined()) continue;
    Slot& slot = slots_[i];
    Tensor& value = xgrad::detail::Access::mutable_value(slot.parameter);
    value.mutable_raw();
    if (slot.steps == 0)
      for (std::size_t k = state_names(slot.group).size(); k > 0; --k)
        first_states[i].push_back(zeros_like(value));
    for (Tensor& state : slot.state) state.mutable_raw();
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!gradients[i].defined()) continue;
    Slot& slot = slots_[i];
    if (slot.steps == 0) slot.state = std::move(first_states[i]);
    if (slot.steps < std::numeric_limits<Index>::max()) ++slot.steps;
    update(slot, gradients[i]);
  }
}

StateDict Optimizer::state_dict() const {
  StateDict state;
  for (std::size_t group = 0; group < groups_; ++group)
    for (const Setting& setting : settings(group))
      state.set(key("groups", group, setting.name), scalar(setting.number, setting.flag ? boolean : float64));
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.steps == 0) continue;
    state.set(key("state", i, "step"), scalar(slot.steps));
    const auto names = state_names(slot.group);
    for (std::size_t k = 0; k < names.size(); ++k) state.set(key("state", i, names[k]), slot.state[k]);
  }
  return state;
}

Optimizer::Settings Optimizer::settings() const {
  Settings all;
  for (std::size_t group = 0; group < groups_; ++group) all.push_back(settings(group));
  return all;
}

void Optimizer::apply(const Settings& settings) noexcept {
  for (std::size_t group = 0; group < groups_; ++group) apply(group, settings[group]);
}

PreparedLoad Optimizer::prepare_load(const StateDict& state, Place place) & {
  const Scope scope(name_, place);
  // The new options hold while the state is read, as they decide what there is of it.
  struct Former {
    Optimizer& optimizer;
    const Settings settings = optimizer.settings();
    ~Former() { optimizer.apply(settings); }
  };
  const Former former{*this};
  std::vector<Slot> slots = loaded(state);
  return [this, slots = std::move(slots), options = settings()]() mutable noexcept {
    apply(options);
    slots_ = std::move(slots);
  };
}

// Applies the options, which decide what state there is, and returns the slots.
std::vector<Optimizer::Slot> Optimizer::loaded(const StateDict& state) {
  xgrad::detail::Entries entries(state);
  for (std::size_t group = 0; group < groups_; ++group) {
    std::vector<Setting> options = settings(group);
    for (Setting& setting : options) {
      const Tensor entry =
          entries.take(key("groups", group, setting.name), {}, setting.flag ? boolean : float64);
      if (entry.defined()) setting.number = entry.item();
    }
    apply(group, options);
    try {
      check_options(group);
    } catch (const ValueError& error) {
      entries.note("groups." + std::to_string(group) + ": " + error.what());
    }
  }
  std::vector<Slot> slots = slots_;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    Slot& slot = slots[i];
    const auto names = state_names(slot.group);
    bool stateless = !entries.contains(key("state", i, "step"));
    for (const char* name : names) stateless = stateless && !entries.contains(key("state", i, name));
    slot.steps = 0;
    slot.state.clear();
    if (stateless) continue;
    if (const Tensor steps = entries.take(key("state", i, "step"), {}, int64); steps.defined()) {
      slot.steps = steps.item<Index>();
      if (slot.steps < 1)
        entries.note(key("state", i, "step") + ": must be at least 1, got " + std::to_string(slot.steps));
    }
    const Tensor& value = slot.parameter.value();
    for (const char* name : names)
      slot.state.push_back(entries.take(key("state", i, name), value.shape(), value.dtype()));
  }
  entries.finish("this optimizer");
  return slots;
}

}  // namespace xgrad::optim
