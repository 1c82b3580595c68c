// What all optimizers share: parameter groups, validation, and state that can be saved.
// Invariant: a step changes parameters and state only, off the tape; a parameter without a gradient keeps its
// value and has no state.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <limits>
#include <string>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::optim {

/// Describes one field of an options aggregate, so that it can be validated and saved: a number, which is
/// finite, at least 0 and below `limit`, or a flag.
template <class Options>
struct Field {
  Field(const char* its_name, double Options::*member, double limit = std::numeric_limits<double>::infinity())
      : name(its_name), number(member), below(limit) {}
  Field(const char* its_name, bool Options::*member) : name(its_name), flag(member) {}

  const char* name;
  double Options::*number = nullptr;
  bool Options::*flag = nullptr;
  double below = 0;
};

/// Parameters that share options.
template <class Options>
struct Group {
  std::vector<Variable> parameters;
  Options options = {};
};

/// Base of the optimizers. It holds handles: an update is seen by every copy of the Variable. Copying an
/// optimizer copies its state; both update the same parameters. A moved-from one has no groups.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Updates every parameter that has a gradient, or none: throws ShapeError or DTypeError when a gradient or
  /// a saved state does not fit its parameter, std::bad_alloc when memory runs out, before anything is
  /// changed. A factor of 0 (weight decay, learning rate, a decay of a mean) leaves no trace of an infinity
  /// or NaN.
  void step(Place place = Place::here());
  /// Clears the gradients of all parameters.
  void zero_grad(Place place = Place::here());

  std::size_t group_count() const { return groups_; }
  /// The parameters of a group, in the order given. Throws IndexError when there is no such group.
  [[nodiscard]] std::vector<Variable> parameters(std::size_t group = 0, Place place = Place::here()) const;
  /// The rate that the next step uses. Throws IndexError when there is no such group.
  virtual double learning_rate(std::size_t group = 0, Place place = Place::here()) const = 0;
  /// Throws ValueError on a negative or non-finite rate, IndexError when there is no such group.
  virtual void set_learning_rate(double rate, std::size_t group, Place place = Place::here()) = 0;
  /// Sets the rate of every group.
  void set_learning_rate(double rate, Place place = Place::here());

  /// "groups.0.learning_rate" (all options: float64 or boolean scalars), "state.3.step" (int64),
  /// "state.3.exp_avg", ...; parameters are numbered through all groups, those without state are left out.
  [[nodiscard]] StateDict state_dict() const;
  /// Restores what state_dict() returned, bitwise, options included. Throws ValueError listing every mismatch
  /// of name, shape, dtype or value; nothing is changed then, nor when memory runs out.
  void load_state_dict(const StateDict& state, Place place = Place::here()) {
    prepare_load(state, place).run();
  }
  /// Checks all that load_state_dict() does and changes nothing; what it returns carries the load out.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) &;

 protected:
  /// A parameter and what its formula remembers.
  struct Slot {
    Variable parameter;
    std::size_t group = 0;
    Index steps = 0;            ///< updates so far, the one under way included; stays at the largest Index
    std::vector<Tensor> state;  ///< as state_names() lists them; zeros before the first update
  };

  Optimizer(const char* name, std::vector<std::vector<Variable>> groups, Place place);
  Optimizer(const Optimizer&) = default;
  Optimizer& operator=(const Optimizer&) = default;
  Optimizer(Optimizer&& other) noexcept
      : name_(other.name_), groups_(std::exchange(other.groups_, 0)), slots_(std::move(other.slots_)) {
    other.slots_.clear();
  }
  Optimizer& operator=(Optimizer&& other) noexcept {
    name_ = other.name_;
    slots_ = std::exchange(other.slots_, {});
    groups_ = std::exchange(other.groups_, 0);
    return *this;
  }

  /// Applies the formula to one parameter. It has the value and the state to itself, and must allocate
  /// nothing: a step that fails half way would leave some parameters updated and others not.
  virtual void update(Slot& slot, const Tensor& gradient) = 0;
  /// PyTorch's names of the tensors that the group's options make the formula remember.
  virtual std::vector<const char*> state_names(std::size_t group) const = 0;
  /// The group's options as numbers (a flag is 0 or 1), for saving and restoring.
  struct Setting {
    const char* name;
    double number;
    bool flag;
  };
  virtual std::vector<Setting> settings(std::size_t group) const = 0;
  virtual void apply(std::size_t group, const std::vector<Setting>& settings) noexcept = 0;
  /// Throws ValueError on a bad option.
  virtual void check_options(std::size_t group) const = 0;

  const char* name() const { return name_; }
  /// Throws IndexError unless there is such a group.
  void check_group(std::size_t group, Place place) const;

 private:
  using Settings = std::vector<std::vector<Setting>>;  // of every group

  Settings settings() const;
  void apply(const Settings& settings) noexcept;
  std::vector<Slot> loaded(const StateDict& state);

  const char* name_;
  std::size_t groups_;
  std::vector<Slot> slots_;
};

