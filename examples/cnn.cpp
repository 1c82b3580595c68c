// A convolutional network reads digits, or recognises clothes (--data fashion).
#include "support/digits.hpp"
#include "support/program.hpp"

#include <xgrad/train/curves.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>

using namespace xgrad;

// Two convolutions, normalised, and a pool that halves the image.
struct Stage : nn::Module {
  Stage(Index in, Index out)
      : conv1(in, out, {.kernel = 3, .padding = 1, .bias = false}),
        conv2(out, out, {.kernel = 3, .padding = 1, .bias = false}),
        norm1(out),
        norm2(out) {}
  Variable forward(const Variable& x) override { return pool(relu(norm2(conv2(relu(norm1(conv1(x))))))); }
  XGRAD_VISIT(conv1, norm1, conv2, norm2, pool)

  nn::Conv2d conv1, conv2;
  nn::BatchNorm2d norm1, norm2;
  nn::MaxPool2d pool{2};
};

struct Cnn : nn::Module {
  explicit Cnn(Index width) : stage1(1, width), stage2(width, 2 * width), hidden(7 * 7 * 2 * width, 128) {}
  /// Images (N, 28, 28, 1) to logits (N, 10).
  Variable forward(const Variable& x) override {
    return output(dropout(relu(hidden(flatten(stage2(stage1(x)))))));
  }
  XGRAD_VISIT(stage1, stage2, flatten, hidden, dropout, output)

  Stage stage1, stage2;
  nn::Flatten flatten{{.order = nn::FlattenOrder::pytorch}};
  nn::Linear hidden;
  nn::Dropout dropout{0.4};
  nn::Linear output{128, 10};
};

// First-layer filters, and what the first stage makes of one image.
void draw_inside(plot::Figure& figure, Cnn& model, const example::Digits& digits) {
  const Tensor filters = model.stage1.conv1.weight.value();  // (filters, 3, 3, 1)
  const Index count = filters.size(0), shown = std::min<Index>(count, 16);
  figure.panel({.title = "Filters of the first layer"})
      .images(filters.rows(0, shown).reshape({shown, 3, 3}), {.columns = 8, .zoom = 12});
  const NoGrad off_the_tape;
  const nn::EvalMode evaluation(model);
  const Tensor image = digits.test.tensors()[0].rows(0, 1);
  const Tensor maps = permute(model.stage1(image), {3, 0, 1, 2}).value();  // (filters, 1, 14, 14)
  figure.panel({.title = "What the first stage makes of the first test image"})
      .images(maps.rows(0, shown).reshape({shown, 14, 14}), {.columns = 8});
}

int main(int argc, char** argv) {
  example::Program program("cnn", "A convolutional network reads digits, or recognises clothes",
                           {.data = "mnist",
                            .data_help = "mnist, fashion, or a directory of four such files",
                            .epochs = 5,
                            .small_epochs = 2});
  Index width = 16, batch = 128;
  double rate = 3e-3;
  program.number("--width", width, "Filters of the first stage; the second has twice as many", {1, 256});
  program.number("--batch", batch, "Images in a step", {1, 10'000});
  program.number("--rate", rate, "Highest learning rate", {1e-8, 1});

  return program.run(argc, argv, [&](example::Run& run) {
    const example::Digits digits = example::read_digits(run);
    const bool fashion = digits.name != "MNIST";
    Cnn model(width);
    const auto loss =
        train::supervised([](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); });
    const std::vector<train::NamedMetric> metrics{{"accuracy", train::Accuracy()}};
    data::DataLoader training(digits.training,
                              {.batch_size = batch, .shuffle = true, .seed = run.seed, .prefetch = 4});
    data::DataLoader validation(digits.validation, {.batch_size = 500}),
        test(digits.test, {.batch_size = 500});
    train::History history;
    if (!run.load(model)) {
      // Decay holds the weights back, which matters more for clothes: they take more epochs.
      optim::AdamW optimizer(model.parameters(), {.learning_rate = rate, .weight_decay = 0.05});
      const Index epochs = fashion && !run.small ? 2 * run.epochs : run.epochs,
                  updates = training.size() * epochs;
      history = train::fit(
          model, training, loss, optimizer,
          {.epochs = epochs,
           .validation = validation,
           .metrics = metrics,
           .callbacks = {train::progress()},
           .stop = train::interrupted,
           .schedule = optim::LinearWarmup(std::max<Index>(updates / 10, 1), optim::CosineLR(updates))});
      run.save(model);
    }
    const train::Scores scores = train::evaluate(model, test, loss, metrics);

    plot::Figure figure(
        {.title = digits.name + ": a convolutional network", .subtitle = "seed " + std::to_string(run.seed)});
    if (!history.empty()) {
      train::curves(figure, history, "loss", {.title = "Loss (cross-entropy, nats)"});
      train::curves(figure, history, "accuracy", {.title = "Accuracy", .unit = " %"});
    }
    draw_inside(figure, model, digits);
    run.draw(figure);
    run.figure("test accuracy", scores.at("accuracy"), {.at_least = run.choose(fashion ? 0.92 : 0.992, 0.6)});
  });
}
