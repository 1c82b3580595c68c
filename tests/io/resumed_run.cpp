// A run that can be killed after any batch: tests/io/resume.sh compares what is left of it with an
// uninterrupted one. Arguments: DIRECTORY THREADS STOP: saves after every batch from the second epoch on, is
// killed after batch STOP of it (counted from 0, without saving again), and writes
// DIRECTORY/final.safetensors when it reaches the end.
#include <xgrad/xgrad.hpp>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>

using namespace xgrad;

namespace {

struct Cnn : nn::Module {
  nn::Conv2d conv{1, 4, {.kernel = 3, .padding = 1}};
  nn::BatchNorm2d norm{4};
  nn::Dropout dropout{0.3};
  nn::Linear output{4 * 4 * 4, 3};

  Variable forward(const Variable& x) override {
    return output(dropout(flatten(max_pool2d(relu(norm(conv(x))), {.kernel = 2}), 1)));
  }
  void visit(nn::Visitor& v) override {
    v("conv", conv);
    v("norm", norm);
    v("dropout", dropout);
    v("output", output);
  }
};

// Images with noise of their own in every epoch.
struct Noisy {
  Tensor images, labels;
  Index size() const { return images.size(0); }
  std::array<Tensor, 2> get(Index i) const {
    const Tensor noise = normal({8, 8, 1}, 0, 0.1);
    return {(Variable(images.rows(i, i + 1).reshape({8, 8, 1})) + noise).value(),
            labels.rows(i, i + 1).reshape({})};
  }
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 5) return 2;
  const std::string directory = argv[1];
  set_num_threads(std::atoi(argv[2]));
  const int every = std::atoi(argv[3]), stop = std::atoi(argv[4]);

  Generator of_data(5);
  const Noisy dataset{normal({43, 8, 8, 1}, 0, 1, float32, of_data), randint({43}, 0, 3, of_data)};
  manual_seed(7);
  Cnn model;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.05, .momentum = 0.9});
  optim::Schedule schedule(optimizer, optim::CosineLR(20));
  data::DataLoader loader(dataset, {.batch_size = 6, .shuffle = true, .seed = 3, .prefetch = 2});
  std::vector<double> losses;
  double loss_of_epoch = 0;

  const io::Checkpoint run = io::Checkpoint()
                                 .add("model", model)
                                 .add("optimizer", optimizer)
                                 .add("schedule", schedule)
                                 .add("loader", loader)
                                 .add("random", default_generator())
                                 .add("losses", losses)
                                 .add("loss_of_epoch", loss_of_epoch);
  io::CheckpointSaver saver(directory, run, {.every_steps = every, .keep_last = 2});
  for (const std::string& damaged : saver.resume().skipped) std::cerr << "skipped " << damaged << '\n';
  while (loader.epoch() < 3) {
    for (auto& [images, labels] : loader) {
      optimizer.zero_grad();
      const Variable loss = nn::cross_entropy(model(images), labels);
      loss.backward();
      optimizer.step();
      schedule.step();
      losses.push_back(loss.item());
      loss_of_epoch += loss.item();
      saver.step();
      if (loader.epoch() == 1 && loader.batch() == stop + 1) std::raise(SIGKILL);
    }
    losses.push_back(loss_of_epoch);
    loss_of_epoch = 0;
    if (loader.epoch() == 2 && stop == loader.size()) {
      if (every == 1) saver.save();  // between two epochs
      std::raise(SIGKILL);
    }
  }
  run.save(directory + "/final.safetensors");
  std::cout << loader.size() << " batches, last loss " << losses.back() << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
