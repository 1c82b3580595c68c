// Draws the recorded graph of a small model: graph.dot, and graph.svg where Graphviz is installed. An
// argument gives another path than "graph".
#include <xgrad/autograd/draw.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/loss.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/xgrad.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>

using namespace xgrad;

struct Mlp : nn::Module {
  nn::Linear hidden{4, 8};
  nn::Linear output{8, 3};
  Variable forward(const Variable& x) override { return output(relu(hidden(x))); }
  void visit(nn::Visitor& v) override {
    v("hidden", hidden);
    v("output", output);
  }
};

int main(int argc, char** argv) {
  const std::string stem = argc > 1 ? argv[1] : "graph";
  Mlp model;
  const Variable loss = nn::cross_entropy(model(uniform({5, 4})), Tensor{0, 2, 1, 1, 0});

  DrawOptions options{.names = {{loss, "loss"}}};
  for (const auto& [name, parameter] : model.named_parameters()) options.names.emplace_back(parameter, name);

  std::ofstream file(stem + ".dot");
  file << graphviz(loss, options);
  file.close();
  if (!file) {
    std::cerr << "cannot write " << stem << ".dot\n";
    return 1;
  }
  std::cout << "wrote " << stem << ".dot\n";
  if (std::system(("dot -Tsvg '" + stem + ".dot' -o '" + stem + ".svg' 2>/dev/null").c_str()) == 0)
    std::cout << "wrote " << stem << ".svg\n";
  else
    std::cout << "no picture: that takes Graphviz's dot, from the package graphviz\n";
  return 0;
}
