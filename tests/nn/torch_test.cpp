// Models of PyTorch, built here as their authors would: with PyTorch's weights they give its outputs, and
// what they hold goes back as it came.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/nn/activation.hpp>
#include <xgrad/nn/attention.hpp>
#include <xgrad/nn/container.hpp>
#include <xgrad/nn/conv.hpp>
#include <xgrad/nn/embedding.hpp>
#include <xgrad/nn/flatten.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/normalize.hpp>
#include <xgrad/nn/pooling.hpp>
#include <xgrad/nn/recurrent.hpp>
#include <xgrad/nn/torch.hpp>
#include <xgrad/nn/visit_macro.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include "goldens/pytorch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>

using namespace xgrad;

namespace {

// ---------------------------------------------------------------------------------------------------- models

struct Mlp : nn::Module {
  nn::Sequential layers{nn::Linear(4, 6), nn::BatchNorm1d(6), nn::Tanh(),
                        nn::Sequential{nn::Linear(6, 3, {.bias = false})}};
  Variable forward(const Variable& x) override { return layers(x); }
  XGRAD_VISIT(layers)
};

struct LeNet : nn::Module {
  nn::Conv2d conv1{1, 3, {.kernel = 5, .padding = 2}};
  nn::Conv2d conv2{3, 4, 3};
  nn::MaxPool2d pool{2};
  nn::Flatten flatten{{.order = nn::FlattenOrder::pytorch}};
  nn::Linear fc1{4 * 2 * 3, 7}, fc2{7, 4};
  Variable forward(const Variable& x) override {
    return fc2(relu(fc1(flatten(relu(conv2(pool(relu(conv1(x)))))))));
  }
  XGRAD_VISIT(conv1, conv2, pool, flatten, fc1, fc2)
};

struct Block : nn::Module {
  Block(Index in, Index out, Index stride)
      : conv1(in, out, {.kernel = 3, .stride = stride, .padding = 1, .bias = false}),
        bn1(out),
        conv2(out, out, {.kernel = 3, .padding = 1, .bias = false}),
        bn2(out) {
    if (stride != 1)
      downsample = nn::Sequential{nn::Conv2d(in, out, {.kernel = 1, .stride = stride, .bias = false}),
                                  nn::BatchNorm2d(out)};
  }
  Variable forward(const Variable& x) override {
    const Variable y = bn2(conv2(relu(bn1(conv1(x)))));
    return relu(y + (downsample ? (*downsample)(x) : x));
  }
  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Conv2d conv2;
  nn::BatchNorm2d bn2;
  std::optional<nn::Sequential> downsample;
  XGRAD_VISIT(conv1, bn1, conv2, bn2, downsample)
};

struct ResNet : nn::Module {
  nn::Conv2d conv1{3, 3, {.kernel = 3, .padding = 1, .bias = false}};
  nn::BatchNorm2d bn1{3};
  nn::Sequential layer1{Block(3, 3, 1)};
  nn::Sequential layer2{Block(3, 4, 2), Block(4, 4, 1)};
  nn::Linear fc{4, 3};
  Variable forward(const Variable& x) override {
    return fc(mean(layer2(layer1(relu(bn1(conv1(x))))), {1, 2}));
  }
  XGRAD_VISIT(conv1, bn1, layer1, layer2, fc)
};

template <class Recurrent>
struct Tagger : nn::Module {
  Recurrent rnn{3, 4, {.layers = 2, .bidirectional = true}};
  nn::Linear head{8, 2};
  Variable forward(const Variable& x) override { return head(rnn(x)); }
  XGRAD_VISIT(rnn, head)
};

struct EncoderLayer : nn::Module {
  nn::MultiheadAttention self_attn{8, 2};
  nn::Linear linear1{8, 10}, linear2{10, 8};
  nn::LayerNorm norm1{8}, norm2{8};
  Variable forward(const Variable& x) override {
    const Variable y = norm1(x + self_attn(x));
    return norm2(y + linear2(relu(linear1(y))));
  }
  XGRAD_VISIT(self_attn, linear1, linear2, norm1, norm2)
};

/// A linear layer with another's weight.
struct Tied : nn::Module {
  explicit Tied(const Variable& shared) : weight(shared) {}
  Variable weight;
  nn::Parameter bias{zeros({7})};
  Variable forward(const Variable& x) override { return linear(x, weight, bias); }
  XGRAD_VISIT(weight, bias)
};

struct Language : nn::Module {
  nn::Embedding embedding{7, 8};
  EncoderLayer encoder;
  Tied decoder{embedding.weight};
  Variable forward(const Variable& ids) override { return decoder(encoder(embedding(ids))); }
  XGRAD_VISIT(embedding, encoder, decoder)
};

struct Images : nn::Module {
  nn::Conv2d grouped{4, 6, {.kernel = {3, 2}, .stride = 2, .padding = 1, .groups = 2}};
  nn::GroupNorm group_norm{3, 6};
  nn::ConvTranspose2d up{6, 4, {.kernel = {2, 3}, .stride = 2, .groups = 2}};
  nn::LayerNorm layer_norm{{6, 9, 4}, {.pytorch_axes = nn::PytorchAxes::channels_first}};
  nn::Conv2d depthwise{4, 4, {.kernel = 3, .groups = 4}};
  nn::ConvTranspose2d square{4, 3, 3};
  Variable forward(const Variable& x) override {
    return square(relu(depthwise(layer_norm(up(tanh(group_norm(grouped(x))))))));
  }
  XGRAD_VISIT(grouped, group_norm, up, layer_norm, depthwise, square)
};

/// On (N, L, C); its own parts are shown last, and stand first in PyTorch.
struct Sequences : nn::Module {
  nn::BatchNorm1d batch_norm{2};
  nn::GroupNorm group_norm{2, 2, {.affine = false}};
  nn::LayerNorm layer_norm{{3, 2}, {.pytorch_axes = nn::PytorchAxes::channels_first}};
  nn::Buffer shift = zeros({3});
  nn::Parameter scale{ones({3})};
  Variable forward(const Variable& x) override {
    const Variable y = layer_norm(group_norm(batch_norm(x)));
    return y * unsqueeze(scale, -1) + unsqueeze(shift, -1);
  }
  XGRAD_VISIT(batch_norm, group_norm, layer_norm, shift, scale)
};

// ----------------------------------------------------------------------------------------------------
// comparison

namespace golden = goldens::pytorch;

Tensor tensor_of(const golden::Array& array) {
  const Shape shape(array.shape, array.shape + array.rank);
  const Tensor numbers =
      Tensor::from(std::vector<double>(array.numbers, array.numbers + shape.count()), shape);
  return numbers.to(array.type == golden::Type::int64     ? int64
                    : array.type == golden::Type::float32 ? float32
                                                          : float64);
}

/// Images (N, C, H, W), and sequences (N, C, L) where there are such, with channels last.
Tensor channels_last(const Tensor& x, bool sequences) {
  if (x.rank() == 4) return permute(x, {0, 2, 3, 1}).value();
  return sequences ? permute(x, {0, 2, 1}).value() : x;
}

/// Equal to within the tolerance relative to each number, and a tenth of it relative to the largest, where
/// terms cancel.
void check_close(const Tensor& found, const Tensor& expected, double tolerance) {
  const double largest = max(abs(expected)).value().to(float64).item<double>();
  CHECK(allclose(found, expected, {.rtol = tolerance, .atol = tolerance / 10 * largest}));
}

template <class Model>
void check_exchange(std::span<const golden::Array> arrays, bool sequences = false) {
  StateDict dict;
  for (const golden::Array& array : arrays.first(arrays.size() - 3)) dict.set(array.name, tensor_of(array));
  const Tensor input = channels_last(tensor_of(arrays[arrays.size() - 3]), sequences);

  for (const DType dtype : {float64, float32}) {
    CAPTURE(dtype);
    const bool wide = dtype == float64;
    Model model;
    model.to(dtype);
    model.eval();
    const nn::LoadReport report = nn::load_torch(model, dict);
    CHECK(report.missing.empty());
    CHECK(report.unexpected.empty());
    CHECK(report.notes.empty());
    const Tensor x = is_floating(input.dtype()) ? input.to(dtype) : input;
    const Tensor expected = channels_last(tensor_of(arrays[arrays.size() - (wide ? 2 : 1)]), sequences);
    check_close(model(x).value(), expected, wide ? 1e-12 : 1e-5);

    const StateDict back = nn::to_torch(model);
    CHECK(back.layout() == StateDict::Layout::pytorch);
    REQUIRE(back.size() == dict.size());
    for (std::size_t i = 0; i < dict.size(); ++i) {
      const std::string name = dict[i].first;
      CAPTURE(name);
      CHECK(back[i].first == name);
      const Tensor& tensor = dict[i].second;
      CHECK(bitwise_equal(back[i].second, is_floating(tensor.dtype()) ? tensor.to(dtype) : tensor));
    }

    // A dictionary that is marked needs no function of its own.
    Model other;
    other.to(dtype);
    other.eval();
    other.load_state_dict(back);
    CHECK(bitwise_equal(other(x).value(), model(x).value()));
  }
}

}  // namespace

TEST_CASE("PyTorch's fully connected model: its outputs, and its dictionary back") {
  check_exchange<Mlp>(golden::mlp);
}

TEST_CASE("PyTorch's LeNet: its outputs, and its dictionary back") { check_exchange<LeNet>(golden::lenet); }

TEST_CASE("PyTorch's residual network: its outputs, and its dictionary back") {
  check_exchange<ResNet>(golden::resnet);
}

TEST_CASE("PyTorch's LSTM and GRU: their outputs, and their dictionaries back") {
  check_exchange<Tagger<nn::LSTM>>(golden::lstm);
  check_exchange<Tagger<nn::GRU>>(golden::gru);
}

TEST_CASE("PyTorch's transformer with a shared weight: its outputs, and its dictionary back") {
  check_exchange<Language>(golden::language);
}

TEST_CASE("PyTorch's grouped and transposed convolutions: their outputs, and their dictionary back") {
  check_exchange<Images>(golden::images);
}

TEST_CASE("PyTorch's sequences with channels second: their outputs, and their dictionary back") {
  check_exchange<Sequences>(golden::sequences, true);
}
