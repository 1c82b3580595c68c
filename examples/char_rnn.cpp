// Learns to write, one character after the other: a recurrent network (LSTM or GRU), or a small transformer.
#include "support/program.hpp"

#include <xgrad/data/text.hpp>
#include <xgrad/tensor/sample.hpp>
#include <xgrad/train/curves.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>

using namespace xgrad;

// What a network remembers of the text so far.
using Memory = std::vector<Variable>;

struct Reader : nn::Module {
  /// Characters (T, N) to the logits of the next ones (T, N, V); goes on from the memory and leaves the new
  /// one there.
  virtual Variable read(const Tensor& characters, Memory& memory) = 0;
};

struct Recurrent : Reader {
  Recurrent(const std::string& cell, Index vocabulary, Index hidden, double p)
      : embedding(vocabulary, 64), dropout(p), output(hidden, vocabulary) {
    if (cell == "lstm")
      lstm.emplace(64, hidden);
    else
      gru.emplace(64, hidden);
  }
  Variable read(const Tensor& characters, Memory& memory) override {
    const Variable x = embedding(characters);
    memory.resize(2);
    Variable hidden;
    if (lstm) {
      const nn::LstmResult result = lstm->run(x, {memory[0], memory[1]});
      hidden = result.output;
      memory = {result.state.hidden.detach(), result.state.cell.detach()};
    } else {
      const nn::GruResult result = gru->run(x, memory[0]);
      hidden = result.output;
      memory[0] = result.state.detach();
    }
    return output(dropout(hidden));
  }
  void visit(nn::Visitor& v) override {
    v("embedding", embedding);
    v("lstm", lstm);
    v("gru", gru);
    v("output", output);
    v("dropout", dropout);
  }

  nn::Embedding embedding;
  std::optional<nn::LSTM> lstm;
  std::optional<nn::GRU> gru;
  nn::Dropout dropout;
  nn::Linear output;
};

struct Block : nn::Module {
  Block(Index width, double p)
      : norm1(width),
        norm2(width),
        attention(width, 4),
        up(width, 4 * width),
        down(4 * width, width),
        dropout(p) {}
  Variable forward(const Variable& x) override {
    const Variable y = norm1(x);
    const Variable z = x + dropout(attention(y, y, y, {.causal = true}));
    return z + dropout(down(gelu(up(norm2(z)))));
  }
  XGRAD_VISIT(norm1, norm2, attention, up, down, dropout)
  nn::LayerNorm norm1, norm2;
  nn::MultiheadAttention attention;
  nn::Linear up, down;
  nn::Dropout dropout;
};

// Remembers nothing but what stands in its window.
struct Transformer : Reader {
  Transformer(Index vocabulary, Index window, double p)
      : embedding(vocabulary, width), positions(window, width), norm(width), output(width, vocabulary) {
    for (int i = 0; i < 3; ++i) blocks.emplace_back(width, p);
  }
  Variable read(const Tensor& characters, Memory&) override {
    Variable x = embedding(transpose(characters)) + positions(arange(characters.size(0)));
    for (Block& block : blocks) x = block(x);
    return transpose(output(norm(x)), 0, 1);
  }
  XGRAD_VISIT(embedding, positions, blocks, norm, output)
  static constexpr Index width = 192;
  nn::Embedding embedding, positions;
  std::vector<Block> blocks;
  nn::LayerNorm norm;
  nn::Linear output;
};

// The entropy of the characters' frequencies: the loss of one who knows nothing else.
double entropy(const Tensor& text, Index vocabulary) {
  const Variable frequency = mean(one_hot(text, vocabulary), 0);
  return sum(where(frequency > 0, -frequency * log(frequency), 0)).item();
}

// A character drawn in proportion to exp(logit / temperature), again and again.
std::string write(Reader& model, const data::Vocabulary& vocabulary, const std::string& start,
                  double temperature, Index window) {
  const NoGrad off_the_tape;
  const nn::EvalMode evaluation(model);
  const bool remembers = dynamic_cast<Transformer*>(&model) == nullptr;
  Tensor text = vocabulary.encode(start);
  Memory memory;
  for (Index i = 0; i < 300; ++i) {
    // A recurrent network needs the last character alone, once it has read the start.
    const Index known = text.count(),
                from = remembers && i > 0 ? known - 1 : std::max<Index>(known - window, 0);
    const Variable logits = model.read(text.rows(from, known).reshape({-1, 1}), memory);
    const Tensor next = categorical((index(logits, {-1, 0}) / temperature).value(), {.logits = true});
    text = concat({Variable(text), Variable(next.reshape({1}))}).value();
  }
  return vocabulary.decode(text);
}

