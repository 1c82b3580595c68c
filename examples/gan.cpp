// Two networks learn against each other: a generator draws digits out of noise, a critic tells them from real
// ones. The loss is that of a DCGAN (Radford et al., 2016), or with --wgan the Wasserstein distance with a
// penalty on the critic's gradient (Gulrajani et al., 2017), which is differentiated once more.
#include "support/digits.hpp"
#include "support/judge.hpp"
#include "support/program.hpp"

#include <xgrad/nn/average.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <cstdio>
#include <numbers>

using namespace xgrad;

constexpr Index latent = 64;  // numbers of noise that a drawing is made of

// Noise (N, latent) to images (N, 28, 28, 1) between 0 and 1.
nn::Sequential make_generator(Index width) {
  const auto as_image = [](const Variable& x) { return reshape(x, {x.size(0), 7, 7, -1}); };
  const nn::ConvTranspose2dOptions doubling{.kernel = 4, .stride = 2, .padding = 1};
  return nn::Sequential{nn::Linear(latent, 512),
                        nn::BatchNorm1d(512),
                        nn::ReLU(),
                        nn::Linear(512, 7 * 7 * 2 * width),
                        nn::Lambda(as_image),
                        nn::BatchNorm2d(2 * width),
                        nn::ReLU(),
                        nn::ConvTranspose2d(2 * width, width, doubling),
                        nn::BatchNorm2d(width),
                        nn::ReLU(),
                        nn::ConvTranspose2d(width, 1, doubling),
                        nn::Sigmoid()};
}

// Images to one number each: the higher, the more real. Normalised, it sees each image among the others of
// its batch, and so notices when drawings are too much alike. With --wgan the slope by one image alone is
// wanted.
nn::Sequential make_critic(Index width, bool normalised) {
  const nn::Conv2dOptions halving{.kernel = 4, .stride = 2, .padding = 1};
  nn::Sequential critic{nn::Lambda([](const Variable& x) { return 2 * x - 1; }),
                        nn::Conv2d(1, width, halving), nn::LeakyReLU(0.2),
                        nn::Conv2d(width, 2 * width, halving)};
  if (normalised) critic.push_back(nn::BatchNorm2d(2 * width));
  critic.push_back(nn::Sequential{nn::LeakyReLU(0.2), nn::Flatten(), nn::Linear(7 * 7 * 2 * width, 256)});
  if (normalised) critic.push_back(nn::BatchNorm1d(256));
  critic.push_back(nn::Sequential{nn::LeakyReLU(0.2), nn::Linear(256, 1)});
  return critic;
}

// What is saved: the one that draws, and a classifier that has learned from real digits alone.
struct Model : nn::Module {
  explicit Model(Index width) : generator(make_generator(width)) {}
  XGRAD_VISIT(generator, judge)

  nn::Sequential generator, judge = example::make_judge();
};

struct Options {
  bool wasserstein = false;
  Index width = 32, batch = 0;
  double rate = 1e-3, average = 0.998;  // the share of the generator's mean that a step leaves as it was
};

// Logits against one target for all.
Variable logistic(const Variable& logits, double target) {
  return nn::bce_with_logits(logits, full(logits.shape(), target));
}

// (|slope of the critic| - 1)^2 at images between real ones and drawings. The slope is a part of the graph,
// so that the penalty has a gradient by the critic's weights.
Variable penalty(nn::Module& critic, const Tensor& real, const Tensor& drawn) {
  const Tensor share = uniform({real.size(0), 1, 1, 1});
  const Variable between((share * real + (1 - share) * drawn).value(), {.requires_grad = true});
  const Variable slope = grad(sum(critic(between)), between, {.create_graph = true});
  return mean(square(norm(flatten(slope, 1), Axes(1)) - 1));
}

// The whole game. Leaves in `shown` what the generator makes of the same noise after each epoch.
train::History play(nn::Sequential& generator, const Options& options, const Tensor& digits,
                    const example::Run& run, const Tensor& noise, std::vector<Variable>& shown) {
  nn::Sequential critic = make_critic(options.width, !options.wasserstein);
  // Little momentum: what was right for the opponent of many steps ago is not right now.
  const optim::AdamOptions adam{.beta1 = options.wasserstein ? 0 : 0.5,
                                .beta2 = options.wasserstein ? 0.9 : 0.999};
  optim::Adam drawing(generator.parameters(), adam), telling(critic.parameters(), adam);
  data::DataLoader loader(
      data::TensorDataset<1>(digits),
      {.batch_size = options.batch, .shuffle = true, .seed = run.seed, .drop_last = true, .prefetch = 4});
  const optim::CosineLR fall(loader.size() * run.epochs);
  // The generator circles around its goal: the mean of its last weights is nearer than any of them.
  nn::ExponentialAverage average(generator, {.decay = options.average, .warmup = true});
  nn::Sequential averaged = generator;
  // The critic's estimate of the Wasserstein distance must be good before the generator follows it.
  const Index turns = options.wasserstein ? 3 : 1;

  train::Run loop(generator,
                  {.epochs = run.epochs, .callbacks = {train::progress()}, .stop = train::interrupted});
  while (loop.next_epoch(loader.size())) {
    for (auto& [real] : loader) {
      for (optim::Adam* const optimizer : {&drawing, &telling})
        optimizer->set_learning_rate(fall(options.rate, loop.step()));
      const Variable drawn = generator(normal({real.size(0), latent}));
      const Variable of_real = critic(real), of_drawn = critic(drawn.detach());
      // Real digits are 0.9, not 1: a critic that is never too sure leaves the generator a slope to climb.
      const Variable loss = options.wasserstein
                                ? mean(of_drawn) - mean(of_real) + 10 * penalty(critic, real, drawn.value())
                                : logistic(of_real, 0.9) + logistic(of_drawn, 0);
      telling.zero_grad();
      loss.backward();
      telling.step();
      train::Scores losses{{"critic", loss.item()}};
      if (loop.step() % turns == 0) {
        critic.freeze();  // its weights need no gradient here
        const Variable verdict = critic(drawn);
        const Variable deceit = options.wasserstein ? -mean(verdict) : logistic(verdict, 1);
        drawing.zero_grad();
        deceit.backward();
        critic.unfreeze();
        drawing.step();
        average.update(generator);
        losses.set("generator", deceit.item());
      }
      if (!loop.note(losses, real.size(0))) break;
    }
    average.copy_to(averaged);
    if (shown.size() < 24) shown.push_back(example::outputs(averaged, noise));
    loop.end_epoch();
  }
  generator = averaged;
  return loop.history();
}

