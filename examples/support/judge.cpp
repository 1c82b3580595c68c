#include "judge.hpp"

#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <cstdio>

namespace example {

using namespace xgrad;

nn::Sequential make_judge() {
  nn::Sequential judge;
  Index in = 1;
  for (const Index out : {32, 64, 128}) {
    if (in > 1) judge.push_back(nn::MaxPool2d(2));
    judge.push_back(nn::Conv2d(in, out, {.kernel = 3, .padding = 1, .bias = false}));
    judge.push_back(nn::BatchNorm2d(out));
    judge.push_back(nn::ReLU());
    in = out;
  }
  judge.push_back(nn::Flatten({.order = nn::FlattenOrder::pytorch}));
  judge.push_back(nn::Dropout(0.4));
  judge.push_back(nn::Linear(7 * 7 * in, 10));
  return judge;
}

void teach(nn::Sequential& judge, const Digits& digits, const Run& run) {
  const Index epochs = run.choose(4, 2);
  data::DataLoader loader(digits.training,
                          {.batch_size = 128, .shuffle = true, .seed = run.seed, .prefetch = 4});
  optim::AdamW optimizer(judge.parameters(), {.learning_rate = 4e-3, .weight_decay = 0.05});
  std::puts("the judge learns to read");
  const auto loss =
      train::supervised([](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); });
  (void)train::fit(judge, loader, loss, optimizer,
                   {.epochs = epochs,
                    .callbacks = {train::progress()},
                    .stop = train::interrupted,
                    .schedule = optim::OneCycleLR(loader.size() * epochs)});
}

Variable mean_image(const Tensor& images) { return stack({mean(images, {0}), stddev(images, {0})}); }

Verdict verdict(nn::Sequential& judge, const Tensor& images) {
  const Variable probabilities = softmax(outputs(judge, images), 1);
  const Variable confidence = amax(probabilities, {1}), sure = (confidence > 0.9).to(float32);
  const Variable shares = mean(one_hot(argmax(probabilities, 1), 10) * unsqueeze(sure, 1), {0});
  return {.sure = mean(sure).item(), .shares = shares.value(), .confidence = confidence.value()};
}

}  // namespace example
