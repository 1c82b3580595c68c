// A network for trees: nested expressions such as [MAX 2 9 [MIN 4 7] 0] (after the ListOps task of Nangia and
// Bowman, 2018). Every example is a graph of its own: at each node one LSTM cell reads what the children came
// to.
#include "support/expressions.hpp"
#include "support/program.hpp"

#include <xgrad/plot/figure.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cstdio>
#include <unordered_set>

using namespace xgrad;
using example::Tree, example::Trees;

// What a network says of the expressions of a batch: logits of every bracketed part, the whole one last for
// each tree.
struct Answers {
  std::vector<Variable> logits;
  std::vector<Index> values;
  std::vector<Index> roots;  // places of the whole expressions
};

struct TreeLstm : nn::Module {
  explicit TreeLstm(Index width)
      : embedding(example::token_count, width), cell(width, width), output(width, 10) {}

  // The operator is what is remembered first; then the children are read.
  Variable read(const Tree& tree, Answers& answers) {
    nn::LstmState state{.hidden = embedding(Tensor{tree.token}), .cell = {}};
    if (tree.children.empty()) return state.hidden;
    for (const Tree& child : tree.children) state = cell.run(read(child, answers), state);
    answers.logits.push_back(output(state.hidden));
    answers.values.push_back(tree.value);
    return state.hidden;
  }
  Answers operator()(const std::vector<Tree>& trees) {
    Answers answers;
    for (const Tree& tree : trees) {
      static_cast<void>(read(tree, answers));
      answers.roots.push_back(std::ssize(answers.values) - 1);
    }
    return answers;
  }
  XGRAD_VISIT(embedding, cell, output)

  nn::Embedding embedding;
  nn::LSTMCell cell;
  nn::Linear output;
};

// The same as a sequence: the answer to a part is asked for where its bracket closes.
struct FlatLstm : nn::Module {
  explicit FlatLstm(Index width)
      : embedding(example::token_count, width), lstm(width, width), output(width, 10) {}

  Answers operator()(const std::vector<Tree>& trees) {
    Answers answers;
    std::vector<std::vector<Index>> sequences;
    std::size_t longest = 0;
    for (const Tree& tree : trees) {
      example::flatten(tree, sequences.emplace_back());
      example::values_of(tree, answers.values);
      answers.roots.push_back(std::ssize(answers.values) - 1);
      longest = std::max(longest, sequences.back().size());
    }
    // Behind its end a sequence is filled up with brackets, which nobody asks about.
    std::vector<Index> padded, asked;
    for (const auto& sequence : sequences)
      for (std::size_t t = 0; t < longest; ++t) {
        padded.push_back(t < sequence.size() ? sequence[t] : example::close_token);
        if (t < sequence.size() && sequence[t] == example::close_token)
          asked.push_back(std::ssize(padded) - 1);
      }
    const auto count = std::ssize(trees), length = static_cast<Index>(longest);
    const Variable states =
        transpose(lstm(embedding(transpose(Tensor::from(padded, {count, length})))), 0, 1);
    const Variable flat = reshape(states, {count * length, -1});
    answers.logits.push_back(output(index_select(flat, 0, Tensor::from(asked))));
    return answers;
  }
  XGRAD_VISIT(embedding, lstm, output)

  nn::Embedding embedding;
  nn::LSTM lstm;
  nn::Linear output;
};

const auto loss = [](auto& model, const std::vector<Tree>& trees) {
  const Answers answers = model(trees);
  const Variable logits = concat(answers.logits, 0);
  const Tensor values = Tensor::from(answers.values), roots = Tensor::from(answers.roots);
  return train::Outcome(nn::cross_entropy(logits, values), index_select(logits, 0, roots),
                        data::gather_rows(values, roots), std::ssize(trees));
};

