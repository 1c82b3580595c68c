// A hundred labels and tens of thousands of digits without: a convolutional network learns from the labels
// alone, and then with the others by FixMatch (Sohn et al., 2020). What a slowly moving average of the
// network is sure of when it sees a digit is what the network must say of the same digit badly distorted.
#include "support/digits.hpp"
#include "support/program.hpp"

#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

using namespace xgrad;

struct Options {
  Index trials = 5, per_class = 10, batch = 64, width = 12;
  double rate = 3e-3, sure = 0.95, decay = 0.99;
};

struct Cnn : nn::Module {
  explicit Cnn(Index width)
      : layers(stage(1, width), stage(width, 2 * width), stage(2 * width, 4 * width),
               nn::Flatten({.order = nn::FlattenOrder::pytorch}), nn::Linear(3 * 3 * 4 * width, 10)) {}
  /// Images (N, 28, 28, 1) to logits (N, 10).
  Variable forward(const Variable& x) override { return layers(x); }
  XGRAD_VISIT(layers)

  static nn::Sequential stage(Index in, Index out) {
    return nn::Sequential(nn::Conv2d(in, out, {.kernel = 3, .padding = 1, .bias = false}),
                          nn::BatchNorm2d(out), nn::ReLU(), nn::MaxPool2d(2));
  }
  nn::Sequential layers;
};

// The networks of all trials, in one file: averaged weights, of which the figures are.
struct Networks : nn::Module {
  explicit Networks(std::vector<Cnn> of_trials) : labels_alone(of_trials), with_others(of_trials) {}
  XGRAD_VISIT(labels_alone, with_others)
  std::vector<Cnn> labels_alone, with_others;
};

// What the teacher sees, what a digit with a label is shown as, and what the pupil sees. All are whole: parts
// that are hidden would change the statistics by which the teacher normalises whole digits.
data::Transform distorted(Index shift, double angle) {
  return data::compose({data::random_rotation(angle), data::random_crop(28, 28, {.padding = shift})});
}
data::Transform weakly() { return distorted(2, 0); }
data::Transform mildly() { return distorted(2, 15); }
data::Transform strongly() { return distorted(4, 40); }

// The first examples of each class in a random order, so many of each.
Tensor choose_labelled(const Tensor& labels, Index per_class) {
  std::array<Index, 10> chosen{};
  std::vector<Index> result;
  for (const Index i : permutation(labels.count()).span<Index>())
    if (chosen[static_cast<std::size_t>(labels.span<Index>()[static_cast<std::size_t>(i)])]++ < per_class)
      result.push_back(i);
  return Tensor::from(result);
}

// What the teacher answers, and how probable it finds that: data, no gradient goes through it. The classes
// are equally common: what it answered too often of late, it is believed less.
ValueAndIndex ask(Cnn& teacher, const Tensor& images, Variable& shares) {
  const NoGrad off_the_tape;
  const nn::EvalMode evaluation(teacher);
  const Variable said = softmax(teacher(images), 1);
  shares = 0.99 * shares + 0.01 * mean(said, {0});
  const Variable even = said / shares;
  return max(even / sum(even, {1}, {.keepdims = true}), 1);
}

// A new network from the labelled digits alone, or from all. Both take equally many steps, see the labelled
// digits alike, and are averaged alike; what is returned has the averaged weights. `fate` is how the
// pseudo-labels fare, in per cent, which the network does not know.
enum class From { labelled, all };

Cnn learn(From from, const data::TensorDataset<2>& digits, const Tensor& labelled, std::uint64_t seed,
          const Options& options, const example::Run& run, train::History& fate) {
  Cnn model(options.width), teacher = model;
  nn::ExponentialAverage average(model, {.decay = options.decay, .warmup = true});
  const auto with_label = data::Map(data::Subset(digits, labelled), data::on_image(mildly()));
  const auto pairs =
      data::Map(digits, [weak = weakly(), strong = strongly()](const std::array<Tensor, 2>& e) {
        return std::array{weak(e[0]), strong(e[0]), e[1]};
      });
  data::DataLoader loader(
      pairs, {.batch_size = options.batch, .shuffle = true, .seed = seed, .drop_last = true, .prefetch = 4});
  Variable shares = full({10}, 0.1);  // of the classes among the teacher's answers, lately
  train::Mean used, right;            // of the pseudo-labels, lately

  const auto loss = [&](Cnn& its_model, const std::array<Tensor, 3>& batch) {
    const auto& [weak, strong, truth] = batch;
    const auto [images, labels] =
        data::make_batch(with_label, randint({options.batch / 2}, 0, labelled.count()));
    if (from == From::labelled) return nn::cross_entropy(its_model(images), labels);
    average.copy_to(teacher);
    const auto [probability, answer] = ask(teacher, weak, shares);
    const Variable sure = (probability >= options.sure).to(float32);
    used.update(mean(sure).item());
    right.update(mean(sure * (answer == truth).to(float32)).item());
    // One pass for both, so that normalisation sees them as one batch.
    const Variable logits = its_model(concat({Variable(images), Variable(strong)}));
    const Index n = images.size(0);
    const Variable consistency =
        nn::cross_entropy(slice(logits, 0, {.begin = n}), answer, {.reduction = nn::Reduction::none});
    return nn::cross_entropy(slice(logits, 0, {.end = n}), labels) + mean(sure * consistency);
  };
  optim::AdamW optimizer(model.parameters(), {.learning_rate = options.rate, .weight_decay = 0.02});
  const Index updates = loader.size() * run.epochs;
  const auto on_batch = [&](train::Run& loop) {
    average.update(model);
    if (from == From::labelled || loop.step() % std::max<Index>(updates / 20, 1) != 0) return;
    fate.append({{"step", static_cast<double>(loop.step())},
                 {"used", 100 * used.value()},
                 {"right", 100 * right.value() / used.value()}});  // a gap where none was used
    used = right = {};
  };
  train::fit(model, loader, loss, optimizer,
             {.epochs = run.epochs,
              .callbacks = {train::progress(), {.on_batch = on_batch}},
              .stop = train::interrupted,
              .schedule = optim::LinearWarmup(std::max<Index>(updates / 20, 1), optim::CosineLR(updates))});
  average.copy_to(model);
  return model;
}

