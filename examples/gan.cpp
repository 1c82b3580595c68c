// Two networks learn against each other: a generator draws digits out of noise, a critic tells them from real
// ones. The loss is that of a DCGAN (Radford et al. 2016), or with --wgan the distance of Wasserstein with a
// penalty on the critic's gradient (Gulrajani et al. 2017), which is differentiated twice.
#include "support/digits.hpp"
#include "support/program.hpp"

#include <xgrad/nn/average.hpp>
#include <xgrad/train/curves.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace xgrad;

constexpr Index latent = 64;

// Noise (N, latent) to images (N, 28, 28, 1) between 0 and 1.
struct GeneratorNet : nn::Module {
  explicit GeneratorNet(Index width)
      : seed(latent, 7 * 7 * 2 * width, {.bias = false}),
        norm1(2 * width),
        grow1(2 * width, width, {.kernel = 4, .stride = 2, .padding = 1, .bias = false}),
        norm2(width),
        grow2(width, 1, {.kernel = 4, .stride = 2, .padding = 1}) {}
  Variable forward(const Variable& z) override {
    const Variable small = relu(norm1(reshape(seed(z), {z.size(0), 7, 7, -1})));
    return sigmoid(grow2(relu(norm2(grow1(small)))));
  }
  XGRAD_VISIT(seed, norm1, grow1, norm2, grow2)

  nn::Linear seed;
  nn::BatchNorm2d norm1;
  nn::ConvTranspose2d grow1;
  nn::BatchNorm2d norm2;
  nn::ConvTranspose2d grow2;
};

// Images to one number each: the higher, the more real.
struct Critic : nn::Module {
  Critic(Index width, double p)
      : conv1(1, width, {.kernel = 4, .stride = 2, .padding = 1}),
        conv2(width, 2 * width, {.kernel = 4, .stride = 2, .padding = 1}),
        dropout(p),
        output(7 * 7 * 2 * width, 1) {}
  Variable forward(const Variable& x) override {
    const Variable half = dropout(leaky_relu(conv1(2 * x - 1), 0.2));
    return output(flatten(dropout(leaky_relu(conv2(half), 0.2))));
  }
  XGRAD_VISIT(conv1, conv2, dropout, flatten, output)

  nn::Conv2d conv1, conv2;
  nn::Dropout dropout;
  nn::Flatten flatten{{.order = nn::FlattenOrder::pytorch}};
  nn::Linear output;
};

// What is saved: the one that draws, and a classifier that never sees a drawing before it judges them.
struct Model : nn::Module {
  explicit Model(Index width) : generator(width) {}
  XGRAD_VISIT(generator, judge)

  GeneratorNet generator;
  nn::Sequential judge{nn::Conv2d(1, 32, {.kernel = 3, .padding = 1, .bias = false}),
                       nn::BatchNorm2d(32),
                       nn::ReLU(),
                       nn::MaxPool2d(2),
                       nn::Conv2d(32, 64, {.kernel = 3, .padding = 1, .bias = false}),
                       nn::BatchNorm2d(64),
                       nn::ReLU(),
                       nn::MaxPool2d(2),
                       nn::Flatten({.order = nn::FlattenOrder::pytorch}),
                       nn::Dropout(0.4),
                       nn::Linear(7 * 7 * 64, 10)};
};

Variable logistic(const Variable& logits, double target) {
  return nn::bce_with_logits(logits, full(logits.shape(), target));
}

// (|slope of the critic| - 1)^2 at images between real and false ones. The slope is itself a part of the
// graph, so that the penalty has a gradient.
Variable penalty(Critic& critic, const Tensor& real, const Tensor& fake) {
  const Tensor share = uniform({real.size(0), 1, 1, 1});
  const Variable between((share * real + (1 - share) * fake).value(), {.requires_grad = true});
  const Variable slope = grad(sum(critic(between)), between, {.create_graph = true});
  return mean(square(norm(flatten(slope), Axes(1)) - 1));
}

// Outputs for all rows of the input, in evaluation mode.
template <class M>
Tensor outputs(M& model, const Tensor& input) {
  data::DataLoader loader(data::TensorDataset<1>(input), {.batch_size = 500});
  return train::predict(model, loader);
}

struct Options {
  Index width = 32, batch = 128;
  double rate = 1e-3, dropout = 0.3, average = 0.998;
  bool wgan = false;
};

void teach_judge(nn::Sequential& judge, const example::Digits& digits, const example::Run& run) {
  data::DataLoader loader(digits.training, {.batch_size = 128, .shuffle = true, .seed = run.seed});
  const Index epochs = 3;
  optim::AdamW optimizer(judge.parameters(), {.learning_rate = 4e-3, .weight_decay = 0.05});
  std::puts("The judge learns to read:");
  train::fit(judge, loader,
             train::supervised([](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); }),
             optimizer,
             {.epochs = epochs,
              .callbacks = {train::progress()},
              .stop = train::interrupted,
              .schedule = optim::OneCycleLR(loader.size() * epochs)});
}

