// Learns to read handwritten digits: a multilayer perceptron on MNIST. `mnist --help` lists the options.
#include "curves.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "training.hpp"

#include <xgrad/data/mnist.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace {

volatile std::sig_atomic_t interrupted = 0;

extern "C" void on_interrupt(int) {
  interrupted = 1;
  std::signal(SIGINT, SIG_DFL);  // a second one ends the program at once
}

const ClassNames digits{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
const ClassNames clothes{"T-shirt", "trousers", "pullover", "dress", "coat",
                         "sandal",  "shirt",    "sneaker",  "bag",   "ankle boot"};

// Fashion-MNIST has the same form and is known by its first labels.
bool is_fashion(const xgrad::data::Mnist& files) {
  constexpr std::array<xgrad::Index, 12> first{9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9};
  const auto labels = files.train_labels.span<xgrad::Index>();
  return labels.size() >= first.size() && std::equal(first.begin(), first.end(), labels.begin());
}

std::string layers(const Options& options) {
  std::string text = "784";
  for (const auto size : options.hidden) text += "-" + std::to_string(size);
  return text + "-10";
}

bool write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return static_cast<bool>(file);
}

void show(const xgrad::io::Latest& found) {
  for (const std::string& damaged : found.skipped) std::cerr << "skipped a checkpoint: " << damaged << '\n';
  if (found) std::cout << "going on from " << found.path << "\n\n" << std::flush;
}

// Trains the model, says how it went, and returns the epochs.
std::vector<Epoch> learn(xgrad::nn::Sequential& model, const Splits& splits, const Options& options) {
  std::printf("training with %s, rate %g, batches of %lld, dropout %g, seed %llu, %d thread%s\n\n",
              options.optimizer.c_str(), options.rate, static_cast<long long>(options.batch), options.dropout,
              static_cast<unsigned long long>(options.seed), options.threads,
              options.threads == 1 ? "" : "s");
  std::fflush(stdout);
  std::signal(SIGINT, on_interrupt);
  ProgressDisplay display(options.epochs);
  auto epochs = train(
      model, splits, options,
      {.on_batch = [&](const Progress& progress) { display.show(progress); },
       .on_epoch = [&](const Epoch& epoch) { display.show(epoch); },
       .stop = [] { return interrupted != 0; },
       .on_resume = show,
       .on_unsaved =
           [](const xgrad::IoError& error) { std::cerr << "no checkpoint: " << error.what() << '\n'; }});
  const auto best =
      std::ranges::max_element(epochs, {}, [](const Epoch& e) { return e.validation.accuracy; });
  std::printf("\n%skept the weights of epoch %.*f, with %.2f %% right on validation\n",
              interrupted != 0 ? "interrupted; " : "", best->number == std::floor(best->number) ? 0 : 1,
              best->number, 100 * best->validation.accuracy);
  return epochs;
}

int run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  xgrad::set_num_threads(options.threads);
  xgrad::manual_seed(options.seed);

  if (!std::filesystem::is_directory(options.data))
    throw UsageError("there is no directory " + options.data + " (tools/fetch mnist gets MNIST)");
  const auto files = xgrad::data::read_mnist(options.data);
  const bool fashion = is_fashion(files);
  const Splits splits = prepare(files);
  const std::string name = fashion ? "Fashion-MNIST" : "MNIST";
  if (fashion)
    std::puts("These are the Fashion-MNIST data: clothes in place of digits, and harder to tell apart.");
  std::printf("%s: %s training, %s validation and %s test images\n", name.c_str(),
              grouped(splits.training.count()).c_str(), grouped(splits.validation.count()).c_str(),
              grouped(splits.test.count()).c_str());

  auto model = make_model(options);
  xgrad::Index parameters = 0;
  for (const auto& parameter : model.parameters()) parameters += parameter.count();
  std::printf("network %s, %s parameters\n", layers(options).c_str(), grouped(parameters).c_str());
  std::vector<Epoch> epochs;
  if (options.load.empty()) {
    epochs = learn(model, splits, options);
  } else {
    model.load_state_dict(xgrad::io::load(options.load));
    std::printf("weights of %s\n", options.load.c_str());
  }

  const Evaluation test = evaluate(model, splits.test);
  char result[64];
  std::snprintf(result, sizeof result, "test accuracy: %.2f %%", 100 * test.score.accuracy);
  int status = interrupted != 0 ? 130 : 0;
  if (!options.save.empty()) {
    xgrad::io::save(options.save, xgrad::nn::to_torch(model));
    std::printf("weights written to %s\n", options.save.c_str());
  }
  if (!options.svg.empty() && !epochs.empty()) {
    const std::string subtitle =
        layers(options) + ", " + options.optimizer + ", seed " + std::to_string(options.seed);
    if (write(options.svg, curves_svg(epochs, name + ": learning curves", subtitle + "; " + result))) {
      std::printf("learning curves written to %s\n", options.svg.c_str());
    } else {
      std::cerr << "mnist: cannot write the learning curves to " << options.svg << '\n';
      status = 1;
    }
  }
  std::printf("\nread worst of the test images\n%s\n",
              confusion_summary(test.predictions, splits.test.labels, fashion ? clothes : digits).c_str());
  std::printf("wall time: %.1f s\n%s\n",
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), result);
  return status;
}

}  // namespace

int main(int argc, char** argv) try {
  const auto options = parse_options(argc, argv);
  if (const auto* help = std::get_if<std::string>(&options)) {
    std::cout << *help;
    return 0;
  }
  return run(std::get<Options>(options));
} catch (const std::exception& error) {
  std::cerr << "mnist: " << error.what() << '\n';
  return 1;
}
