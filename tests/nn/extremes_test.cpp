// Layers, schedules and loaders given integers at the ends of their range.
#include "support/extremes.hpp"

using namespace xgrad;
using namespace xgrad::test::extremes;

namespace {

const std::vector<Case>& layer_cases() {
  const Tensor images = ones({1, 3, 3, 2}), rows = ones({2, 3}), sequence = ones({2, 1, 3});
  static const std::vector<Case> cases{
      layer(
          "Linear", [](Draw& d) { return nn::Linear(d.or_else(3), d.or_else(2)); }, rows),
      layer(
          "Conv2d",
          [](Draw& d) {
            const Index in = d.or_else(2), out = d.or_else(2);
            const Size2d kernel = d.size(2), stride = d.size(1);
            const Padding2d padding = d.padding();
            const Size2d dilation = d.size(1);
            return nn::Conv2d(in, out, {kernel, stride, padding, dilation, d.or_else(1)});
          },
          images),
      layer(
          "ConvTranspose2d",
          [](Draw& d) {
            const Index in = d.or_else(2), out = d.or_else(2);
            const Size2d kernel = d.size(2), stride = d.size(1);
            const Padding2d padding = d.padding();
            const Size2d output_padding = d.size(0), dilation = d.size(1);
            return nn::ConvTranspose2d(in, out,
                                       {kernel, stride, padding, output_padding, dilation, d.or_else(1)});
          },
          images),
      layer(
          "MaxPool2d",
          [](Draw& d) {
            const Size2d kernel = d.size(2), stride = d.size(1);
            const Padding2d padding = d.padding();
            return nn::MaxPool2d({kernel, stride, padding, d.size(1)});
          },
          images),
      layer(
          "AvgPool2d",
          [](Draw& d) {
            const Size2d kernel = d.size(2), stride = d.size(1);
            return nn::AvgPool2d({kernel, stride, d.padding()});
          },
          images),
      layer(
          "AdaptiveAvgPool2d", [](Draw& d) { return nn::AdaptiveAvgPool2d(d.size(2)); }, images),
      layer(
          "Embedding",
          [](Draw& d) {
            const Index count = d.or_else(3), size = d.or_else(2);
            return nn::Embedding(count, size, {.padding_idx = d.or_else(0)});
          },
          zeros({2}, int64)),
      layer(
          "LSTM",
          [](Draw& d) {
            const Index input = d.or_else(3), hidden = d.or_else(2);
            return nn::LSTM(input, hidden, {.layers = d.or_else(1), .bidirectional = d.flag()});
          },
          sequence),
      layer(
          "GRU",
          [](Draw& d) {
            const Index input = d.or_else(3), hidden = d.or_else(2);
            return nn::GRU(input, hidden, {.layers = d.or_else(1), .bidirectional = d.flag()});
          },
          sequence),
      layer(
          "MultiheadAttention",
          [](Draw& d) {
            const Index embed = d.or_else(4);
            return nn::MultiheadAttention(embed, d.or_else(2));
          },
          ones({1, 2, 4})),
      layer(
          "LayerNorm", [](Draw& d) { return nn::LayerNorm(d.shape(2)); }, rows),
      layer(
          "RMSNorm", [](Draw& d) { return nn::RMSNorm(d.shape(1)); }, rows),
      layer(
          "GroupNorm",
          [](Draw& d) {
            const Index groups = d.or_else(1);
            return nn::GroupNorm(groups, d.or_else(3));
          },
          rows),
      layer(
          "BatchNorm1d", [](Draw& d) { return nn::BatchNorm1d(d()); }, rows),
      layer(
          "BatchNorm2d", [](Draw& d) { return nn::BatchNorm2d(d()); }, images),
      layer(
          "Flatten",
          [](Draw& d) {
            const Index first = d();
            return nn::Flatten(first, d());
          },
          rows),
      layer(
          "Softmax", [](Draw& d) { return nn::Softmax(d()); }, rows),
      layer(
          "LogSoftmax", [](Draw& d) { return nn::LogSoftmax(d()); }, rows),
      {"ModuleList",
       [](Draw& d) {
         nn::Sequential list{nn::ReLU(), nn::Tanh()};
         static_cast<void>(list[d()]);
         static_cast<void>(list.at<nn::ReLU>(d()));
       }},
      {"init::fans", [](Draw& d) { nn::init::fans(d.shape(3)); }},
      {"StepLR",
       [](Draw& d) {
         const optim::StepLR rule(d());
         rule(0.1, d());
       }},
      {"CosineLR",
       [](Draw& d) {
         const optim::CosineLR rule(d());
         rule(0.1, d());
       }},
      {"LinearWarmup",
       [](Draw& d) {
         const optim::LinearWarmup rule(d(), optim::StepLR(1));
         rule(0.1, d());
       }},
      {"DataLoader",
       [](Draw& d) {
         data::LoaderOptions options{.batch_size = d.or_else(2), .shuffle = d.flag(), .drop_last = d.flag()};
         // As many batches ahead as there are, at most.
         options.prefetch = d.or_else(0);
         data::DataLoader loader(data::TensorDataset(arange(5)), options);
         loader.set_epoch(d.or_else(0));
         static_cast<void>(loader.size());
         for (const auto& batch : loader) static_cast<void>(batch);
         static_cast<void>(loader.epoch());
       }},
      {"TensorDataset",
       [](Draw& d) {
         const data::TensorDataset dataset(ones({3, 2}));
         if (d.flag())
           static_cast<void>(dataset.get(d()));
         else
           static_cast<void>(dataset.gather(Tensor({d()}, int64)));
       }},
      {"gradcheck",
       [](Draw& d) {
         gradcheck([](const std::vector<Variable>& x) { return sum(square(x[0])); },
                   std::vector<Tensor>{ones({2}, float64)}, {.max_elements = d()});
       }},
  };
  return cases;
}

}  // namespace

TEST_CASE("extreme integers: layers, schedules and loaders") { walk(layer_cases()); }
