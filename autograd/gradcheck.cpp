// Gradients against derivatives from differences. Invariant: a value that is perturbed is restored, whatever
// f throws.
#include <xgrad/autograd/gradcheck.hpp>

#include <xgrad/autograd/differences.hpp>
#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/pull_back.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/memory.hpp>
#include <xgrad/tensor/random.hpp>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <sstream>

namespace xgrad {
namespace {

using detail::Change, detail::Comparison, detail::Differences, detail::Estimate;

/// What is checked: a function of leaves, which are perturbed where they are.
struct Subject {
  const char* check;
  Callback<std::vector<Variable>()> evaluate;
  std::vector<Variable> leaves;
  std::vector<std::string> names;  // of the leaves, for messages

  /// f's own operations are named by their own places.
  std::vector<Variable> outputs() const {
    const Scope own_names(Scope::Barrier{});
    return evaluate();
  }
};

/// Values of the outputs and gradients of the leaves, of one run.
struct Derivatives {
  std::vector<Tensor> outputs;
  std::vector<Tensor> gradients;
};

/// Holds one leaf at other values.
class Perturbation {
 public:
  explicit Perturbation(Variable leaf) : leaf_(std::move(leaf)), value_(leaf_.value()) {}
  ~Perturbation() { detail::Access::mutable_value(leaf_) = value_; }
  Perturbation(const Perturbation&) = delete;
  Perturbation& operator=(const Perturbation&) = delete;

  const Tensor& original() const { return value_; }
  void set(Tensor value) { leaf_.set_value(std::move(value)); }

 private:
  Variable leaf_;
  Tensor value_;
};

void check_options(const GradcheckOptions& options) {
  if (!(options.step > 0) || !std::isfinite(options.step))
    fail<ValueError>("expects a positive step, got " + std::to_string(options.step));
  if (!(options.atol >= 0) || !(options.rtol >= 0))
    fail<ValueError>("expects tolerances of at least 0, got atol " + std::to_string(options.atol) +
                     ", rtol " + std::to_string(options.rtol));
  if (options.max_elements < 0 || options.directions < 1)
    fail<ValueError>("expects max_elements of at least 0 and at least one direction, got " +
                     std::to_string(options.max_elements) + " and " + std::to_string(options.directions));
}

/// Weights in [0.5, 1.5) with random signs: no output is nearly left out.
Tensor random_cotangent(const Shape& shape, Generator& generator) {
  Tensor weights = uniform(shape, -1, 1, float64, generator);
  for (double& w : weights.mutable_span<double>()) w = w < 0 ? w - 0.5 : w + 0.5;
  return weights;
}

Tensor random_direction(const Shape& shape, Generator& generator) {
  Tensor direction = normal(shape, 0, 1, float64, generator);
  double squares = 0;
  for (const double d : direction.span<double>()) squares += d * d;
  const double length = std::sqrt(squares);
  for (double& d : direction.mutable_span<double>()) d /= length;
  return direction;
}

/// One random cotangent per output; undefined where the output is not float64.
std::vector<Tensor> cotangents_of(const std::vector<Variable>& outputs, Generator& generator) {
  if (outputs.empty()) fail<ValueError>("the function returned nothing");
  std::vector<Tensor> cotangents;
  for (const Variable& output : outputs) {
    if (output.dtype() == float32 && output.requires_grad())
      fail<DTypeError>("output " + std::to_string(cotangents.size()) + " is float32",
                       "finite differences need double precision throughout");
    cotangents.push_back(output.dtype() == float64 ? random_cotangent(output.shape(), generator) : Tensor());
  }
  return cotangents;
}

std::vector<Tensor> values_of(const std::vector<Variable>& variables) {
  std::vector<Tensor> values;
  for (const Variable& variable : variables) values.push_back(variable.value());
  return values;
}

std::vector<Variable> variables_of(const std::vector<Tensor>& tensors) {
  std::vector<Variable> variables;
  for (const Tensor& tensor : tensors) variables.push_back(tensor.defined() ? Variable(tensor) : Variable());
  return variables;
}

Derivatives differentiate(const Subject& subject, const std::vector<Tensor>& cotangents) {
  const std::vector<Variable> outputs = subject.outputs();
  return {values_of(outputs),
          values_of(detail::pull_back(outputs, variables_of(cotangents), subject.leaves, false))};
}

/// One check under way.
class Check {
 public:
  Check(const Subject& subject, const GradcheckOptions& options)
      : subject_(subject), options_(options), generator_(options.seed) {}

