// Order without labels: an autoencoder squeezes each digit into a few numbers, k-means finds groups among
// those, and what the autoencoder cannot draw again is none of its digits. Labels only judge the result.
#include "support/digits.hpp"
#include "support/program.hpp"

#include <xgrad/plot/figure.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using namespace xgrad;

struct Autoencoder : nn::Module {
  Autoencoder(Index width, Index code)
      : encoder(nn::Flatten(), nn::Linear(784, width), nn::ReLU(), nn::Linear(width, width / 2), nn::ReLU(),
                nn::Linear(width / 2, code)),
        decoder(nn::Linear(code, width / 2), nn::ReLU(), nn::Linear(width / 2, width), nn::ReLU(),
                nn::Linear(width, 784)) {}
  /// Images (N, 28, 28, 1) to logits of their pixels, in the same shape.
  Variable forward(const Variable& x) override { return reshape(decoder(encoder(x)), {-1, 28, 28, 1}); }
  XGRAD_VISIT(encoder, decoder)

  nn::Sequential encoder, decoder;
};

// What the autoencoder sees is shifted and turned; what it is to draw is the digit as it was.
// So the place and slant of a digit cannot be in its code: they are not what tells a 4 from a 9.
auto distorted(const data::TensorDataset<2>& digits, double angle, Index shift) {
  const data::Transform distort =
      data::compose({data::random_rotation(angle), data::random_crop(28, 28, {.padding = shift})});
  return data::Map(digits, [distort](const std::array<Tensor, 2>& example) {
    return std::array{distort(example[0]), example[0]};
  });
}