// All digits with a label by class, and what becomes of some without.
void draw_digits(plot::Figure& figure, const data::TensorDataset<2>& digits, const Tensor& labelled) {
  const auto [images, labels] = digits.gather(labelled);
  const Tensor order = argsort(labels).value();
  figure.panel({.title = "All digits that have a label"})
      .images(data::gather_rows(images, order),
              {.columns = 10, .range = {0, 1}, .map = plot::ColourMap::ink, .zoom = 1});
  std::vector<Variable> rows;
  for (const data::Transform& transform : {distorted(0, 0), weakly(), strongly()})
    for (Index i = 0; i < 10; ++i) rows.push_back(transform(digits.get(i)[0]));
  figure.panel({.title = "Some without: as they are; for the teacher; for the pupil"})
      .images(stack(rows, 0).value(), {.columns = 10, .range = {0, 1}, .map = plot::ColourMap::ink});
}

int main(int argc, char** argv) {
  example::Program program("semi_supervised",
                           "A hundred labelled digits, and what the others add without labels",
                           {.data = "mnist", .epochs = 5, .small_epochs = 8});
  Options options;
  program.number("--trials", options.trials, "Runs, with the seeds from --seed on", {1, 100});
  program.number("--labels", options.per_class, "Labelled digits of each class", {1, 1'000});
  program.number("--batch", options.batch, "Digits without label in a step; half as many with", {2, 10'000});
  program.number("--width", options.width, "Filters of the first layer", {1, 256});
  program.number("--rate", options.rate, "Highest learning rate", {1e-8, 1});
  program.number("--sure", options.sure, "The least probability of a pseudo-label that is used", {0, 1});
  program.number("--decay", options.decay, "What the average keeps in each step", {0, 0.99999});

  return program.run(argc, argv, [&](example::Run& run) {
    if (run.small) options.trials = 1, options.width = std::min<Index>(options.width, 8);
    const example::Digits digits =
        example::read_digits(run, {.standardised = false, .validation = 1, .small_training = 1'500});
    Networks networks(std::vector<Cnn>(static_cast<std::size_t>(options.trials), Cnn(options.width)));
    const bool loaded = run.load(networks);
    plot::Figure figure(
        {.title = digits.name + ": few labels, and many digits without",
         .subtitle = std::to_string(10 * options.per_class) + " labels; networks, labels and order by seed"});
    plot::Panel& bars = figure.panel({.title = "Test accuracy", .y_unit = " %", .y_range = {50, 100}});
    std::vector<double> alone, with_others;  // accuracies in per cent
    std::vector<std::string> names;
    bool never_below = true;
    for (std::size_t i = 0; i < networks.with_others.size(); ++i) {
      const std::uint64_t seed = run.seed + i;
      names.push_back("seed " + std::to_string(seed));
      manual_seed(seed);
      const Tensor labelled = choose_labelled(digits.training.tensors()[1], options.per_class);
      if (!loaded) {
        train::History fate;
        networks.labels_alone[i] = learn(From::labelled, digits.training, labelled, seed, options, run, fate);
        networks.with_others[i] = learn(From::all, digits.training, labelled, seed, options, run, fate);
        if (train::interrupted()) return;
        if (i == 0)
          figure.panel({.title = "Pseudo-labels of the first seed", .x = "step", .y_unit = " %"})
              .curve(fate.values("step"), fate.values("used"), {.label = "sure enough to be used"})
              .curve(fate.values("step"), fate.values("right"), {.label = "right among these"});
      }
      if (i == 0) draw_digits(figure, digits.training, labelled);
      alone.push_back(100 * example::accuracy(networks.labels_alone[i], digits));
      with_others.push_back(100 * example::accuracy(networks.with_others[i], digits));
      std::printf("%s: labels alone %.2f %%, with the others %.2f %%\n", names.back().c_str(), alone.back(),
                  with_others.back());
      never_below = never_below && with_others.back() >= alone.back();
    }
    run.save(networks);
    bars.bars(names, alone, {.label = "labels alone", .show_values = true})
        .bars(names, with_others, {.label = "with the others", .show_values = true});
    run.draw(figure);
    if (!run.small) run.claim("In each run the digits without labels help", never_below);
    run.figure("labels alone", mean(Tensor::from(alone)).item() / 100);
    run.figure("with the others", mean(Tensor::from(with_others)).item() / 100,
               {.at_least = run.choose(0.95, 0.6)});
  });
}
