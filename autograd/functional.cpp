// Products with Jacobians and Hessians, all of them runs of grad(). Invariant: the arguments that f sees are
// variables made for this call.
#include <xgrad/autograd/composed.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/autograd/pull_back.hpp>
#include <xgrad/autograd/reach.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>

namespace xgrad::detail {
namespace {

using Variables = std::vector<Variable>;

/// What f is differentiated by: variables that it is given instead of the inputs, or those that it uses.
Variables arguments_of(const Differentiable& f, const Variables& inputs, FunctionalOptions options) {
  if (inputs.empty()) fail<ValueError>("the list of inputs is empty");
  Variables arguments;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Variable& x = inputs[i];
    if (f.by_variables) {
      if (!x.requires_grad())
        fail<GraphError>("input " + std::to_string(i) + " does not require a gradient",
                         "a function without arguments is differentiated by variables that it uses");
      arguments.push_back(x);
      continue;
    }
    if (!is_floating(x.dtype()))
      fail<DTypeError>(
          "input " + std::to_string(i) + " is " + describe(x.value()) + ", expects a floating dtype",
          "capture what is not differentiated in the function");
    arguments.push_back(
        options.create_graph && x.requires_grad() ? alias(x) : Variable(x.value(), {.requires_grad = true}));
  }
  return arguments;
}

/// The results of f, each argument of which is used.
Variables call(const Differentiable& f, const Variables& arguments, FunctionalOptions options) {
  const Variables outputs = [&] {
    const Scope own_names(Scope::Barrier{});
    return f.f(arguments);
  }();
  for (const Variable& output : outputs)
    if (!output.defined()) fail<GraphError>("the function returned an undefined variable");
  if (options.allow_unused) return outputs;
  Variables roots;
  for (const Variable& output : outputs)
    if (output.requires_grad()) roots.push_back(output);
  const std::vector<bool> used = reached(roots, arguments);
  if (const auto unused = std::find(used.begin(), used.end(), false); unused != used.end())
    fail<GraphError>("the function does not use input " + std::to_string(unused - used.begin()),
                     f.by_variables
                         ? "pass {.allow_unused = true} to get zeros instead"
                         : "a function without arguments is differentiated by variables that it captures; "
                           "pass {.allow_unused = true} to get zeros");
  return outputs;
}

void check_fits(const char* what, const Variables& vectors, const Variables& likes) {
  if (vectors.size() != likes.size())
    fail<ValueError>("expects " + std::to_string(likes.size()) + " " + what + "s, got " +
                     std::to_string(vectors.size()));
  for (std::size_t i = 0; i < vectors.size(); ++i)
    if (vectors[i].shape() != likes[i].shape() || vectors[i].dtype() != likes[i].dtype())
      fail<ShapeError>(std::string(what) + " " + std::to_string(i) + " is " + describe(vectors[i].value()) +
                       ", expects " + describe(likes[i].value()));
}

/// Ones where the caller gave nothing, which needs one-element outputs.
Variables cotangents_or_ones(const Variables& given, const Variables& outputs) {
  Variables cotangents = given.empty() ? Variables(outputs.size()) : given;
  for (std::size_t k = 0; k < cotangents.size() && k < outputs.size(); ++k) {
    if (cotangents[k].defined()) continue;
    if (outputs[k].count() != 1)
      fail<ShapeError>("expects a cotangent for output " + std::to_string(k) + " of shape " +
                           to_string(outputs[k].shape()),
                       "only one-element outputs have a default");
    cotangents[k] = Variable(ones_like(outputs[k].value()));
  }
  check_fits("cotangent", cotangents, outputs);
  return cotangents;
}

/// The one scalar that f gives.
Variable scalar_of(const Variables& outputs) {
  if (outputs.size() != 1 || outputs[0].count() != 1)
    fail<ShapeError>("expects a function with one output of one element, got " +
                     (outputs.size() == 1 ? "the shape " + to_string(outputs[0].shape())
                                          : std::to_string(outputs.size()) + " outputs"));
  return outputs[0];
}

/// Results as the caller asked for them: with their history or without.
Variables released(Variables variables, FunctionalOptions options) {
  if (!options.create_graph)
    for (Variable& variable : variables) variable = variable.detach();
  return variables;
}

/// Zeros but for a 1 at one position.
Variable unit(const Tensor& like, Index position) {
  Tensor value = zeros_like(like);
  dispatch_floating(value.dtype(),
                    [&]<class T>(std::type_identity<T>) { value.mutable_data<T>()[position] = T(1); });
  return Variable(std::move(value));
}

/// The Jacobian of recorded outputs, one backward run per element.
std::vector<Variables> jacobian_of(const Variables& outputs, const Variables& inputs,
                                   FunctionalOptions options) {
  std::vector<Variables> blocks;
  for (const Variable& output : outputs) {
    std::vector<Variables> rows(inputs.size());
    for (Index j = 0; output.requires_grad() && j < output.count(); ++j) {
      const Variables row =
          pull_back({output}, {unit(output.value(), j)}, inputs, options.create_graph, true);
      for (std::size_t i = 0; i < inputs.size(); ++i) rows[i].push_back(row[i]);
    }
    Variables block;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Shape shape = output.shape();
      for (const Index size : inputs[i].shape()) shape.push_back(size);
      block.push_back(rows[i].empty() ? Variable(zeros(shape, inputs[i].dtype()))
                                      : reshape(stack(rows[i]), shape));
    }
    blocks.push_back(released(std::move(block), options));
  }
  return blocks;
}

}  // namespace