int main(int argc, char** argv) {
  example::Program program(
      "char_rnn", "A recurrent network learns to write, one character after the other",
      {.data = "moby_dick", .data_help = "Any text in UTF-8", .epochs = 7, .small_epochs = 2});
  std::string cell = "lstm";
  Index hidden = 512, steps = 128;
  double dropout = 0.3, rate = 2e-3;
  program.choice("--model", cell, "What reads", {"lstm", "gru", "transformer"});
  program.number("--hidden", hidden, "Units of the recurrent layer", {1, 4096});
  program.number("--steps", steps, "Characters that a gradient reaches back", {2, 1024});
  program.number("--dropout", dropout, "Part of the units dropped in training", {0, 0.95});
  program.number("--rate", rate, "Highest learning rate", {1e-8, 1});

  return program.run(argc, argv, [&](example::Run& run) {
    std::string text = data::read_text(run.data());
    if (run.small) text.resize(std::min<std::size_t>(text.size(), 40'000));
    const data::Vocabulary vocabulary(text);
    const Tensor all = vocabulary.encode(text);
    const Index split = all.count() * 9 / 10;
    steps = run.choose(steps, 32);
    const data::StreamsOptions reading{.streams = run.choose(32, 8), .steps = steps};
    const auto training = data::token_streams(all.rows(0, split), reading),
               held_out = data::token_streams(all.rows(split, all.count()), reading);
    std::printf("%lld characters, %lld different ones; the last tenth is held out\n",
                static_cast<long long>(all.count()), static_cast<long long>(vocabulary.size()));

    const double alone = entropy(all.rows(0, split), vocabulary.size());
    std::printf("How often each occurs would be worth %.3f nats a character.\n", alone);

    std::unique_ptr<Reader> model;
    if (cell == "transformer")
      model = std::make_unique<Transformer>(vocabulary.size(), steps, dropout);
    else
      model = std::make_unique<Recurrent>(cell, vocabulary.size(), run.choose(hidden, 64), dropout);
    // One memory for the text that is learned and one for the text that is held out.
    Memory memories[2];
    const auto loss = [&](Reader& reader, const data::StreamBatch& batch) {
      Memory& memory = memories[reader.training() ? 0 : 1];
      if (batch.begins) memory.clear();
      const Variable logits = reader.read(batch.input, memory);
      return train::Outcome(nn::cross_entropy(logits, batch.target), logits, batch.target,
                            batch.target.count());
    };
    train::History history;
    if (!run.load(*model)) {
      optim::Adam optimizer(model->parameters(), {.learning_rate = rate});
      const auto updates = static_cast<Index>(training.size()) * run.epochs;
      history = train::fit(
          *model, training, loss, optimizer,
          {.epochs = run.epochs,
           .validation = held_out,
           .callbacks = {train::progress()},
           .stop = train::interrupted,
           .schedule = optim::LinearWarmup(std::max<Index>(updates / 20, 1), optim::CosineLR(updates)),
           .clip_norm = 1});
      run.save(*model);
    }
    for (const double temperature : {0.5, 0.8, 1.0})
      std::printf("\n--- temperature %.1f\n%s\n", temperature,
                  write(*model, vocabulary, "The ", temperature, steps).c_str());
    const double nats = train::evaluate(*model, held_out, loss).at("loss");
    if (history.size() > 0) {
      plot::Figure figure(
          {.title = "Learning to write", .subtitle = cell + ", seed " + std::to_string(run.seed)});
      train::curves(figure, history, "loss", {.title = "Loss (nats a character)"});
      run.draw(figure);
    }
    const double bound = cell == "transformer" ? 1.9 : 1.55;
    run.figure("held-out loss", nats,
               {.at_most = run.choose(bound, 2.8), .unit = "nats a character", .digits = 3});
  });
}
