#include <xgrad/nn/check.hpp>

#include <xgrad/autograd/modes.hpp>
#include <xgrad/nn/walk.hpp>
#include <xgrad/tensor/factory.hpp>

#include <ostream>
#include <unordered_set>

namespace xgrad::nn {
namespace {

using Nodes = std::unordered_set<const xgrad::detail::Node*>;

// Leaves that the output reaches and `listed` lacks, with the operation that uses them.
std::string omitted_leaves(const Variable& output, const Nodes& listed) {
  std::string text;
  Nodes seen;
  std::vector<const xgrad::detail::Node*> waiting;
  if (const auto* root = xgrad::detail::Access::edge(output).node.get()) waiting.push_back(root);
  while (!waiting.empty()) {
    const xgrad::detail::Node* node = waiting.back();
    waiting.pop_back();
    for (const xgrad::detail::Edge& edge : node->inputs()) {
      const xgrad::detail::Node* input = edge.node.get();
      if (input == nullptr || !seen.insert(input).second) continue;
      if (!input->is_leaf()) {
        waiting.push_back(input);
      } else if (!listed.contains(input)) {
        const xgrad::detail::OutputMeta& meta = input->outputs()[0];
        text +=
            "\n  forward uses a trainable leaf that visit omits: " + std::string(to_string(meta.dtype())) +
            " " + to_string(meta.shape()) + ", in " + node->name;
        if (node->place().file != nullptr) text += " at " + to_string(node->place());
      }
    }
  }
  return text;
}

// Buffers as they were, also after an exception.
class BuffersKept {
 public:
  explicit BuffersKept(Module& module) {
    detail::Walk()
        .buffers([&](const std::string&, Tensor& buffer) { kept_.emplace_back(&buffer, buffer); })
        .run(module);
  }
  ~BuffersKept() {
    for (auto& [buffer, value] : kept_) *buffer = std::move(value);
  }
  BuffersKept(const BuffersKept&) = delete;
  BuffersKept& operator=(const BuffersKept&) = delete;

 private:
  std::vector<std::pair<Tensor*, Tensor>> kept_;
};

}  // namespace

CheckResult check_parameters(Module& module, const Callback<Variable()>& forward, Place place) {
  const BuffersKept buffers(module);
  std::vector<std::string> names;
  std::vector<Variable> trainable;
  Nodes listed;
  for (auto& [name, parameter] : module.named_parameters(place)) {
    if (!parameter.requires_grad()) continue;
    names.push_back(name);
    trainable.push_back(parameter);
    listed.insert(xgrad::detail::Access::edge(parameter).node.get());
  }

  const EnableGrad recorded;
  const Variable output = forward();
  std::string text;
  std::vector<Variable> gradients(trainable.size());
  if (output.requires_grad()) {
    text = omitted_leaves(output, listed);
    GradOptions options;
    options.seeds = {Variable(ones_like(output.value()))};
    options.allow_unused = true;
    if (!trainable.empty()) gradients = grad({output}, trainable, options);
  }
  for (std::size_t i = 0; i < trainable.size(); ++i)
    if (!gradients[i].defined()) text += "\n  " + names[i] + " gets no gradient from forward";
  if (text.empty()) return {true, {}};
  return {false, "visit and forward of " + detail::description(module) + " disagree:" + text};
}

CheckResult check_parameters(Module& module, const Variable& input, Place place) {
  const Variable given = input.detach(place);
  return check_parameters(
      module, [&] { return module(Operand(given, place.file, place.line)); }, place);
}

}  // namespace xgrad::nn