Tensor codes_of(Autoencoder& model, const Tensor& images) {
  const data::TensorDataset<1> dataset(images);
  data::DataLoader loader(dataset, {.batch_size = 1'000});
  return train::predict(model, loader, [](Autoencoder& its_model, const auto& batch) {
    return its_model.encoder(std::get<0>(batch));
  });
}

// The loss of each image by itself, (N,).
Tensor errors_of(Autoencoder& model, const Tensor& images) {
  const data::TensorDataset<1> dataset(images);
  data::DataLoader loader(dataset, {.batch_size = 1'000});
  return train::predict(model, loader, [](Autoencoder& its_model, const auto& batch) {
    const Tensor& its_images = std::get<0>(batch);
    return mean(nn::bce_with_logits(its_model(its_images), its_images, {.reduction = nn::Reduction::none}),
                {1, 2, 3});
  });
}

// The cluster's commonest class, and how much of the cluster it is, as a caption.
std::vector<std::string> captions(const example::Digits& digits, const Tensor& groups, Index clusters) {
  Tensor counts = zeros({clusters, 10});
  const auto cells = counts.mutable_span<float>();
  const auto classes = digits.test.tensors()[1].span<Index>();
  for (std::size_t i = 0; i < classes.size(); ++i)
    ++cells[static_cast<std::size_t>(10 * groups.span<Index>()[i] + classes[i])];
  const ValueAndIndex commonest = max(counts, 1);
  const Tensor shares = (commonest.values / maximum(sum(counts, {1}), 1)).value();
  std::vector<std::string> result;
  for (std::size_t c = 0; c < static_cast<std::size_t>(clusters); ++c)
    result.push_back(digits.classes[static_cast<std::size_t>(commonest.indices.value().span<Index>()[c])] +
                     ": " + std::to_string(static_cast<int>(100 * shares.span<float>()[c] + 0.5F)) + " %");
  return result;
}

// The codes along their two directions of largest variance, in the colours of classes the program never saw.
void draw_codes(plot::Panel& panel, const example::Digits& digits, const Tensor& codes,
                const Tensor& centres) {
  const NoGrad off_the_tape;
  const Variable middle = mean(codes, 0), directions = slice(linalg::svd(codes - middle).vh, 0, {0, 2});
  const auto flat = [&](const Tensor& x) {
    return matmul(x - middle, directions, {.transpose_b = true}).value();
  };
  const Index shown = std::min<Index>(codes.size(0), 2'000);
  panel
      .classes(flat(codes.rows(0, shown)), digits.test.tensors()[1].rows(0, shown),
               {.names = digits.classes, .radius = 2})
      .scatter(flat(centres), {.label = "centres", .colour = "#000000", .radius = 4.5, .opacity = 1});
}

// Images, and under each row of them what the autoencoder draws.
void draw_again(plot::Panel& panel, Autoencoder& model, const Tensor& digits, const Tensor& clothes) {
  const NoGrad off_the_tape;
  std::vector<Variable> rows;
  for (const Tensor& images : {digits.rows(0, 10), clothes.rows(0, 10)})
    rows.insert(rows.end(), {images, sigmoid(model(images))});
  panel.images(concat(rows, 0).value(), {.columns = 10, .range = {0, 1}, .map = plot::ColourMap::ink});
}

int main(int argc, char** argv) {
  example::Program program("clusters", "Digits sorted without labels: autoencoder, k-means, anomalies",
                           {.data = "mnist", .epochs = 10, .small_epochs = 20});
  Index code = 10, width = 512, batch = 128, clusters = 30, shift = 2;
  double rate = 2e-3, angle = 10;
  program.number("--code", code, "Numbers that a digit becomes", {2, 784});
  program.number("--width", width, "Units of the widest hidden layer", {2, 8'192});
  program.number("--batch", batch, "Images in a step", {1, 10'000});
  program.number("--clusters", clusters, "Groups to find; with more of them purity rises by itself",
                 {2, 500});
  program.number("--rate", rate, "Highest learning rate", {1e-8, 1});
  program.number("--angle", angle, "Degrees by which the autoencoder's input is turned at most", {0, 90});
  program.number("--shift", shift, "Pixels by which it is shifted at most", {0, 14});

  return program.run(argc, argv, [&](example::Run& run) {
    const example::Digits digits = example::read_digits(run, {.standardised = false, .validation = 1'000});
    const Tensor images = digits.training.tensors()[0], test = digits.test.tensors()[0];
    const Tensor classes = digits.test.tensors()[1];
    const Tensor clothes = data::channels_last(data::normalize(
        data::read_mnist(example::Run::data_set("fashion")).test_images.rows(0, test.size(0))));

    Autoencoder model(width, code);
    if (!run.load(model)) {
      data::DataLoader training(distorted(digits.training, angle, shift),
                                {.batch_size = batch, .shuffle = true, .seed = run.seed, .prefetch = 4});
      optim::AdamW optimizer(model.parameters(), {.learning_rate = rate});
      const Index updates = training.size() * run.epochs;
      train::fit(
          model, training,
          train::supervised([](const Variable& y, const Tensor& t) { return nn::bce_with_logits(y, t); }),
          optimizer,
          {.epochs = run.epochs,
           .callbacks = {train::progress()},
           .stop = train::interrupted,
           .schedule = optim::LinearWarmup(std::max<Index>(updates / 20, 1), optim::CosineLR(updates))});
      run.save(model);
    }

    const nn::EvalMode evaluation(model);
    const Tensor codes = codes_of(model, test), usual = errors_of(model, test),
                 strange = errors_of(model, clothes);
    // Found among training images, judged by test images, each of which goes to the nearest centre. Ten
    // clusters are as many as there are digits; with more, each way to write one can have its own, and purity
    // rises by itself: both are told.
    const Tensor learned = codes_of(model, images.rows(0, std::min<Index>(images.size(0), 10'000)));
    const auto groups = [&](const train::KMeans& found) { return train::nearest(codes, found.centres); };
    const train::KMeans found = train::k_means(learned, {.clusters = clusters}),
                        ten = train::k_means(learned, {.clusters = 10});
    train::RocAuc auc;
    auc.update(usual, zeros({usual.count()}, int64));
    auc.update(strange, ones({strange.count()}, int64));

    plot::Figure figure({.title = digits.name + ": found without labels",
                         .subtitle = std::to_string(clusters) + " clusters among codes of " +
                                     std::to_string(code) + " numbers, seed " + std::to_string(run.seed)});
    draw_codes(figure.panel({.title = "Codes of test digits in the plane (principal components)"}), digits,
               codes, found.centres);
    const Tensor drawn = sigmoid(model.decoder(found.centres)).value().reshape({clusters, 28, 28});
    figure.panel({.title = "Centres of the clusters, drawn by the decoder: commonest digit"})
        .images(drawn, {.captions = captions(digits, groups(found), clusters),
                        .columns = 10,
                        .map = plot::ColourMap::ink});
    figure
        .panel({.title = "Error of the image drawn again",
                .x = "cross-entropy of a pixel, nats",
                .y = "density"})
        .histogram(usual, {.label = "digits", .bins = 60, .range = {0, 1}, .density = true})
        .histogram(strange, {.label = "clothes", .bins = 60, .range = {0, 1}, .density = true});
    draw_again(figure.panel({.title = "Digits and clothes, each above what is drawn again"}), model, test,
               clothes);
    run.draw(figure);

    run.figure("purity of 10 clusters", train::purity(classes, groups(ten)));
    run.figure("their adjusted Rand index", train::adjusted_rand_index(classes, groups(ten)), {.unit = ""});
    run.figure("purity of " + std::to_string(clusters) + " clusters", train::purity(classes, groups(found)),
               {.at_least = run.choose(0.75, 0.35)});
    run.figure("clothes told from digits, area under the ROC curve", auc.value(),
               {.at_least = run.choose(0.97, 0.8), .unit = "", .digits = 4});
  });
}
