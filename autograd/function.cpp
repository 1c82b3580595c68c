#include <xgrad/autograd/function.hpp>

#include <xgrad/autograd/new_variable.hpp>

#include <algorithm>
#include <optional>

namespace xgrad {
namespace {

std::optional<std::size_t> position(const std::vector<Variable>& list, const Variable& variable) {
  for (std::size_t i = 0; i < list.size(); ++i)
    if (list[i].is(variable)) return i;
  return std::nullopt;
}

// True when neither was written to since one was a copy of the other.
bool same(const Tensor& a, const Tensor& b) { return a.raw() == b.raw(); }

// More than 32 of a kind are an error, which is found when all are counted.
std::uint32_t bit(std::size_t i) { return i < 32 ? 1u << i : 0; }

}  // namespace

Variable FunctionBackward::gradient(std::size_t k) const {
  if (k >= rule_.output_count())
    fail<IndexError>("gradient " + std::to_string(k) + " asked for, but there are " +
                     std::to_string(rule_.output_count()) + " outputs");
  return zero_gradients_ || rule_.has_gradient(k) ? detail::own_handle(rule_.gradient(k)) : Variable();
}

bool FunctionBackward::needs(std::size_t i) const {
  if (i >= rule_.input_count())
    fail<IndexError>("input " + std::to_string(i) + " asked for, but the function has " +
                     std::to_string(rule_.input_count()) + " inputs");
  return rule_.needs(i);
}

Variable FunctionBackward::saved(std::size_t i) const {
  if (i >= saved_.size())
    fail<IndexError>("saved value " + std::to_string(i) + " asked for, but " + std::to_string(saved_.size()) +
                     " were saved");
  const SavedAs& saved = saved_[i];
  if (saved.kind == SavedAs::undefined) return {};
  if (saved.kind == SavedAs::output) return rule_.output(saved.index);
  if (saved.kind == SavedAs::intermediate && rule_.create_graph())
    fail<GraphError>(
        "saved value " + std::to_string(i) +
            " is neither an input nor an output, so a graph of the backward run would lack its history",
        "save inputs or outputs, and compute the rest again in backward");
  return rule_.input(saved.index);
}

Function::Function(const char* name, ForwardFunction forward, BackwardFunction backward,
                   FunctionOptions options, Place place)
    : parts_(std::make_shared<const Parts>(Parts{name, std::move(forward), std::move(backward), options})) {
  if (!parts_->forward)
    detail::fail_at<ValueError>(place, std::string(name) + ": a function needs a forward");
}

std::vector<Variable> Function::apply(const std::vector<Variable>& inputs, Place place) const {
  const char* const name = parts_->name;
  FunctionForward context;
  std::vector<Variable> arguments, outputs;
  {
    const Op checked(name, place, inputs);
    // The user's code sees values only; handles of its own make saved inputs recognisable.
    for (const Variable& input : inputs) arguments.push_back(input.detach());
    const NoGrad mode;
    const Scope user(Scope::Barrier{});
    outputs = parts_->forward(context, arguments);
  }

  std::vector<FunctionBackward::SavedAs> saved;
  std::vector<Variable> operands = inputs;
  Saves saves;
  for (const auto& [variable, value] : context.saved_) {
    if (!variable.defined()) {
      saved.push_back({FunctionBackward::SavedAs::undefined, 0});
    } else if (const auto i = position(arguments, variable); i && same(value, inputs[*i].value())) {
      saved.push_back({FunctionBackward::SavedAs::input, *i});
      saves.inputs |= bit(*i);
    } else if (const auto k = position(outputs, variable); k && same(value, outputs[*k].value())) {
      saved.push_back({FunctionBackward::SavedAs::output, *k});
      saves.outputs |= bit(*k);
    } else {
      saved.push_back({FunctionBackward::SavedAs::intermediate, operands.size()});
      saves.inputs |= bit(operands.size());
      operands.emplace_back(value);
    }
  }
  const Op op(name, place, operands);
  if (operands.size() > 32 || outputs.size() > 32)
    fail<ValueError>("at most 32 inputs and saved values, and 32 outputs, got " +
                     std::to_string(operands.size()) + " and " + std::to_string(outputs.size()));
  std::vector<Tensor> values;
  for (const Variable& output : outputs) {
    if (!output.defined()) fail<GraphError>("the forward gave an undefined output");
    values.push_back(output.value());
  }
  std::uint32_t constants = 0;
  for (const Variable& output : context.constants_)
    if (const auto k = position(outputs, output)) constants |= bit(*k);

  auto rule = [parts = parts_, saved = std::move(saved), count = inputs.size()](Backward& r) {
    if (!parts->backward)
      fail<GraphError>("the function has no backward", "give one to its constructor, or detach its result");
    std::vector<Variable> gradients;
    {
      const Scope user(Scope::Barrier{});
      gradients = parts->backward(FunctionBackward(r, saved, parts->options.zero_gradients));
    }
    while (gradients.size() > count && !gradients.back().defined()) gradients.pop_back();
    if (gradients.size() != count)
      fail<GraphError>("backward gave " + std::to_string(gradients.size()) + " gradients for " +
                       std::to_string(count) + " inputs");
    for (std::size_t i = 0; i < count; ++i) {
      if (!r.needs(i) || !gradients[i].defined()) continue;
      // Stricter than the engine: too few elements are more likely a mistake.
      if (!broadcasts_to(r.input_shape(i), gradients[i].shape()))
        fail<ShapeError>("backward gave a gradient of shape " + to_string(gradients[i].shape()) +
                         " for input " + std::to_string(i) + " of shape " + to_string(r.input_shape(i)));
      // Whoever else holds this handle may write to it.
      r.give(i, detail::own_handle(gradients[i]));
    }
  };
  std::vector<Variable> results =
      op.record_many(std::move(values), JointRule{saves, std::move(rule)}, constants);
  if (parts_->options.first_order_only)
    for (const Variable& result : results)
      if (result.requires_grad()) detail::Access::checked(result).node->set_first_order_only();
  return results;
}

Variable Function::only(std::vector<Variable> outputs, Place place) const {
  if (outputs.size() == 1) return std::move(outputs.front());
  const Scope scope(parts_->name, place);
  fail<ValueError>("expects one output, got " + std::to_string(outputs.size()), "call apply() for several");
}

}  // namespace xgrad
