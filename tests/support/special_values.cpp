#include "special_values.hpp"

#include <limits>
#include <set>
#include <string>

namespace xgrad::test {
namespace {

template <class T>
std::vector<double> values_of() {
  using Limits = std::numeric_limits<T>;
  return {0.0,
          -0.0,
          Limits::infinity(),
          -Limits::infinity(),
          Limits::quiet_NaN(),
          Limits::max(),
          Limits::lowest(),
          Limits::min(),
          -Limits::min(),
          Limits::denorm_min(),
          -Limits::denorm_min(),
          1.0};
}

}  // namespace

std::vector<double> special_values(DType dtype) {
  return dtype == float32 ? values_of<float>() : values_of<double>();
}

void set(Tensor& x, Index i, double value) {
  if (x.dtype() == float32)
    x.mutable_data<float>()[i] = static_cast<float>(value);
  else
    x.mutable_data<double>()[i] = value;
}

double get(const Tensor& x, Index i) {
  return x.dtype() == float32 ? static_cast<double>(x.data<float>()[i]) : x.data<double>()[i];
}

std::optional<std::vector<Variable>> gradients_at(const Case& row, const std::vector<Tensor>& inputs,
                                                  const std::function<Tensor(const Tensor&)>& seed,
                                                  bool create_graph) {
  std::vector<Variable> arguments, leaves;
  for (const Tensor& input : inputs) {
    arguments.emplace_back(input, VariableOptions{.requires_grad = is_floating(input.dtype())});
    if (is_floating(input.dtype())) leaves.push_back(arguments.back());
  }
  Variable result;
  try {
    result = row.function(arguments);
  } catch (const Error&) {
    return {};
  }
  if (!result.requires_grad()) return {};
  GradOptions options;
  options.seeds = {Variable(seed(result.value()))};
  options.allow_unused = true;
  options.create_graph = create_graph;
  try {
    return grad({result}, leaves, options);
  } catch (const NumericError&) {
    // The values have no derivative there.
    static const std::set<std::string> may_refuse{"eigh", "qr", "slogdet", "svd"};
    if (!may_refuse.contains(row.operation)) throw;
    return {};
  }
}

void at_special_inputs(const Case& row, DType dtype, const std::vector<double>& values,
                       const std::function<bool(const std::vector<Tensor>&)>& check) {
  std::vector<Tensor> inputs = row.inputs;
  std::vector<std::size_t> floating;
  for (std::size_t k = 0; k < inputs.size(); ++k)
    if (inputs[k].dtype() == float64) {
      inputs[k] = inputs[k].to(dtype);
      if (inputs[k].count() > 0) floating.push_back(k);
    }
  if (floating.empty()) return;
  // Input k is `shift` values ahead of the one before it.
  for (std::size_t shift = 0; shift < values.size(); ++shift) {
    std::vector<Tensor> at = inputs;
    for (std::size_t k = 0; k < floating.size(); ++k)
      for (Index i = 0; i < at[floating[k]].count(); ++i)
        set(at[floating[k]], i,
            values[(static_cast<std::size_t>(i) + (k + (floating.size() == 1 ? 1 : 0)) * shift) %
                   values.size()]);
    if (!check(at)) break;
  }
  std::size_t position = 0;
  for (const std::size_t k : floating)
    for (const double value : values) {
      std::vector<Tensor> at = inputs;
      set(at[k], static_cast<Index>(position++) % at[k].count(), value);
      if (!check(at)) return;
    }
}

std::string text_of(const std::vector<Tensor>& inputs) {
  std::string text;
  for (const Tensor& input : inputs)
    if (is_floating(input.dtype()))
      text += " " + to_string(input, {.precision = 3, .threshold = 20, .edge_items = 8});
  return text;
}

}  // namespace xgrad::test
