#include <xgrad/autograd/composed.hpp>

namespace xgrad::detail {

Variable alias(const Variable& x) {
  Op op("alias", Place{}, {x});
  return op.record(op.value(), Rule{saves_nothing, [](Backward& r) { return r.gradient(); }});
}

void give_composed(Backward& r, const VectorFunction& composed) {
  std::vector<Variable> arguments, wanted, roots, seeds;
  for (std::size_t i = 0; i < r.input_count(); ++i) {
    arguments.push_back(r.needs(i) ? alias(r.input(i)) : r.input(i));
    if (r.needs(i)) wanted.push_back(arguments.back());
  }
  const std::vector<Variable> outputs = composed(arguments);
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    if (!r.has_gradient(k) || !outputs[k].requires_grad()) continue;
    roots.push_back(outputs[k]);
    seeds.push_back(r.gradient(k));
  }
  if (roots.empty()) return;
  std::vector<Variable> gradients =
      grad(roots, wanted, {.seeds = std::move(seeds), .create_graph = true, .allow_unused = true});
  for (std::size_t i = 0, next = 0; i < r.input_count(); ++i)
    if (r.needs(i)) r.give(i, std::move(gradients[next++]));
}

}  // namespace xgrad::detail