VjpResult vjp(const Differentiable& f, const Variables& inputs, const Variables& cotangents,
              FunctionalOptions options, Place place) {
  const Scope scope("vjp", place);
  const EnableGrad recording;
  const Variables arguments = arguments_of(f, inputs, options);
  const Variables outputs = call(f, arguments, options);
  Variables gradients = pull_back(outputs, cotangents_or_ones(cotangents, outputs), arguments,
                                  options.create_graph, options.create_graph || f.by_variables);
  return {released(outputs, options), released(std::move(gradients), options)};
}

JvpResult jvp(const Differentiable& f, const Variables& inputs, const Variables& tangents,
              FunctionalOptions options, Place place) {
  const Scope scope("jvp", place);
  const EnableGrad recording;
  check_fits("tangent", tangents, inputs);
  const Variables arguments = arguments_of(f, inputs, options);
  const Variables outputs = call(f, arguments, options);
  Variables cotangents;
  for (const Variable& output : outputs)
    cotangents.push_back(is_floating(output.dtype())
                             ? Variable(zeros_like(output.value()), {.requires_grad = true})
                             : Variable());
  const Variables gradients = pull_back(outputs, cotangents, arguments, true, true);
  Variables used, results(outputs.size());
  for (const Variable& cotangent : cotangents)
    if (cotangent.defined()) used.push_back(cotangent);
  Variables products = used.empty() ? Variables{}
                                    : pull_back(gradients, tangents, used, options.create_graph,
                                                options.create_graph || f.by_variables);
  for (std::size_t k = 0, next = 0; k < outputs.size(); ++k)
    results[k] = cotangents[k].defined() ? products[next++] : Variable(zeros_like(outputs[k].value()));
  return {released(outputs, options), released(std::move(results), options)};
}

std::vector<Variables> jacobian(const Differentiable& f, const Variables& inputs, FunctionalOptions options,
                                Place place) {
  const Scope scope("jacobian", place);
  const EnableGrad recording;
  const Variables arguments = arguments_of(f, inputs, options);
  return jacobian_of(call(f, arguments, options), arguments, options);
}

std::vector<Variables> hessian(const Differentiable& f, const Variables& inputs, FunctionalOptions options,
                               Place place) {
  const Scope scope("hessian", place);
  const EnableGrad recording;
  const Variables arguments = arguments_of(f, inputs, options);
  const Variable value = scalar_of(call(f, arguments, options));
  return jacobian_of(pull_back({value}, {Variable(ones_like(value.value()))}, arguments, true, true),
                     arguments, options);
}

HvpResult hvp(const Differentiable& f, const Variables& inputs, const Variables& vectors,
              FunctionalOptions options, Place place) {
  const Scope scope("hvp", place);
  const EnableGrad recording;
  check_fits("vector", vectors, inputs);
  const Variables arguments = arguments_of(f, inputs, options);
  const Variable value = scalar_of(call(f, arguments, options));
  const Variables gradients = pull_back({value}, {Variable(ones_like(value.value()))}, arguments, true, true);
  Variables products =
      pull_back(gradients, vectors, arguments, options.create_graph, options.create_graph || f.by_variables);
  return {options.create_graph ? value : value.detach(), released(std::move(products), options)};
}

}  // namespace xgrad::detail
