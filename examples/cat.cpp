// Cat or not: 4096-8-1 by gradient descent, as introductions have it, and what makes it better.
#include "support/cats.hpp"
#include "support/program.hpp"

#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cstdio>

using namespace xgrad;

// How one line of the table comes about.
struct Recipe {
  std::string name;
  std::vector<Index> hidden = {};  // units of fully connected layers; none: a convolutional network
  bool grey = false;
  bool descent = false;    // gradient descent on all pictures at once; else Adam on batches
  bool augmented = false;  // pictures turned, shifted and mirrored at random
  bool more = false;       // with more drawings that are no cats, and four times as many steps
};

// The output is a logit, whose sigmoid is the probability of a cat.
nn::Sequential network(const Recipe& recipe, Index channels) {
  nn::Sequential net;
  Index size = 64 * 64 * channels, kernel = 5;
  if (recipe.hidden.empty()) {
    for (const Index filters : {16, 32, 64, 64}) {
      net.push_back(nn::Conv2d(
          channels, filters, {.kernel = kernel, .stride = kernel / 2, .padding = kernel / 2, .bias = false}));
      net.push_back(nn::BatchNorm2d(filters));
      net.push_back(nn::ReLU());
      net.push_back(nn::MaxPool2d(2));
      size = channels = filters;
      kernel = 3;
    }
    net.push_back(nn::AdaptiveAvgPool2d(1));
  }
  net.push_back(nn::Flatten({.order = nn::FlattenOrder::pytorch}));
  for (const Index units : recipe.hidden) {
    net.push_back(nn::Linear(size, units));
    net.push_back(nn::ReLU());
    size = units;
  }
  net.push_back(nn::Linear(size, 1));
  return net;
}

// Where training mirrors pictures, the answer is the mean of those to the picture and to its mirror image.
auto cat_loss(bool mirrored) {
  return [mirrored](nn::Sequential& net, const std::array<Tensor, 2>& batch) {
    const auto& [images, cat] = batch;
    Variable logits = net(images);
    if (mirrored && !net.training()) logits = (logits + net(flip(images, {2}))) / 2;
    return train::Outcome(nn::bce_with_logits(logits, cat), logits, cat);
  };
}

