// Cat or not: 4096-8-1 by gradient descent, as introductions have it, and what makes it better.
#include "support/program.hpp"

#include <xgrad/data/hdf5.hpp>
#include <xgrad/data/split.hpp>
#include <xgrad/data/transforms.hpp>
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
  Tensor cat;     // float32 (N, 1): 1 is a cat

  Index size() const { return images.size(0); }
  Pictures chosen(const Tensor& rows) const {
    return {data::gather_rows(images, rows), data::gather_rows(cat, rows)};
  }
};

// Training and test pictures of one trial, and more pictures to train on that are no cats.
struct Parts {
  Pictures training, test, more;
};

Pictures operator+(const Pictures& a, const Pictures& b) {
  return {concat(std::vector{a.images, b.images}).value(), concat(std::vector{a.cat, b.cat}).value()};
}

Tensor transformed(const Tensor& images, const data::Transform& transform) {
  std::vector<Tensor> results;
  for (Index i = 0; i < images.size(0); ++i)
    results.push_back(transform(images.rows(i, i + 1).reshape({images.size(1), images.size(2), -1})));
  return data::collate(results);
}

Tensor from_bytes(const Tensor& pixels) { return (cast(Variable(pixels), float32) / 255).value(); }

Pictures read_photographs(const std::string& directory, const std::string& part) {
  const auto read = [&](const std::string& set) {
    return data::read_hdf5(directory + "/" + part + "_catvnoncat.h5", part + set);
  };
  return {from_bytes(read("_set_x")),
          cast(Variable(read("_set_y")), float32).value().reshape({-1, 1})};
}

// So many drawings of one kind, at random.
Tensor read_kind(const std::string& path, Index count) {
  const Tensor all = data::read_drawings(path);
  return transformed(from_bytes(data::gather_rows(all, permutation(all.size(0)).rows(0, count))),
                     data::resize(64, 64));
}

// The hundred cats, and of each other kind so many, in random order.
std::pair<Tensor, Tensor> read_drawings(const std::string& directory, Index kinds, Index each) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().filename() != "cat.ndjson.gz") paths.push_back(entry.path().string());
  std::ranges::sort(paths);
  const Tensor order = permutation(std::ssize(paths));
  std::vector<Variable> others;
  for (Index k = 0; k < std::min(kinds, order.count()); ++k)
    others.push_back(read_kind(paths[static_cast<std::size_t>(order.data<Index>()[k])], each));
  const Tensor all = concat(others).value();
  return {read_kind(directory + "/cat.ndjson.gz", 100), data::gather_rows(all, permutation(all.size(0)))};
}

// How one line of the table comes about.
struct Recipe {
  std::string name;
  bool colour = true;
  std::vector<Index> hidden = {};  // units of fully connected layers; none: a convolutional network
  bool descent = false;            // gradient descent on all pictures at once; else Adam on batches
  bool augmented = false;          // pictures turned, shifted and mirrored at random; answers averaged
  bool more = false;               // with Parts::more
};

// Ends with a logit, whose sigmoid is the probability of a cat: the loss works with logits.
nn::Sequential network(const Recipe& recipe, Index channels) {
  nn::Sequential net;
  if (recipe.hidden.empty()) {
    for (const Index filters : {16, 32, 64, 64}) {
      net.push_back(nn::Conv2d(channels, filters, {.kernel = 3, .stride = filters == 16 ? 2 : 1, .padding = 1, .bias = false}));
      net.push_back(nn::BatchNorm2d(filters));
      net.push_back(nn::ReLU());
      if (filters != 16 || getenv("POOL1")) net.push_back(nn::MaxPool2d(2));
      channels = filters;
    }
    net.push_back(nn::AdaptiveAvgPool2d(1));
  }
  net.push_back(nn::Flatten());
  Index inputs = recipe.hidden.empty() ? channels : 64 * 64 * channels;
  for (const Index units : recipe.hidden) {
    net.push_back(nn::Linear(inputs, units));
    net.push_back(nn::ReLU());
    inputs = units;
  }
  if (!recipe.descent) net.push_back(nn::Dropout(0.3));
  net.push_back(nn::Linear(inputs, 1));
  return net;
}

const std::vector<train::NamedMetric> metrics{{"accuracy", train::BinaryAccuracy({.logits = true})}};

struct Trial {
  double training = 0, test = 0;  // accuracy
  Tensor logits;                  // of the test pictures
  train::History history;
};

int main(int argc, char** argv) {
  example::Program program("cat", "Cat or not: the first network for pictures, and what makes it better",
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
      for (Parts& parts : trials) parts = {read_photographs(directory, "train"), read_photographs(directory, "test"), {}};
    } else {
      const auto [cats, others] = read_drawings(directory, run.choose(344, 100), run.choose(each, 1));
      const Pictures all{concat(std::vector<Variable>{cats, others.rows(0, 100)}).value(),
                         concat(std::vector{ones({100, 1}), zeros({100, 1})}).value()};
      const auto folds = data::k_fold(200, 5, {.seed = run.seed, .labels = cast(Variable(all.cat), int64).value().reshape({-1})});
      for (std::size_t t = 0; t < trials.size(); ++t) {
        const Tensor more = others.rows(100, others.size(0));
        trials[t] = {all.chosen(folds[t].train), all.chosen(folds[t].validation), {more, zeros({more.size(0), 1})}};
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
      if (const char* only = getenv("ONLY")) if (std::string(only).find(std::to_string(r)) == std::string::npos) continue;
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
          train::fit(model, loader, loss, optimizer, {.epochs = run.choose(iterations, 300), .stop = train::interrupted});
        } else {
          const Variable cats = Variable(training.cat).reshape({-1});
          const double share = mean(cats).item();
          const Tensor weights = (cats / share + (1 - cats) / (1 - share)).value();
          const Index samples = trials[t].training.size() ;
          const data::LoaderOptions options{.batch_size = batch, .seed = run.seed + t, .prefetch = 4, .sampler = data::Sampler::weighted(weights, {.samples = samples})};
          optim::AdamW optimizer(model.parameters(), {.learning_rate = rate, .weight_decay = 0.05});
          const Index updates = run.epochs * (samples / batch + 1);
          const double fill = photographs ? 0.5 : 0;
          data::Transform change = recipe.augmented ? data::compose({data::horizontal_flip(), data::random_rotation(15, fill), data::random_crop(64, 64, {.padding = 6, .fill = fill})}) : data::compose({});
          data::DataLoader loader(data::Map(plain, data::on_image(change)), options);
          train::fit(model, loader, loss, optimizer, {.epochs = run.epochs, .stop = train::interrupted, .schedule = optim::LinearWarmup(updates / 10 + 1, optim::CosineLR(updates))});
        }
        const double a = train::evaluate(model, trained, loss, metrics).at("accuracy");
        const double b = train::evaluate(model, tests, loss, metrics).at("accuracy");
        std::printf(" %.3f/%.3f", a, b);
        std::fflush(stdout);
        sum += b; sum_train += a;
      }
      std::printf("  mean %.3f / %.3f\n", sum_train / 5, sum / 5);
    }
  });
}
