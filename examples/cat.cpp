// Cat or not: 4096-8-1 by gradient descent, as introductions have it, and what makes it better: on drawings,
// or on photographs.
#include "support/program.hpp"

#include <xgrad/data/hdf5.hpp>
#include <xgrad/train/curves.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>

using namespace xgrad;

struct Pictures {
  Tensor images;  // float32 (N, 64, 64, channels), from 0 to 1
  Tensor labels;  // float32 (N, 1), 1 is a cat; or int64 (N,), the kind of thing

  Pictures chosen(const Tensor& rows) const {
    return {data::gather_rows(images, rows), data::gather_rows(labels, rows)};
  }
};

struct Data {
  std::vector<Pictures> training, test;  // of each trial
  Pictures others;                       // other drawings, of all kinds but cats, by kind
};

Tensor each(const Tensor& images, const data::Transform& change) {
  std::vector<Tensor> changed;
  for (Index i = 0; i < images.size(0); ++i)
    changed.push_back(change(images.rows(i, i + 1).reshape({images.size(1), images.size(2), -1})));
  return data::collate(changed);
}

Tensor from_bytes(const Tensor& pixels) { return (cast(Variable(pixels), float32) / 255).value(); }

Pictures read_photographs(const std::string& directory, const std::string& part) {
  const auto read = [&](const std::string& set) {
    return data::read_hdf5(directory + "/" + part + "_catvnoncat.h5", part + set);
  };
  return {from_bytes(read("_set_x")), cast(Variable(read("_set_y")), float32).value().reshape({-1, 1})};
  const std::string path = directory + "/" + part + "_catvnoncat.h5";
  const Tensor labels = data::read_hdf5(path, part + "_set_y");
  return {from_bytes(data::read_hdf5(path, part + "_set_x")),
          cast(Variable(labels), float32).value().reshape({-1, 1})};
}

// So many drawings of one kind, at random.
Tensor read_kind(const std::string& path, Index count) {
  const Tensor all = data::read_drawings(path);
  return each(from_bytes(data::gather_rows(all, permutation(all.size(0)).rows(0, count))),
              data::resize(64, 64));
}

// A hundred cats and a hundred others in five folds, each of which is for testing once.
Data read_drawings(const std::string& directory, std::size_t kinds, Index of_each, std::uint64_t seed) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().filename() != "cat.ndjson.gz") paths.push_back(entry.path().string());
  std::ranges::sort(paths);
  paths.resize(std::min(paths.size(), kinds));
  std::vector<Variable> images{read_kind(directory + "/cat.ndjson.gz", 100)}, labels{ones({100, 1})};
  for (const std::string& path : paths) images.push_back(read_kind(path, of_each));
  const Index count = std::ssize(paths) * of_each;
  const Tensor others = concat(std::vector<Variable>(images.begin() + 1, images.end())).value();
  const Tensor kind = floor(Variable(arange(count)) / of_each).value();
  const Tensor order = permutation(count);
  const Pictures shuffled =
      Pictures{others, cast(Variable(kind), int64).value()}.chosen(order);
  const Pictures two_hundred{concat(std::vector<Variable>{images[0], shuffled.images.rows(0, 100)}).value(),
                             concat(std::vector{ones({100, 1}), zeros({100, 1})}).value()};
  Data result;
  const Tensor is_cat = cast(Variable(two_hundred.labels), int64).value().reshape({-1});
  for (const auto& fold : data::k_fold(200, 5, {.seed = seed, .labels = is_cat})) {
    result.training.push_back(two_hundred.chosen(fold.train));
    result.test.push_back(two_hundred.chosen(fold.validation));
  }
  result.others = {shuffled.images.rows(100, count), shuffled.labels.rows(100, count)};
  return result;
}

// How one line of the table comes about.
struct Recipe {
  std::string name;
  std::vector<Index> hidden = {};  // units of fully connected layers; none: a convolutional network
  bool grey = false;
  bool descent = false;    // gradient descent on all pictures at once; else Adam on batches
  bool augmented = false;  // pictures turned, shifted and mirrored at random
  bool more = false;       // others, too, for which the network first learned to tell them apart
};