namespace detail {

/// Throws ValueError unless the number is finite and in [0, below).
void check_number(const char* name, double number, double below = std::numeric_limits<double>::infinity());

}  // namespace detail

/// An optimizer whose groups have options of one aggregate type. The aggregate gives `optimizer_name`, a
/// `learning_rate`, `fields()` and, where options depend on each other, `check()`.
template <class Options>
class OptimizerWith : public Optimizer {
 public:
  /// Throws ValueError on an empty list, a parameter given twice or a bad option, GraphError on a non-leaf,
  /// DTypeError on integers.
  explicit OptimizerWith(std::vector<Variable> parameters, const Options& options = {},
                         Place place = Place::here())
      : OptimizerWith(std::vector<Group<Options>>{{std::move(parameters), options}}, place) {}
  /// The same with several groups, each with options of its own.
  explicit OptimizerWith(const std::vector<Group<Options>>& groups, Place place = Place::here())
      : Optimizer(Options::optimizer_name, parameters_of(groups), place) {
    const Scope scope(name(), place);
    for (const auto& group : groups) options_.push_back(group.options);
    for (std::size_t group = 0; group < options_.size(); ++group) check_options(group);
  }

  /// Throws IndexError when there is no such group.
  const Options& options(std::size_t group = 0, Place place = Place::here()) const& {
    check_group(group, place);
    return options_[group];
  }
  Options options(std::size_t group = 0, Place place = Place::here()) const&& {
    return options(group, place);
  }
  double learning_rate(std::size_t group = 0, Place place = Place::here()) const final {
    return options(group, place).learning_rate;
  }
  void set_learning_rate(double rate, std::size_t group, Place place = Place::here()) final {
    const Scope scope(name(), place);
    check_group(group, place);
    detail::check_number("learning_rate", rate);
    options_[group].learning_rate = rate;
  }
  using Optimizer::set_learning_rate;

 private:
  static std::vector<std::vector<Variable>> parameters_of(const std::vector<Group<Options>>& groups) {
    std::vector<std::vector<Variable>> parameters;
    for (const auto& group : groups) parameters.push_back(group.parameters);
    return parameters;
  }
  // Made once, so that options are restored without allocating.
  static const std::vector<Field<Options>>& fields() {
    static const std::vector<Field<Options>> fields = Options::fields();
    return fields;
  }
  std::vector<Setting> settings(std::size_t group) const final {
    std::vector<Setting> settings;
    const Options& options = options_[group];
    for (const Field<Options>& field : fields())
      settings.push_back(field.flag != nullptr ? Setting{field.name, options.*field.flag ? 1. : 0., true}
                                               : Setting{field.name, options.*field.number, false});
    return settings;
  }
  void apply(std::size_t group, const std::vector<Setting>& settings) noexcept final {
    std::size_t i = 0;
    for (const Field<Options>& field : fields()) {
      const double number = settings[i++].number;
      if (field.flag != nullptr)
        options_[group].*field.flag = number != 0;
      else
        options_[group].*field.number = number;
    }
  }
  void check_options(std::size_t group) const final {
    for (const Field<Options>& field : fields())
      if (field.number != nullptr)
        detail::check_number(field.name, options_[group].*field.number, field.below);
    if constexpr (requires(const Options& options) { options.check(); }) options_[group].check();
  }

  std::vector<Options> options_;
};

}  // namespace xgrad::optim
XGRAD_API_END