// Five ways from one point of noise to another, on arcs: along a straight line the numbers would be smaller
// in the middle than any that the generator has learned from.
Tensor ways() {
  const Tensor from = normal({5, 1, latent}), to = normal({5, 1, latent});
  const Variable angle(linspace(0, std::numbers::pi / 2, 16).reshape({16, 1}));
  return reshape(cos(angle) * from + sin(angle) * to, {-1, latent}).value();
}

int main(int argc, char** argv) {
  example::Program program("gan", "A generator of digits and a critic learn against each other",
                           {.data = "mnist", .epochs = 12, .small_epochs = 8});
  Options options;
  program.flag("--wgan", options.wasserstein, "Wasserstein GAN with gradient penalty");
  program.number("--width", options.width, "Channels at 14 x 14; twice as many at 7 x 7", {1, 256});
  program.number("--batch", options.batch, "Images in a step; 0: 128, with --wgan 64", {0, 1'000});
  program.number("--rate", options.rate, "Learning rate of both, at the start", {1e-8, 1});

  return program.run(argc, argv, [&](example::Run& run) {
    const example::Digits digits = example::read_digits(run, {.standardised = false});
    if (run.small) options = {options.wasserstein, 12, 32, 4e-3, 0.9};  // many small steps in a short time
    if (options.batch == 0) options.batch = options.wasserstein ? 64 : 128;
    Model model(options.width);
    const Tensor noise = normal({run.choose(10'000, 500), latent});
    const Variable goal = example::mean_image(digits.test.tensors()[0]);
    const double before = norm(example::mean_image(example::outputs(model.generator, noise)) - goal).item();
    train::History history;
    std::vector<Variable> shown;
    if (!run.load(model)) {
      example::teach(model.judge, digits, run);
      std::puts("generator and critic");
      history = play(model.generator, options, digits.training.tensors()[0], run, noise.rows(0, 16), shown);
      run.save(model);
    }

    const Tensor drawn = example::outputs(model.generator, noise);
    const example::Verdict verdict = example::verdict(model.judge, drawn);

    plot::Figure figure(
        {.title = options.wasserstein ? "Digits out of noise (Wasserstein GAN)" : "Digits out of noise",
         .subtitle = "seed " + std::to_string(run.seed)});
    if (!history.empty())
      figure.panel({.title = "Losses", .x = "epoch", .x_ticks = plot::Ticks::whole})
          .curve(history.values("epoch"), history.values("generator"), {.label = "generator"})
          .curve(history.values("epoch"), history.values("critic"), {.label = "critic"});
    figure.panel({.title = "Drawings the judge is sure of, by digit", .y_unit = " %"})
        .bars(digits.classes, (100 * verdict.shares).value());
    const auto show = [&](const std::string& title, const Tensor& images) {
      figure.panel({.title = title}).images(images, {.columns = 16, .zoom = 1});
    };
    if (!shown.empty()) show("The same noise after each epoch", concat(shown).value());
    show("Drawings as they come", drawn.rows(0, 16 * 5));
    const Tensor doubtful = argsort(verdict.confidence).value().rows(0, 16 * 5);
    show("Those that the judge is least sure of", data::gather_rows(drawn, doubtful));
    show("From one point of noise to another", example::outputs(model.generator, ways()));
    run.draw(figure, options.wasserstein ? "_wasserstein.svg" : ".svg");

    run.figure("judge's accuracy on real digits", example::accuracy(model.judge, digits),
               {.at_least = run.choose(0.99, 0.6)});
    run.figure("distance of mean and deviation from real digits', beside the untrained generator's",
               norm(example::mean_image(drawn) - goal).item() / before, {.at_most = run.choose(0.2, 0.6)});
    if (run.small) return;  // too short for drawings that a judge can read
    run.figure("drawings that the judge is more than 90 % sure of", verdict.sure, {.at_least = 0.8});
    run.figure("the rarest digit among them, of all drawings", min(verdict.shares).item(),
               {.at_least = 0.04});
  });
}
