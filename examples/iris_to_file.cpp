// From a table to a file and back: reads Fisher's irises, learns to tell the species, saves the network and,
// in another process, names the flower whose measures are given.
#include "support/program.hpp"

#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

using namespace xgrad;

// The scale of the measures belongs to the model: it is saved with the weights.
struct Irises : nn::Module {
  nn::Buffer mean = zeros({4});
  nn::Buffer deviation = ones({4});
  nn::Linear hidden{4, 16};
  nn::Linear output{16, 3};

  /// Measures in cm, (N, 4), to the logits of the species, (N, 3).
  Variable forward(const Variable& flowers) override {
    return output(relu(hidden((flowers - mean) / deviation)));
  }
  void visit(nn::Visitor& v) override {
    v("mean", mean);
    v("deviation", deviation);
    v("hidden", hidden);
    v("output", output);
  }
};

struct Flowers {
  Tensor measures;                   // float32 (N, 4)
  Tensor species;                    // int64 (N,): places in names
  std::vector<std::string> names{};  // sorted
};

// A header line, then four numbers and a name in every line.
Flowers read_flowers(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::vector<float> numbers;
  std::vector<std::string> words;
  for (std::getline(file, line); std::getline(file, line);) {
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');)
      cells.eof() ? words.push_back(cell) : numbers.push_back(std::stof(cell));
  }
  Flowers flowers{.measures = Tensor::from(numbers, {-1, 4}), .species = {}, .names = words};
  std::ranges::sort(flowers.names);
  flowers.names.erase(std::unique(flowers.names.begin(), flowers.names.end()), flowers.names.end());
  if (flowers.names.size() != 3) throw std::runtime_error(path + " is no table of flowers of three species");
  std::vector<Index> ids;
  for (const std::string& word : words)
    ids.push_back(std::ranges::find(flowers.names, word) - flowers.names.begin());
  flowers.species = Tensor::from(ids);
  return flowers;
}

double accuracy(Irises& model, const Flowers& flowers) {
  const NoGrad no_grad;
  return mean(cast(argmax(model(flowers.measures), 1) == flowers.species, float32)).item();
}

void learn(Irises& model, const Flowers& flowers, const example::Run& run) {
  model.mean = mean(flowers.measures, 0).value();
  model.deviation = sqrt(mean(square(flowers.measures - model.mean), 0)).value();
  optim::Adam optimizer(model.parameters(), {.learning_rate = 0.02});
  for (Index epoch = 1; epoch <= run.epochs && !train::interrupted(); ++epoch) {
    optimizer.zero_grad();
    const Variable loss = nn::cross_entropy(model(flowers.measures), flowers.species);
    loss.backward();
    optimizer.step();
    if (epoch == 1 || epoch % 20 == 0)
      std::printf("epoch %3lld  loss %.4f  training accuracy %.1f %%\n", static_cast<long long>(epoch),
                  loss.item(), 100 * accuracy(model, flowers));
  }
}

void predict(Irises& model, const std::vector<double>& flower, const std::vector<std::string>& names) {
  const NoGrad no_grad;
  const Tensor probability = softmax(model(Tensor::from(flower, {1, 4}).to(float32)), 1).value();
  for (Index i = 0; i < 3; ++i)
    std::printf("%-12s %6.2f %%\n", names.at(static_cast<std::size_t>(i)).c_str(),
                100 * probability.at({0, i}));
}

int main(int argc, char** argv) {
  example::Program program("iris_to_file",
                           "A table learned, saved, loaded again, and one row given by hand predicted",
                           {.data = "iris", .epochs = 100, .small_epochs = 40, .pictures = false});
  std::vector<double> flower;
  program.numbers("--predict", flower, "Sepal length and width, petal length and width in cm", {0.01, 100});

  return program.run(argc, argv, [&](example::Run& run) {
    if (!flower.empty() && flower.size() != 4) throw std::runtime_error("--predict takes four numbers");
    Irises model;
    const bool loaded = run.load(model);
    if (loaded && !flower.empty()) {  // needs nothing but the file
      const auto texts = io::File(run.load_path).metadata();
      std::vector<std::string> names;
      for (const char* number : {"0", "1", "2"}) {
        const auto found = texts.find(number);
        names.push_back(found != texts.end() ? found->second : std::string("species ") + number);
      }
      return predict(model, flower, names);
    }

    const Flowers all = read_flowers(run.data());
    const Index count = all.measures.shape()[0], held_out = count / 3;
    const Tensor order = permutation(count);
    const auto part = [&](Index begin, Index end) {
      const Tensor rows = slice(order, 0, {begin, end}).value();
      return Flowers{data::gather_rows(all.measures, rows), data::gather_rows(all.species, rows)};
    };
    const Flowers training = part(held_out, count), test = part(0, held_out);
    if (!loaded) {
      learn(model, training, run);
      run.save(model, {{"0", all.names[0]}, {"1", all.names[1]}, {"2", all.names[2]}});
    }
    if (!flower.empty()) predict(model, flower, all.names);
    run.figure("test accuracy", accuracy(model, test), {.at_least = run.choose(0.88, 0.6), .digits = 1});
  });
}
