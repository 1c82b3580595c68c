// backward() and grad(): validation around one run of the engine.
#include <xgrad/autograd/engine.hpp>
#include <xgrad/autograd/gradient_slot.hpp>
#include <xgrad/autograd/new_variable.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>

namespace xgrad {
namespace {

// One gradient per root, checked: the seeds given, or ones.
std::vector<Variable> checked_seeds(const std::vector<Variable>& roots, const std::vector<Variable>& seeds) {
  if (!seeds.empty() && seeds.size() != roots.size())
    fail<ValueError>("expects one seed for each of the " + std::to_string(roots.size()) + " outputs, got " +
                     std::to_string(seeds.size()));
  std::vector<Variable> result;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const Variable& root = roots[i];
    if (!root.requires_grad())
      fail<GraphError>("output " + std::to_string(i) + " has no history and does not require a gradient",
                       "make its inputs with {.requires_grad = true}, and record outside NoGrad");
    if (seeds.empty() || !seeds[i].defined()) {
      if (root.count() != 1)
        fail<ShapeError>(
            "expects a seed for an output of shape " + to_string(root.shape()),
            "only one-element outputs have a default; reduce with sum() or mean(), or give a seed");
      result.emplace_back(ones_like(root.value()));
      continue;
    }
    const Variable& seed = seeds[i];
    if (seed.shape() != root.shape())
      fail<ShapeError>("a seed of shape " + to_string(seed.shape()) + " does not fit an output of shape " +
                       to_string(root.shape()));
    if (seed.dtype() != root.dtype())
      fail<DTypeError>("a seed of " + std::string(to_string(seed.dtype())) + " does not fit an output of " +
                       std::string(to_string(root.dtype())));
    result.push_back(detail::own_handle(seed));
  }
  return result;
}

void check_inputs(const std::vector<Variable>& inputs) {
  if (inputs.empty()) fail<ValueError>("the list of inputs is empty", "leave it out to reach every leaf");
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].requires_grad())
      fail<GraphError>("input " + std::to_string(i) + " does not require a gradient");
}

void run(detail::Run& run, const std::vector<Variable>& roots, std::vector<Variable> seeds,
         bool create_graph) {
  const detail::ModeScope mode(create_graph);
  for (std::size_t i = 0; i < roots.size(); ++i)
    run.start(detail::Access::edge(roots[i]), std::move(seeds[i]));
  // Rules are named by the places of their own operations, leaves by the place of this call.
  const Place caller = Scope::current()->place();
  const Scope own_names(Scope::Barrier{});
  run.execute(caller);
}

}  // namespace

void backward(const std::vector<Variable>& roots, const std::vector<Variable>& seeds,
              const BackwardOptions& options, Place place) {
  const Scope scope("backward", place);
  if (roots.empty()) fail<ValueError>("the list of outputs is empty");
  std::vector<Variable> gradients = checked_seeds(roots, seeds);
  if (options.inputs) check_inputs(*options.inputs);

  detail::Run engine(options.create_graph, options.retain_graph.value_or(options.create_graph));
  if (options.inputs) engine.restrict_to(roots, *options.inputs);
  run(engine, roots, std::move(gradients), options.create_graph);
  if (options.inputs)
    for (const Variable& input : *options.inputs)
      if (Variable gradient = engine.captured(input); gradient.defined())
        engine.deposit_into(detail::require_slot(input), std::move(gradient));
  const detail::ModeScope mode(options.create_graph);
  engine.deposit();
}

std::vector<Variable> grad(const std::vector<Variable>& outputs, const std::vector<Variable>& inputs,
                           const GradOptions& options, Place place) {
  const Scope scope("grad", place);
  if (outputs.empty()) fail<ValueError>("the list of outputs is empty");
  std::vector<Variable> gradients = checked_seeds(outputs, options.seeds);
  check_inputs(inputs);

  detail::Run engine(options.create_graph, options.retain_graph.value_or(options.create_graph));
  engine.restrict_to(outputs, inputs);
  run(engine, outputs, std::move(gradients), options.create_graph);
  std::vector<Variable> results;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    results.push_back(engine.captured(inputs[i]));
    if (!results.back().defined() && !options.allow_unused)
      fail<GraphError>("the outputs do not depend on input " + std::to_string(i),
                       "pass {.allow_unused = true} to get an undefined gradient instead");
  }
  return results;
}

Variable grad(const Variable& output, const Variable& input, const GradOptions& options, Place place) {
  return grad(std::vector<Variable>{output}, std::vector<Variable>{input}, options, place).front();
}

}  // namespace xgrad