// All but the last layer, and how many numbers it gives.
std::pair<nn::Sequential, Index> body(const Recipe& recipe, Index channels) {
  nn::Sequential net;
  if (recipe.hidden.empty()) {
    Index size = 5;
    for (const Index filters : {16, 32, 64, 64}) {
      net.push_back(nn::Conv2d(channels, filters,
                               {.kernel = 3, .stride = filters == 16 ? 2 : 1, .padding = 1, .bias = false}));
      net.push_back(nn::Conv2d(channels, filters, {.kernel = size, .stride = size / 2, .padding = size / 2, .bias = false}));
      net.push_back(nn::BatchNorm2d(filters));
      net.push_back(nn::ReLU());
      net.push_back(nn::MaxPool2d(2));
      channels = filters;
      size = 3;
    }
    net.push_back(nn::AdaptiveAvgPool2d(1));
    net.push_back(nn::Flatten());
    return {net, channels};
  }
  net.push_back(nn::Flatten());
  Index inputs = 64 * 64 * channels;
  for (const Index units : recipe.hidden) {
    net.push_back(nn::Linear(inputs, units));
    net.push_back(nn::ReLU());
    inputs = units;
  }
  return {net, inputs};
}

// Batches of 32 and a rate that rises and falls.
template <class Loss>
train::History learn(nn::Sequential& net, const Pictures& pictures, const Loss& loss, bool augmented, double rate,
                     Index epochs, const data::LoaderOptions& options) {
  const double border = pictures.images.size(3) == 1 ? 0 : 0.5;
  std::vector<data::Transform> changes;
  if (augmented)
    changes = {data::horizontal_flip(), data::random_rotation(15, border),
               data::random_crop(64, 64, {.padding = 6, .fill = border})};
  data::DataLoader loader(data::Map(data::TensorDataset(pictures.images, pictures.labels),
                                    data::on_image(data::compose(changes))),
                          options);
  optim::AdamW optimizer(net.parameters(), {.learning_rate = rate, .weight_decay = 0.05});
  const Index updates = epochs * loader.size();
  return train::fit(net, loader, loss, optimizer,
                    {.epochs = epochs,
                     .stop = train::interrupted,
                     .schedule = optim::LinearWarmup(updates / 10 + 1, optim::CosineLR(updates))});
}