// The losses, epoch by epoch; `shown` gets what the generator makes of the same noise after each epoch.
train::History play(GeneratorNet& generator, const Options& options, const example::Digits& digits,
                    const example::Run& run, const Tensor& noise, std::vector<Variable>& shown) {
  Critic critic(options.width, options.wgan ? 0 : options.dropout);
  // The critic of a Wasserstein GAN must be near its best before the generator follows it.
  const Index turns = options.wgan ? 3 : 1;
  const double beta1 = options.wgan ? 0 : 0.5, beta2 = options.wgan ? 0.9 : 0.999;
  optim::Adam draws(generator.parameters(), {.learning_rate = options.rate, .beta1 = beta1, .beta2 = beta2});
  optim::Adam judges(critic.parameters(), {.learning_rate = options.rate, .beta1 = beta1, .beta2 = beta2});
  data::DataLoader loader(digits.training, {.batch_size = options.batch,
                                            .shuffle = true,
                                            .seed = run.seed,
                                            .drop_last = true,
                                            .prefetch = 4});
  const optim::CosineLR fall(loader.size() * run.epochs);
  optim::Schedule draws_slower(draws, fall), judges_slower(judges, fall);
  // The generator circles around its goal: the mean of its last weights is nearer than any of them.
  nn::ExponentialAverage average(generator, {.decay = options.average, .warmup = true});
  GeneratorNet averaged = generator;

  std::puts("Generator and critic:");
  train::Run loop(generator, {.epochs = run.epochs, .callbacks = {train::progress()}, .stop = train::interrupted});
  double generator_loss = 0;
  while (loop.next_epoch(loader.size())) {
    for (auto& [real, labels] : loader) {
      const Variable fake = generator(normal({real.size(0), latent}));
      const Variable on_real = critic(real), on_fake = critic(fake.detach());
      const Variable loss =
          options.wgan ? mean(on_fake) - mean(on_real) + 10 * penalty(critic, real, fake.value())
                       : logistic(on_real, 0.9) + logistic(on_fake, 0);
      judges.zero_grad();
      loss.backward();
      judges.step();
      if (loop.batch() % turns == 0) {
        const Variable verdict = critic(fake);
        const Variable deceived = options.wgan ? -mean(verdict) : logistic(verdict, 1);
        draws.zero_grad();
        deceived.backward();
        draws.step();
        average.update(generator);
        generator_loss = deceived.item();
      }
      draws_slower.step();
      judges_slower.step();
      if (!loop.note({{"generator", generator_loss}, {"critic", loss.item()}}, real.size(0))) break;
    }
    loop.end_epoch();
    average.copy_to(averaged);
    if (loop.epoch() < 12) shown.push_back(outputs(averaged, noise));
  }
  average.copy_to(generator);
  return loop.history();
}

// Mean and deviation of every pixel.
Variable look(const Tensor& images) { return stack({mean(images, {0}), stddev(images, {0})}); }

int main(int argc, char** argv) {
  example::Program program(
      "gan", "A generator of digits and a critic learn against each other (DCGAN, Wasserstein GAN)",
      {.data = "mnist", .data_help = "mnist, or a directory of four such files", .epochs = 12, .small_epochs = 4});
  Options options;
  program.flag("--wgan", options.wgan, "Wasserstein GAN with gradient penalty");
  program.number("--width", options.width, "Channels at 14 x 14; twice as many at 7 x 7", {1, 256});
  program.number("--batch", options.batch, "Images in a step", {2, 2'000});
  program.number("--rate", options.rate, "Learning rate of both, at the start", {1e-8, 1});
  program.number("--dropout", options.dropout, "Part of the critic's units dropped", {0, 0.95});
  program.number("--average", options.average, "Share of the generator's mean kept in a step", {0, 0.99999});
  std::string judge_file;
  program.text("--judge", judge_file, "Judge", "FILE");

  return program.run(argc, argv, [&](example::Run& run) {
    const example::Digits digits = example::read_digits(run, {.standardised = false});
    Model model(options.width);
    const Index count = run.choose(10'000, 500);
    const Tensor noise = normal({count, latent}), few = noise.rows(0, 16);
    const Tensor real = digits.test.tensors()[0];
    const Variable wanted = look(real);
    const double untrained = norm(look(outputs(model.generator, noise)) - wanted).item();
    train::History history;
    std::vector<Variable> shown;
    if (!run.load(model)) {
      if (judge_file.empty()) {
        teach_judge(model.judge, digits, run);
      } else {
        Model other(32);
        other.load_state_dict(io::load(judge_file));
        model.judge = other.judge;
      }
      history = play(model.generator, options, digits, run, few, shown);
      run.save(model);
    }

    const Tensor truth = digits.test.tensors()[1];
    const double accuracy = mean((argmax(outputs(model.judge, real), 1) == truth).to(float32)).item();
    const Tensor images = outputs(model.generator, noise);
    const Variable probabilities = softmax(outputs(model.judge, images), 1);
    const Variable sure = (amax(probabilities, {1}) > 0.9).to(float32);
    // Of each digit, the drawings that the judge is sure of, as a share of all drawings.
    const Variable shares = mean(one_hot(argmax(probabilities, 1), 10) * unsqueeze(sure, 1), {0});
    std::printf("sure, by digit:");
    for (Index i = 0; i < 10; ++i) std::printf(" %.1f", 100 * shares.at({i}));
    std::puts("");

    run.figure("judge's test accuracy", accuracy, {.at_least = run.choose(0.99, 0.6)});
    run.figure("sure", mean(sure).item(), {.at_least = run.choose(0.8, 0)});
    run.figure("rarest", min(shares).item(), {.at_least = run.choose(0.04, 0)});
    run.figure("distance", norm(look(images) - wanted).item() / untrained);
    plot::Figure figure({.title = "Digits out of noise"});
    if (!shown.empty()) figure.panel().images(concat(shown).value(), {.columns = 16});
    figure.panel().images(images.rows(0, 160), {.columns = 16});
    run.draw(figure);
  });
}