void learn(nn::Sequential& net, const Recipe& recipe, const example::Pictures& known,
           const example::Cats& cats, const example::Run& run, std::uint64_t seed) {
  const auto loss = cat_loss(recipe.augmented);
  if (recipe.descent) {
    data::DataLoader all(known.dataset(), {.batch_size = known.size()});
    optim::SGD optimizer(net.parameters(), {.learning_rate = 0.0075});
    train::fit(net, all, loss, optimizer, {.epochs = run.choose(3'000, 300), .stop = train::interrupted});
    return;
  }
  const double border = cats.photographs ? 0.5 : 0;
  const auto changes = data::compose({data::horizontal_flip(), data::random_rotation(15, border),
                                      data::random_crop(64, 64, {.padding = 6, .fill = border})});
  const auto change = recipe.augmented ? changes : data::compose({});
  const example::Pictures used = recipe.more ? known + cats.others : known;
  data::DataLoader batches(data::Map(used.dataset(), data::on_image(change)),
                           {.batch_size = recipe.more ? 32 : 16,
                            .seed = seed,
                            .prefetch = 2,
                            .sampler = used.balanced(known.size() * (recipe.more ? 4 : 1))});
  const Index updates = run.epochs * batches.size();
  optim::AdamW optimizer(net.parameters(),
                         {.learning_rate = recipe.hidden.empty() ? 3e-3 : 5e-4, .weight_decay = 0.05});
  // The rate rises for a tenth of the steps, then falls to nothing.
  const optim::LinearWarmup rate(updates / 10 + 1, optim::CosineLR(updates));
  train::fit(net, batches, loss, optimizer,
             {.epochs = run.epochs, .stop = train::interrupted, .schedule = rate});
}

// One recipe in all trials.
struct Result {
  std::string name = {};
  nn::ModuleList nets = {};
  std::vector<double> training = {}, test = {};  // per cent of right answers
  Tensor probabilities = {};                     // in the first trial, of its test pictures
};

double average(const std::vector<double>& of) { return mean(Variable(Tensor::from(of))).item(); }

Result try_out(const Recipe& recipe, const example::Cats& cats, const example::Run& run, Index trials,
               train::Progress& progress) {
  const auto part = [&](const example::Pictures& all) { return recipe.grey ? all.grey() : all; };
  Result result{.name = recipe.name};
  for (Index t = 0; t < trials; ++t) {
    manual_seed(run.seed + static_cast<std::uint64_t>(t));
    result.nets.push_back(network(recipe, part(cats.test[0]).images.size(3)));
  }
  const bool loaded = run.load(result.nets);
  const auto loss = cat_loss(recipe.augmented);
  // There are fewer cats than others among the drawings to test: both count as if they were equally many.
  train::NamedMetric right{"right", train::BinaryAccuracy({.logits = true})};
  if (!cats.photographs) right.metric = train::recall({.average = train::Average::macro, .logits = true});
  for (Index t = 0; t < trials; ++t) {
    auto& net = result.nets.at<nn::Sequential>(t);
    const example::Pictures known = part(cats.training[static_cast<std::size_t>(t)]);
    const example::Pictures unknown = part(cats.test[static_cast<std::size_t>(t)]);
    if (!loaded) learn(net, recipe, known, cats, run, run.seed + static_cast<std::uint64_t>(t));
    data::DataLoader training(known.dataset(), {.batch_size = 99}),
        test(unknown.dataset(), {.batch_size = 99});
    result.training.push_back(100 * train::evaluate(net, training, loss, {right}).at("right"));
    result.test.push_back(100 * train::evaluate(net, test, loss, {right}).at("right"));
    const auto probability = [&](auto& of, const auto& batch) { return sigmoid(loss(of, batch).output); };
    if (t == 0) result.probabilities = train::predict(net, test, probability);
    progress.update(t + 1);
    if (train::interrupted()) break;
  }
  progress.end({{"training %", average(result.training)},
                {"test %", average(result.test)},
                {"lowest", std::ranges::min(result.test)},
                {"highest", std::ranges::max(result.test)}});
  return result;
}

void draw(example::Run& run, const example::Cats& cats, const std::vector<Result>& results) {
  plot::Figure figure(
      {.title = cats.photographs ? "Cat or not: photographs" : "Cat or not: drawings",
       .subtitle = "mean of the trials from seed " + std::to_string(run.seed) + " on, lowest and highest"});
  std::vector<std::string> names;
  std::vector<double> training, test, low, high;
  for (const Result& result : results) {
    names.push_back(result.name);
    training.push_back(average(result.training));
    test.push_back(average(result.test));
    low.push_back(std::ranges::min(result.test));
    high.push_back(std::ranges::max(result.test));
  }
  figure.panel({.title = "Right answers", .y_unit = " %", .y_range = {0, 100}, .width = 520})
      .bars(names, training, {.label = "training"})
      .bars(names, test, {.label = "test", .low = low, .high = high})
      .mark_y(100 * cats.same_answer, "the same answer to all");
  example::draw_answers(figure.panel({.title = "Test pictures, and the last network's answers"}),
                        cats.test[0], results.back().probabilities);
  run.draw(figure);
}

int main(int argc, char** argv) {
  example::Program program(
      "cat", "Cat or not: the first network for pictures, and what makes it better",
      {.data = "quickdraw",
       .data_help = "quickdraw, or a directory with train_catvnoncat.h5 and test_catvnoncat.h5",
       .epochs = 40,
       .small_epochs = 8});
  return program.run(argc, argv, [&](example::Run& run) {
    const example::Cats cats = example::read_cats(run.data(), {.kinds = run.choose(344, 100),
                                                               .each = run.choose(15, 4),
                                                               .more_test = run.choose(480, 100),
                                                               .seed = run.seed});
    std::vector<Recipe> recipes{{.name = "4096-8-1", .hidden = {8}, .grey = true, .descent = true}};
    if (cats.photographs)
      recipes.insert(recipes.end(), {{.name = "in colour", .hidden = {8}, .descent = true},
                                     {.name = "deeper", .hidden = {64, 32, 16}},
                                     {.name = "+ augmented", .hidden = {64, 32, 16}, .augmented = true}});
    recipes.push_back({.name = "convolution"});
    recipes.push_back({.name = "+ augmented", .augmented = true});
    if (!cats.photographs) recipes.push_back({.name = "+ more others", .augmented = true, .more = true});
    if (!run.load_path.empty()) recipes = {recipes.back()};

    std::printf("%lld pictures to learn from, %lld to test; the same answer to all is right for %.0f %%%s\n",
                static_cast<long long>(cats.training[0].size()), static_cast<long long>(cats.test[0].size()),
                100 * cats.same_answer, cats.photographs ? "" : ", where cats and others count alike");
    const Index trials = run.choose(5, 2);
    train::Progress progress({.unit = "trials"});
    std::vector<Result> results;
    for (const Recipe& recipe : recipes) {
      progress.begin(recipe.name, trials, std::ssize(recipes) - std::ssize(results) - 1);
      results.push_back(try_out(recipe, cats, run, trials, progress));
      if (train::interrupted()) return;
    }
    run.save(results.back().nets);
    draw(run, cats, results);
    if (results.size() > 1) {
      Index parameters = 0;
      for (const Variable& parameter : results[0].nets[0].parameters()) parameters += parameter.count();
      run.claim("4096-8-1 has 32,785 parameters", parameters == 32'785);
      run.figure("training accuracy of 4096-8-1", average(results[0].training) / 100,
                 {.at_least = run.choose(0.98, 0.6)});
      run.figure("test accuracy of 4096-8-1", average(results[0].test) / 100);
      run.figure("the same answer to all", cats.same_answer);
    }
    run.figure("test accuracy of the last network", average(results.back().test) / 100,
               {.at_least = cats.photographs ? run.choose(0.76, 0.5) : run.choose(0.85, 0.6)});
  });
}