  CheckResult run() {
    cotangents_ = cotangents_of(subject_.outputs(), generator_);
    const Derivatives first = differentiate(subject_, cotangents_);
    run_again(first);
    centre_ = first.outputs;
    magnitude_ = magnitude();
    for (std::size_t i = 0; i < subject_.leaves.size() && deterministic_; ++i) compare(i, first.gradients[i]);
    if (!failures_.empty()) return {false, failures_};
    return {true, std::string(subject_.check) + ": " + std::to_string(compared_) +
                      (compared_ == 1 ? " derivative agrees" : " derivatives agree")};
  }

 private:
  // Where no step is good enough, trying on with more elements costs much and says no more.
  static constexpr Index most_unsettled = 5;

  void failed(const std::string& text) {
    if (!failures_.empty()) failures_ += '\n';
    failures_.append(subject_.check).append(": ").append(text);
  }

  void run_again(const Derivatives& first) {
    const std::size_t before = memory_stats().live_buffers;
    {
      const Derivatives second = differentiate(subject_, cotangents_);
      if (options_.check_determinism) {
        same("output", first.outputs, second.outputs);
        same("gradient", first.gradients, second.gradients);
      }
    }
    const std::size_t after = memory_stats().live_buffers;
    if (options_.check_leaks && after != before)
      failed("leak: " + std::to_string(before) + " tensor buffers before a run, " + std::to_string(after) +
             " after it");
  }

  void same(const std::string& what, const std::vector<Tensor>& first, const std::vector<Tensor>& second) {
    bool equal = first.size() == second.size();
    std::string name = "the number of " + what + "s";
    for (std::size_t k = 0; equal && k < first.size(); ++k) {
      equal = bitwise_equal(first[k], second[k]);
      name = what + " " + std::to_string(k);
    }
    if (equal) return;
    deterministic_ = false;
    failed("not deterministic: " + name + " differs between two runs on the same inputs");
  }

  /// Of the contracted outputs.
  double magnitude() const {
    double squares = 0;
    for (std::size_t k = 0; k < cotangents_.size(); ++k) {
      if (!cotangents_[k].defined()) continue;
      const auto weights = cotangents_[k].span<double>(), values = centre_[k].span<double>();
      for (std::size_t j = 0; j < weights.size(); ++j)
        if (std::isfinite(values[j])) squares += weights[j] * values[j] * weights[j] * values[j];
    }
    return std::sqrt(squares);
  }

  /// The change of the contracted outputs from the leaf at `low` to the leaf at `high`.
  Change change(Perturbation& leaf, Tensor low, Tensor high) const {
    leaf.set(std::move(high));
    // Values at once: an output may be the leaf itself.
    const std::vector<Tensor> above = values_of(subject_.outputs());
    leaf.set(std::move(low));
    const std::vector<Tensor> below = values_of(subject_.outputs());
    if (above.size() != cotangents_.size() || below.size() != cotangents_.size())
      fail<ValueError>("the number of outputs depends on the values of the inputs");
    Change total;
    for (std::size_t k = 0; k < cotangents_.size(); ++k) {
      if (!cotangents_[k].defined()) continue;
      const auto weights = cotangents_[k].span<double>();
      if (above[k].shape() != cotangents_[k].shape() || below[k].shape() != cotangents_[k].shape())
        fail<ShapeError>("the shape of output " + std::to_string(k) + " depends on the values of the inputs");
      const double *up = above[k].data<double>(), *down = below[k].data<double>(),
                   *middle = centre_[k].data<double>();
      for (std::size_t j = 0; j < weights.size(); ++j) {
        if (up[j] == middle[j] && down[j] == middle[j]) continue;
        total.rise += weights[j] * (up[j] - down[j]);
        total.bend += weights[j] * ((up[j] - middle[j]) + (down[j] - middle[j]));
      }
    }
    return total;
  }

