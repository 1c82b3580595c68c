// A network for trees: nested expressions such as [MAX 2 9 [MIN 4 7] 0] (after the ListOps task of Nangia and
// Bowman, 2018). Every example is a graph of its own: at each node one LSTM cell reads what the children came
// to.
#include "support/program.hpp"

#include <xgrad/plot/figure.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>
#include <unordered_set>

using namespace xgrad;

constexpr Index operators = 4, first_operator = 10, close = 14, tokens = 15;
constexpr std::array<const char*, operators> names{"MIN", "MAX", "MED", "SUM_MOD"};

struct Tree {
  Index token;  // a digit, or first_operator + operator
  Index value;
  std::vector<Tree> children{};
};

Index apply(Index operation, std::vector<Index> values) {
  std::ranges::sort(values);
  switch (operation) {
    case 0:
      return values.front();
    case 1:
      return values.back();
    case 2:
      return values[values.size() / 2];
    default:
      return std::accumulate(values.begin(), values.end(), Index{0}) % 10;
  }
}

// A tree of exactly that depth, with two to four children at each node.
Tree grow(Index depth, Generator& random) {
  const auto below = [&](Index bound) { return randint({}, 0, bound, random).item<Index>(); };
  if (depth == 0) {
    const Index digit = below(10);
    return {digit, digit};
  }
  Tree tree{first_operator + below(operators), 0};
  const Index children = 2 + below(3), deepest = below(children);
  std::vector<Index> values;
  for (Index i = 0; i < children; ++i) {
    const Index below_it = i == deepest ? depth - 1 : below(4) == 0 ? below(depth) : 0;
    tree.children.push_back(grow(below_it, random));
    values.push_back(tree.children.back().value);
  }
  tree.value = apply(tree.token - first_operator, values);
  return tree;
}

// As it would be read: an operator, its operands, a bracket.
void flatten(const Tree& tree, std::vector<Index>& sequence) {
  sequence.push_back(tree.token);
  for (const Tree& child : tree.children) flatten(child, sequence);
  if (!tree.children.empty()) sequence.push_back(close);
}

struct Trees {
  std::vector<Tree> all;
  Index size() const { return std::ssize(all); }
  std::vector<Tree> gather(const Tensor& indices) const {
    std::vector<Tree> batch;
    for (const Index i : indices.span<Index>()) batch.push_back(all[static_cast<std::size_t>(i)]);
    return batch;
  }
};

// Trees that do not occur in `seen`, to which they are added.
Trees make_trees(Index count, Index least_depth, Generator& random, std::unordered_set<std::string>& seen) {
  Trees trees;
  while (trees.size() < count) {
    Tree tree = grow(randint({}, least_depth, 6, random).item<Index>(), random);
    std::vector<Index> sequence;
    flatten(tree, sequence);
    if (seen.emplace(sequence.begin(), sequence.end()).second) trees.all.push_back(std::move(tree));
  }
  return trees;
}

// What a network says of the expressions of a batch: logits of every bracketed part, the whole one last for
// each tree.
struct Answers {
  std::vector<Variable> logits;
  std::vector<Index> values;
  std::vector<Index> roots;  // places of the whole expressions
};

struct TreeLstm : nn::Module {
  explicit TreeLstm(Index width) : embedding(tokens, width), cell(width, width), output(width, 10) {}

  // The operator is what is remembered first; then the children are read.
  Variable read(const Tree& tree, Answers& answers) {
    nn::LstmState state{.hidden = embedding(Tensor{tree.token}), .cell = {}};
    if (tree.children.empty()) return state.hidden;
    for (const Tree& child : tree.children) state = cell(read(child, answers), state);
    answers.logits.push_back(output(state.hidden));
    answers.values.push_back(tree.value);
    return state.hidden;
  }
  Answers operator()(const std::vector<Tree>& trees) {
    Answers answers;
    for (const Tree& tree : trees) {
      read(tree, answers);
      answers.roots.push_back(std::ssize(answers.values) - 1);
    }
    return answers;
  }
  XGRAD_VISIT(embedding, cell, output)

  nn::Embedding embedding;
  nn::LSTMCell cell;
  nn::Linear output;
};

// The values of bracketed parts in the order in which their brackets close.
void values_of(const Tree& tree, std::vector<Index>& values) {
  for (const Tree& child : tree.children) values_of(child, values);
  if (!tree.children.empty()) values.push_back(tree.value);
}

// The same as a sequence: the answer to a part is asked for where its bracket closes.
struct FlatLstm : nn::Module {
  explicit FlatLstm(Index width) : embedding(tokens, width), lstm(width, width), output(width, 10) {}

  Answers operator()(const std::vector<Tree>& trees) {
    Answers answers;
    std::vector<std::vector<Index>> sequences;
    std::size_t longest = 0;
    for (const Tree& tree : trees) {
      flatten(tree, sequences.emplace_back());
      values_of(tree, answers.values);
      answers.roots.push_back(std::ssize(answers.values) - 1);
      longest = std::max(longest, sequences.back().size());
    }
    // Behind its end a sequence is filled up with brackets, which nobody asks about.
    std::vector<Index> padded, asked;
    for (const auto& sequence : sequences)
      for (std::size_t t = 0; t < longest; ++t) {
        padded.push_back(t < sequence.size() ? sequence[t] : close);
        if (t < sequence.size() && sequence[t] == close) asked.push_back(std::ssize(padded) - 1);
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
    optim::Adam optimizer(model.parameters(), {.learning_rate = 2e-3});
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

int main(int argc, char** argv) {
  example::Program program("tree_lstm",
                           "A recursive network reads nested expressions, each a graph of its own",
                           {.epochs = 5, .small_epochs = 2});
  Index width = 128;
  bool flat_too = true;
  program.number("--width", width, "Numbers that a state has", {1, 1024});

  return program.run(argc, argv, [&](example::Run& run) {
    Generator random(run.seed);
    std::unordered_set<std::string> seen;
    const Trees training = make_trees(run.choose(32'000, 600), 1, random, seen);
    const Trees test = make_trees(run.choose(1'000, 100), 5, random, seen);
    std::printf("%lld expressions to learn from, %lld others of depth 5 to test\n",
                static_cast<long long>(training.size()), static_cast<long long>(test.size()));

    TreeLstm tree(run.choose(width, 32));
    run.load(tree);
    const auto [history, accuracy] = learn(tree, training, test, run);
    run.save(tree);
    plot::Figure figure(
        {.title = "Nested expressions of depth 5", .subtitle = "seed " + std::to_string(run.seed)});
    double of_flat = 0;
    if (flat_too && run.load_path.empty()) {
      std::puts("The same expressions as flat sequences:");
      FlatLstm flat(run.choose(width, 32));
      of_flat = learn(flat, training, test, run).second;
    }
    run.draw(figure);
    run.figure("tree, accuracy on unseen depth 5", accuracy, {.at_least = run.choose(0.95, 0.25)});
    if (run.load_path.empty()) run.figure("flat LSTM, the same", of_flat);
  });
}
