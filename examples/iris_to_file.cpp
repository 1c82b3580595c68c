// From a table to a file and back: reads Fisher's irises, learns to tell the species, saves the network and,
// in another process, names the flower whose measures are given.
#include "support/program.hpp"

#include <xgrad/train/curves.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <cstdio>
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

// What the network is to make small: how little it gave to the right species.
const auto loss =
    train::supervised([](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); });

struct Flowers {
  Tensor measures;                 // float32 (N, 4)
  Tensor species;                  // int64 (N,): places in names
  std::vector<std::string> names;  // sorted
};

// A header line, then four numbers and a name in every line.
Flowers read_flowers(const std::string& path) {
  const data::Table table = data::read_csv(path);
  const data::Categories species = table.categories(-1);
  return {table.numbers({0, 1, 2, 3}), species.ids, species.names};
}

train::History learn(Irises& model, const data::TensorDataset<2>& flowers, const example::Run& run) {
  data::StandardScaler scaler;
  scaler.fit(flowers.tensors()[0]);
  model.mean = scaler.mean().to(float32);
  model.deviation = scaler.scale().to(float32);

  data::DataLoader loader(flowers, {.batch_size = 20, .shuffle = true, .seed = run.seed});
  optim::Adam optimizer(model.parameters(), {.learning_rate = 0.02});
  return train::fit(model, loader, loss, optimizer,
                    {.epochs = run.epochs,
                     .metrics = {{"accuracy", train::Accuracy()}},
                     .callbacks = {train::progress()},
                     .stop = train::interrupted});
}

void predict(Irises& model, const std::vector<double>& flower, const std::vector<std::string>& names) {
  const NoGrad no_grad;
  const Tensor probability = softmax(model(Tensor::from(flower, {1, 4}).to(float32)), 1).value();
  for (Index i = 0; i < 3; ++i)
    std::printf("%-12s %6.2f %%\n", names.at(static_cast<std::size_t>(i)).c_str(),
                100 * probability.at({0, i}));
}

// What the network takes flowers of every petal for, their sepals being as usual, and the flowers of the
// test.
void draw(plot::Figure& figure, Irises& model, const data::TensorDataset<2>& test,
          const std::vector<std::string>& names) {
  const NoGrad no_grad;
  const auto logits = [&](const Tensor& petals) {
    const Tensor sepals = tile(model.mean.rows(0, 2), {petals.size(0), 1}).value();
    return model(concat({sepals, petals}, 1)).value();
  };
  const auto& [measures, species] = test.tensors();
  figure.panel({.title = "Flowers that were held back", .x = "petal length (cm)", .y = "petal width (cm)"})
      .decision_regions(logits, {0.5, 7.5}, {0, 2.7})
      .classes(index(measures, {Slice{}, Slice{2, 4}}).value(), species, {.names = names});
}

int main(int argc, char** argv) {
  example::Program program("iris_to_file",
                           "A table learned, saved, loaded again, and one row given by hand predicted",
                           {.data = "iris", .epochs = 40, .small_epochs = 20});
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
    const auto [training, nothing, test] =
        data::split_indices(all.species.count(), {.test = 50, .seed = run.seed, .labels = all.species});
    const auto part = [&](const Tensor& rows) {
      return data::TensorDataset(data::gather_rows(all.measures, rows), data::gather_rows(all.species, rows));
    };
    plot::Figure figure({.title = "Three kinds of irises", .subtitle = "seed " + std::to_string(run.seed)});
    if (!loaded) {
      const train::History history = learn(model, part(training), run);
      if (!history.empty()) train::curves(figure, history, "loss", {.title = "Loss in training"});
      run.save(model, {{"0", all.names[0]}, {"1", all.names[1]}, {"2", all.names[2]}});
    }
    if (!flower.empty()) predict(model, flower, all.names);
    draw(figure, model, part(test), all.names);
    run.draw(figure);
    data::DataLoader loader(part(test), {.batch_size = 50});
    const train::Scores scores = train::evaluate(model, loader, loss, {{"accuracy", train::Accuracy()}});
    run.figure("test accuracy", scores.at("accuracy"), {.at_least = run.choose(0.88, 0.6), .digits = 1});
  });
}