  void compare(std::size_t i, const Tensor& gradient) {
    Perturbation leaf(subject_.leaves[i]);
    const Index count = leaf.original().count();
    if (count == 0) return;
    const bool each = count <= options_.max_elements;
    const Index trials = each ? count : options_.directions;
    const Differences differences(options_.step, options_.atol, options_.rtol, magnitude_);
    Index wrong = 0, unsettled = 0;
    double worst = -1;
    std::string worst_text;
    for (Index trial = 0; trial < trials && unsettled < most_unsettled; ++trial, ++compared_) {
      double analytic = 0;
      Comparison comparison;
      if (each) {
        analytic = gradient.data<double>()[trial];
        comparison = differences.compare(analytic, std::abs(leaf.original().data<double>()[trial]),
                                         [&](double step) { return along_element(leaf, trial, step); });
      } else {
        const Tensor direction = random_direction(leaf.original().shape(), generator_);
        double largest = 0;
        for (const double x : leaf.original().span<double>()) largest = std::max(largest, std::abs(x));
        for (Index j = 0; j < count; ++j)
          analytic += gradient.data<double>()[j] * direction.data<double>()[j];
        comparison = differences.compare(analytic, largest,
                                         [&](double step) { return along_direction(leaf, direction, step); });
      }
      const double error = std::abs(analytic - comparison.numeric.value);
      if (comparison.settled && error <= comparison.allowed) continue;
      ++wrong;
      unsettled += comparison.settled ? 0 : 1;
      // A NaN is worse than every number; what cannot be told is better than what is wrong.
      double excess = 0;
      if (comparison.settled) excess = std::isnan(error) ? HUGE_VAL : error - comparison.allowed;
      if (excess <= worst) continue;
      worst = excess;
      worst_text = subject_.names[i] +
                   (each ? " element " + to_string(index_of(trial, gradient.shape()))
                         : " direction " + std::to_string(trial)) +
                   ": " + description(analytic, comparison);
    }
    if (wrong > 1)
      worst_text += "; the worst of " + std::to_string(wrong) + " failing among " + std::to_string(trials);
    if (unsettled == most_unsettled) worst_text += ", the rest is not tried";
    if (wrong > 0) failed(worst_text);
  }

  static std::string description(double analytic, const Comparison& comparison) {
    const Estimate& numeric = comparison.numeric;
    std::ostringstream text;
    text << "analytic " << analytic;
    if (comparison.settled) {
      text << ", numeric " << numeric.value << ", difference " << std::abs(analytic - numeric.value)
           << " > allowed " << comparison.allowed << " (step " << numeric.step << ", error estimate "
           << numeric.error << ")";
      return text.str();
    }
    text << ", but no numeric derivative can be trusted: ";
    if (!std::isfinite(comparison.below) || !std::isfinite(comparison.above))
      text << "the function is not finite around this point";
    else if (!comparison.smooth)
      text << "the slope is " << comparison.below << " below and " << comparison.above << " above (step "
           << comparison.last_step
           << "); the function has a kink or a jump here, or is computed with few digits";
    else
      text << numeric.value << " has the error estimate " << numeric.error << " (step " << numeric.step
           << ") where " << comparison.allowed
           << " is allowed; the function or its slope is rough, or computed with few digits";
    return text.str();
  }

  /// The element moves by what it can represent of the step; the change is that of the step itself.
  Change along_element(Perturbation& leaf, Index element, double step) const {
    Tensor low = leaf.original(), high = leaf.original();
    double &down = low.mutable_data<double>()[element], &up = high.mutable_data<double>()[element];
    down -= step;
    up += step;
    const double ratio = 2 * step / (up - down);
    Change result = change(leaf, std::move(low), std::move(high));
    result.rise *= ratio;
    return result;
  }

  Change along_direction(Perturbation& leaf, const Tensor& direction, double step) const {
    Tensor low = leaf.original(), high = leaf.original();
    double *down = low.mutable_data<double>(), *up = high.mutable_data<double>();
    for (Index j = 0; j < direction.count(); ++j) {
      down[j] -= step * direction.data<double>()[j];
      up[j] += step * direction.data<double>()[j];
    }
    return change(leaf, std::move(low), std::move(high));
  }

