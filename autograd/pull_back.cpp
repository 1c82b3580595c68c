#include <xgrad/autograd/pull_back.hpp>

#include <xgrad/tensor/factory.hpp>

namespace xgrad::detail {

std::vector<Variable> pull_back(const std::vector<Variable>& outputs, const std::vector<Variable>& cotangents,
                                const std::vector<Variable>& inputs, bool create_graph,
                                std::optional<bool> retain_graph) {
  std::vector<Variable> roots;
  GradOptions options{
      .seeds = {}, .retain_graph = retain_graph, .create_graph = create_graph, .allow_unused = true};
  for (std::size_t k = 0; k < outputs.size(); ++k)
    if (outputs[k].requires_grad()) {
      roots.push_back(outputs[k]);
      options.seeds.push_back(cotangents[k]);
    }
  std::vector<Variable> gradients(inputs.size());
  if (!roots.empty()) gradients = grad(roots, inputs, options);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!gradients[i].defined()) gradients[i] = Variable(zeros_like(inputs[i].value()));
  return gradients;
}

}  // namespace xgrad::detail