int main(int argc, char** argv) {
  example::Program program(
      "cat", "Cat or not: the first network for pictures, and what makes it better",
      {.data = "quickdraw",
       .data_help = "quickdraw, or a directory with train_catvnoncat.h5 and test_catvnoncat.h5",
       .epochs = 60,
       .small_epochs = 12});
  Index iterations = 3000, batch = 16, each = 10;
  double rate = 3e-3, step = 0.01;
  program.number("--iterations", iterations, "Steps of gradient descent", {1, 1e6});
  program.number("--batch", batch, "", {1, 1e6});
  program.number("--each", each, "", {1, 100});
  program.number("--step", step, "Its learning rate", {1e-6, 10});
  program.number("--rate", rate, "Learning rate of Adam", {1e-6, 1});

  return program.run(argc, argv, [&](example::Run& run) {
    const std::string directory = run.data();
    const bool photographs = std::filesystem::exists(directory + "/train_catvnoncat.h5");
    std::vector<Parts> trials(static_cast<std::size_t>(run.choose(5, 2)));
    if (photographs) {
      for (Parts& parts : trials)
        parts = {read_photographs(directory, "train"), read_photographs(directory, "test"), {}};
    } else {
      const auto [cats, others] = read_drawings(directory, run.choose(344, 100), run.choose(each, 1));
      const Pictures all{concat(std::vector<Variable>{cats, others.rows(0, 100)}).value(),
                         concat(std::vector{ones({100, 1}), zeros({100, 1})}).value()};
      const auto folds = data::k_fold(
          200, 5, {.seed = run.seed, .labels = cast(Variable(all.cat), int64).value().reshape({-1})});
      for (std::size_t t = 0; t < trials.size(); ++t) {
        const Tensor more = others.rows(100, others.size(0));
        trials[t] = {
            all.chosen(folds[t].train), all.chosen(folds[t].validation), {more, zeros({more.size(0), 1})}};
      }
    }
    std::vector<Recipe> recipes;
    if (photographs)
      recipes = {{"4096-8-1, grey, gradient descent", false, {8}, true},
                 {"12288-8-1: colour", true, {8}, true},
                 {"depth: 64-32-16, Adam", true, {64, 32, 16}},
                 {"the same, augmented", true, {64, 32, 16}, false, true},
                 {"convolution", true, {}},
                 {"convolution, augmented", true, {}, false, true}};
    else
      recipes = {{"4096-8-1, gradient descent", false, {8}, true},
                 {"convolution", true, {}},
                 {"convolution, augmented", true, {}, false, true},
                 {"convolution, augmented, more others", true, {}, false, true, true}};

    for (std::size_t r = 0; r < recipes.size(); ++r) {
      if (const char* only = getenv("ONLY"))
        if (std::string(only).find(std::to_string(r)) == std::string::npos) continue;
      const Recipe& recipe = recipes[r];
      double sum = 0, sum_train = 0;
      std::printf("%-40s", recipe.name.c_str());
      for (std::size_t t = 0; t < trials.size(); ++t) {
        manual_seed(run.seed + t);
        Pictures training = trials[t].training, test = trials[t].test;
        if (recipe.more) training = training + trials[t].more;
        if (!recipe.colour && photographs) {
          training.images = transformed(training.images, data::grayscale());
          test.images = transformed(test.images, data::grayscale());
        }
        nn::Sequential model = network(recipe, training.images.size(3));
        const auto loss = [&](nn::Sequential& net, const auto& rows) {
          const auto& [images, cat] = rows;
          Variable logits = net(images);
          if (recipe.augmented && !net.training()) logits = (logits + net(flip(images, {2}))) / 2;
          return train::Outcome(nn::bce_with_logits(logits, cat), logits, cat);
        };
        const data::TensorDataset plain(training.images, training.cat);
        data::DataLoader tests(data::TensorDataset(test.images, test.cat), {.batch_size = 50});
        data::DataLoader trained(plain, {.batch_size = 100});
        if (recipe.descent) {
          data::DataLoader loader(plain, {.batch_size = plain.size()});
          optim::SGD optimizer(model.parameters(), {.learning_rate = step});
          train::fit(model, loader, loss, optimizer,
                     {.epochs = run.choose(iterations, 300), .stop = train::interrupted});
        } else {
          const Variable cats = Variable(training.cat).reshape({-1});
          const double share = mean(cats).item();
          const Tensor weights = (cats / share + (1 - cats) / (1 - share)).value();
          const Index samples = trials[t].training.size();
          const data::LoaderOptions options{
              .batch_size = batch,
              .seed = run.seed + t,
              .prefetch = 4,
              .sampler = data::Sampler::weighted(weights, {.samples = samples})};
          optim::AdamW optimizer(model.parameters(), {.learning_rate = rate, .weight_decay = 0.05});
          const Index updates = run.epochs * (samples / batch + 1);
          const double fill = photographs ? 0.5 : 0;
          data::Transform change =
              recipe.augmented ? data::compose({data::horizontal_flip(), data::random_rotation(15, fill),
                                                data::random_crop(64, 64, {.padding = 6, .fill = fill})})
                               : data::compose({});
          data::DataLoader loader(data::Map(plain, data::on_image(change)), options);
          train::fit(model, loader, loss, optimizer,
                     {.epochs = run.epochs,
                      .stop = train::interrupted,
                      .schedule = optim::LinearWarmup(updates / 10 + 1, optim::CosineLR(updates))});
        }
        const double a = train::evaluate(model, trained, loss, metrics).at("accuracy");
        const double b = train::evaluate(model, tests, loss, metrics).at("accuracy");
        std::printf(" %.3f/%.3f", a, b);
        std::fflush(stdout);
        sum += b;
        sum_train += a;
      }
      std::printf("  mean %.3f / %.3f\n", sum_train / 5, sum / 5);
  example::Program program("cat", "Cat or not: the first network for pictures, and what makes it better",
                           {.data = "quickdraw",
                            .data_help = "quickdraw, or a directory with train_catvnoncat.h5 and test_catvnoncat.h5",
                            .epochs = 60,
                            .small_epochs = 12});
  Index of_each = 30, pre = 10, mult = 4;
  double rate = 3e-3, ft = 1e-3;
  program.number("--each", of_each, "", {1, 100});
  program.number("--pre", pre, "", {1, 100});
  program.number("--mult", mult, "", {1, 100});
  program.number("--ft", ft, "", {0, 1});
  program.number("--rate", rate, "", {0, 1});
    const Data data = read_drawings(run.data(), 344, of_each, run.seed);
    const Recipe recipe{.name = "x", .augmented = true};
    std::printf("read\n"); std::fflush(stdout);
    const Index n = data.others.images.size(0);
    const Pictures held{data.others.images.rows(n - 500, n), zeros({500, 1})};
    const Pictures more{data.others.images.rows(0, n - 500), data.others.labels.rows(0, n - 500)};
    auto [pretrained, features] = body(recipe, 1);
    nn::Sequential namer;
    namer.push_back(pretrained);
    namer.push_back(nn::Linear(features, 344));
    const auto h = learn(namer, more, train::supervised([](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); }), true, rate, pre, {.batch_size = 64, .shuffle = true, .seed = run.seed, .prefetch = 2});
    std::printf("pre loss %.3f\n", h.last("loss")); std::fflush(stdout);
    double sum = 0, big = 0;
    const auto loss = [&](nn::Sequential& net, const auto& rows) {
      const auto& [images, cat] = rows;
      Variable logits = net(images);
      if (!net.training()) logits = (logits + net(flip(images, {2}))) / 2;
      return train::Outcome(nn::bce_with_logits(logits, cat), logits, cat);
    };
    const std::vector<train::NamedMetric> metrics{{"accuracy", train::BinaryAccuracy({.logits = true})}};
    for (std::size_t t = 0; t < 5; ++t) {
      manual_seed(run.seed + t);
      nn::Sequential net;
      net.push_back(dynamic_cast<nn::Sequential&>(namer[0]));
      net.push_back(nn::Linear(features, 1));
      const Index m = n - 500;
      const Pictures all{concat(std::vector<Variable>{data.training[t].images, more.images}).value(), concat(std::vector<Variable>{data.training[t].labels, zeros({m, 1})}).value()};
      const Variable cats = Variable(all.labels).reshape({-1});
      const Tensor weights = (cats / 80 + (1 - cats) / (m + 80)).value();
      learn(net, all, loss, true, ft, run.epochs, {.batch_size = 32, .seed = run.seed, .prefetch = 2, .sampler = data::Sampler::weighted(weights, {.samples = 160 * mult})});
      const auto score = [&](const Pictures& p) { data::DataLoader l(data::TensorDataset(p.images, p.labels), {.batch_size = 50}); return train::evaluate(net, l, loss, metrics).at("accuracy"); };
      std::printf("%.3f ", score(all));
      const double a = score(data.test[t]), r = score({data.test[t].images.rows(0, 20), data.test[t].labels.rows(0, 20)}), s = score(held);
      std::printf("%.3f (%.3f %.3f)\n", a, r, s); std::fflush(stdout);
      sum += a; big += (2 * a - s > 0 ? 0 : 0) + s;
    }
    std::printf("mean %.3f, specificity %.3f\n", sum / 5, big / 5);
  });
}