  const Subject& subject_;
  const GradcheckOptions& options_;
  Generator generator_;
  std::vector<Tensor> cotangents_;
  std::vector<Tensor> centre_;  // the outputs at the inputs
  double magnitude_ = 0;
  bool deterministic_ = true;
  Index compared_ = 0;
  std::string failures_;
};

/// Where the gradients of a run that is recorded and of one that is not differ; empty when they agree.
std::string first_difference(const std::vector<Tensor>& recorded, const std::vector<Tensor>& plain,
                             const std::vector<std::string>& names, const GradcheckOptions& options) {
  double largest = detail::smallest_magnitude;
  for (const Tensor& gradient : plain)
    if (gradient.dtype() == float64)
      for (const double value : gradient.span<double>())
        if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    if (recorded[i].dtype() != float64) continue;
    const auto values = recorded[i].span<double>(), others = plain[i].span<double>();
    for (std::size_t j = 0; j < values.size(); ++j) {
      const double allowed = options.atol * largest + options.rtol * std::abs(others[j]);
      if (values[j] == others[j] || std::abs(values[j] - others[j]) <= allowed) continue;
      if (std::isnan(values[j]) && std::isnan(others[j])) continue;
      std::ostringstream text;
      text << names[i] << " element " << to_string(index_of(static_cast<Index>(j), recorded[i].shape()))
           << ": the gradient is " << others[j] << ", but " << values[j] << " under create_graph";
      return text.str();
    }
  }
  return {};
}

CheckResult check(const Subject& subject, const GradcheckOptions& options) {
  const EnableGrad recording;
  check_options(options);
  return Check(subject, options).run();
}

/// Copies of the inputs as Variables, the float64 ones as leaves.
struct Arguments {
  explicit Arguments(const std::vector<Tensor>& inputs) {
    bool all_empty = !inputs.empty();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].defined()) fail<GraphError>("input " + std::to_string(i) + " is undefined");
      all_empty &= inputs[i].count() == 0;
      variables.emplace_back(inputs[i], VariableOptions{.requires_grad = inputs[i].dtype() == float64});
      if (inputs[i].dtype() != float64) continue;
      leaves.push_back(variables.back());
      names.push_back("input " + std::to_string(i));
    }
    if (leaves.empty() && !all_empty)
      fail<ValueError>("expects at least one float64 input",
                       "finite differences need double precision: convert with to(float64)");
  }

  std::vector<Variable> variables;
  std::vector<Variable> leaves;
  std::vector<std::string> names;
};

}  // namespace

namespace detail {

CheckResult gradcheck(const VectorFunction& f, const std::vector<Tensor>& inputs,
                      const GradcheckOptions& options) {
  const Scope scope("gradcheck", Place{});
  const Arguments arguments(inputs);
  return check({"gradcheck", [&] { return f(arguments.variables); }, arguments.leaves, arguments.names},
               options);
}

CheckResult gradgradcheck(const VectorFunction& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options) {
  const Scope scope("gradgradcheck", Place{});
  const Arguments arguments(inputs);
  check_options(options);

  Subject subject{"gradgradcheck", {}, arguments.leaves, arguments.names};
  std::vector<Variable> cotangents;
  {
    const EnableGrad recording;
    Generator generator(options.seed + 1);
    const Subject function{"", [&] { return f(arguments.variables); }, {}, {}};
    for (const Tensor& v : cotangents_of(function.outputs(), generator)) {
      cotangents.push_back(v.defined() ? Variable(v, {.requires_grad = true}) : Variable());
      if (!v.defined()) continue;
      subject.leaves.push_back(cotangents.back());
      subject.names.push_back("cotangent " + std::to_string(cotangents.size() - 1));
    }
  }
  const auto first_order = [&](bool create_graph) {
    const std::vector<Variable> outputs = f(arguments.variables);
    if (arguments.leaves.empty()) return outputs;
    return detail::pull_back(outputs, cotangents, arguments.leaves, create_graph);
  };
  subject.evaluate = [&] { return first_order(true); };
  const CheckResult result = check(subject, options);
  if (!result) return result;
  // A factor that is wrong in the recorded gradient alone is consistent with its own derivatives.
  const EnableGrad recording;
  const Scope own_names(Scope::Barrier{});
  const std::string difference =
      first_difference(values_of(first_order(true)), values_of(first_order(false)), subject.names, options);
  return difference.empty() ? result : CheckResult{false, "gradgradcheck: " + difference};
}

}  // namespace detail

CheckResult gradcheck_leaves(const Callback<Variable()>& f, const std::vector<Variable>& leaves,
                             const GradcheckOptions& options) {
  const Scope scope("gradcheck_leaves", Place{});
  Subject subject{"gradcheck_leaves", [&] { return std::vector<Variable>{f()}; }, leaves, {}};
  if (leaves.empty()) fail<ValueError>("the list of leaves is empty");
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const std::string name = "leaf " + std::to_string(i);
    if (!leaves[i].is_leaf() || !leaves[i].requires_grad())
      fail<GraphError>(name + " is not a leaf that requires a gradient");
    if (leaves[i].dtype() != float64)
      fail<DTypeError>(name + " is " + std::string(to_string(leaves[i].dtype())) + ", expects float64",
                       "finite differences need double precision");
    subject.names.push_back(name);
  }
  return check(subject, options);
}

}  // namespace xgrad