// Trains on trees of all depths; returns the history and the accuracy on deep ones that it has not seen.
template <class Model>
std::pair<train::History, double> learn(Model& model, const Trees& trees, const Trees& unseen,
                                        const example::Run& run) {
  const std::vector<train::NamedMetric> metrics{{"accuracy", train::Accuracy()}};
  data::DataLoader training(trees, {.batch_size = 32, .shuffle = true, .seed = run.seed});
  data::DataLoader test(unseen, {.batch_size = 100});
  train::History history;
  if (run.load_path.empty()) {
    optim::Adam optimizer(model.parameters(), {.learning_rate = run.choose(2e-3, 1e-2)});
    history = train::fit(model, training, loss, optimizer,
                         {.epochs = run.epochs,
                          .validation = test,
                          .metrics = metrics,
                          .callbacks = {train::progress()},
                          .stop = train::interrupted,
                          .schedule = optim::LinearWarmup(50, optim::CosineLR(training.size() * run.epochs)),
                          .clip_norm = 1});
  }
  return {history, train::evaluate(model, test, loss, metrics).at("accuracy")};
}

std::vector<double> percent(std::vector<double> parts) {
  for (double& part : parts) part *= 100;
  return parts;
}

std::vector<double> by_operator(TreeLstm& model, const Trees& trees) {
  std::vector<double> accuracies;
  for (Index operation = 0; operation < std::ssize(example::operator_names); ++operation) {
    Trees of_it = trees;
    std::erase_if(of_it.all,
                  [&](const Tree& tree) { return tree.token != example::first_operator + operation; });
    data::DataLoader loader(of_it, {.batch_size = 100});
    accuracies.push_back(
        train::evaluate(model, loader, loss, {{"accuracy", train::Accuracy()}}).at("accuracy"));
  }
  return accuracies;
}

int main(int argc, char** argv) {
  example::Program program("tree_lstm",
                           "A recursive network reads nested expressions, each a graph of its own",
                           {.epochs = 3, .small_epochs = 3});
  Index width = 128;
  program.number("--width", width, "Numbers that a state has", {1, 1024});

  return program.run(argc, argv, [&](example::Run& run) {
    Generator random(run.seed);
    std::unordered_set<std::string> seen;
    const Trees training = example::make_trees(run.choose(64'000, 1'500), 1, random, seen);
    const Trees test = example::make_trees(run.choose(1'000, 100), 5, random, seen);
    std::printf("%lld expressions to learn from, %lld others of depth 5 to test\n",
                static_cast<long long>(training.size()), static_cast<long long>(test.size()));

    TreeLstm tree(run.choose(width, 32));
    run.load(tree);
    const auto [history, accuracy] = learn(tree, training, test, run);
    run.save(tree);
    if (run.load_path.empty()) {
      std::puts("The same expressions as flat sequences:");
      FlatLstm flat(run.choose(width, 32));
      const auto [of_flat, flat_accuracy] = learn(flat, training, test, run);
      plot::Figure figure(
          {.title = "Nested expressions of depth 5, unseen", .subtitle = "seed " + std::to_string(run.seed)});
      figure
          .panel({.title = "Accuracy on whole expressions",
                  .x = "epoch",
                  .y_unit = " %",
                  .y_range = {0, 100},
                  .x_ticks = plot::Ticks::whole})
          .curve(history.values("epoch"), percent(history.values("validation_accuracy")), {.label = "tree"})
          .curve(of_flat.values("epoch"), percent(of_flat.values("validation_accuracy")),
                 {.label = "flat sequence"});
      figure
          .panel({.title = "Accuracy of the tree network by outermost operator",
                  .y_unit = " %",
                  .y_range = {0, 100}})
          .bars({example::operator_names.begin(), example::operator_names.end()},
                percent(by_operator(tree, test)), {.show_values = true});
      run.draw(figure);
      run.figure("flat LSTM, accuracy on unseen depth 5", flat_accuracy);
    }
    run.figure("tree, accuracy on unseen depth 5", accuracy, {.at_least = run.choose(0.95, 0.25)});
  });
}
