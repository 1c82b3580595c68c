// The training workloads of libtorch_bench.cpp in xgrad: same sizes, losses and optimizers, written with the
// public interface as a user would.
//
// Weights and inputs come from bench::uniform, the same in both programs; a step is forward, loss, clear
// gradients, backward, optimizer step (without an optimizer: forward, clear gradients, backward) and returns
// one number, normally the loss.
#include "xgrad_steps.hpp"

#include <initializer_list>
#include <optional>
#include <vector>

using namespace xgrad;
using bench::backward_step, bench::small_op_chain, bench::training_step;

namespace {

// The next numbers of bench::uniform; every tensor is a stream of its own.
std::uint64_t streams = 0;

Tensor data(const Shape& shape) {
  Tensor x = zeros(shape);
  const std::uint64_t stream = streams++;
  std::uint64_t i = 0;
  for (float& value : x.mutable_span<float>()) value = bench::uniform(stream, i++);
  return x;
}

// Images and kernels are numbered as libtorch lays them out, (N, C, H, W), and given with channels last.
Tensor channels_last(const Tensor& x) { return permute(x, {0, 2, 3, 1}).value(); }
Tensor image_data(const Shape& shape) {
  return channels_last(data({shape[0], shape[3], shape[1], shape[2]}));
}

Tensor labels(Index classes, const Shape& shape) {
  return ((data(shape) + 1) * (0.5 * static_cast<double>(classes))).value().to(int64);
}

Variable leaf(const Tensor& value) { return {value, {.requires_grad = true}}; }

// Scales of one stay; other parameters become uniform within 1 / sqrt(inputs).
void initialize(nn::Module& net) {
  for (Variable& parameter : net.parameters()) {
    const Shape shape = parameter.shape();
    if (shape.rank() == 1 && parameter.value().at({0}) == 1) continue;
    const Index inputs = parameter.value().count() / (shape.rank() > 1 ? shape[0] : 1);
    const Tensor values = shape.rank() == 4 ? image_data(shape) : data(shape);
    parameter.set_value((values / std::sqrt(static_cast<double>(inputs))).value());
  }
}

// ------------------------------------------------------------ perceptrons

nn::Sequential mlp(std::initializer_list<Index> sizes) {
  nn::Sequential net;
  for (const Index* size = sizes.begin(); size + 1 != sizes.end(); ++size) {
    if (size != sizes.begin()) net.push_back(nn::ReLU());
    net.push_back(nn::Linear(size[0], size[1]));
  }
  return net;
}

template <class Optimizer>
void classify(bench::Timer& timer, std::initializer_list<Index> sizes, Index batch,
              Optimizer make_optimizer) {
  auto net = mlp(sizes);
  initialize(net);
  auto optimizer = make_optimizer(net.parameters());
  const Tensor x = data({batch, 784}), target = labels(10, {batch});
  timer.time(static_cast<double>(batch),
             training_step(optimizer, [&] { return nn::cross_entropy(net(x), target); }));
}

void mlp_sgd(bench::Timer& timer) {
  classify(timer, {784, 128, 10}, 64,
           [](auto parameters) { return optim::SGD(parameters, {.learning_rate = 0.1}); });
}

void mlp_adam(bench::Timer& timer) {
  classify(timer, {784, 512, 512, 10}, 128,
           [](auto parameters) { return optim::Adam(parameters, {.learning_rate = 1e-5}); });
}

void mlp_wide(bench::Timer& timer) {
  const Index batch = 256;
  auto net = mlp({1024, 4096, 4096, 1024});
  initialize(net);
  optim::SGD optimizer(net.parameters(), {.learning_rate = 0.01, .momentum = 0.9});
  const Tensor x = data({batch, 1024}), target = data({batch, 1024});
  timer.time(static_cast<double>(batch),
             training_step(optimizer, [&] { return nn::mse_loss(net(x), target); }));
}

// ------------------------------------------------------------ convolutional nets

// Images are channels-last here; libtorch gets them in its own layout.

void cnn_lenet(bench::Timer& timer) {
  const Index batch = 64;
  nn::Sequential net(nn::Conv2d(1, 32, {.kernel = 5}), nn::ReLU(), nn::MaxPool2d({.kernel = 2}),
                     nn::Conv2d(32, 64, {.kernel = 5}), nn::ReLU(), nn::MaxPool2d({.kernel = 2}),
                     nn::Flatten(), nn::Linear(64 * 4 * 4, 128), nn::ReLU(), nn::Linear(128, 10));
  initialize(net);
  // Flattened pixels come before their channels in libtorch.
  Variable columns = net.named_parameters()[4].second;
  columns.set_value(channels_last(columns.value().reshape({128, 64, 4, 4})).reshape({128, 64 * 4 * 4}));
  optim::SGD optimizer(net.parameters(), {.learning_rate = 0.01});
  const Tensor x = image_data({batch, 28, 28, 1}), target = labels(10, {batch});
  timer.time(static_cast<double>(batch),
             training_step(optimizer, [&] { return nn::cross_entropy(net(x), target); }));
}

// Two 3x3 convolutions with batch norm around a shortcut; where the shape changes, the shortcut is a strided
// 1x1 convolution with batch norm.
struct BasicBlock : nn::Module {
  BasicBlock(Index in, Index out, Index stride)
      : conv1(in, out, {.kernel = 3, .stride = stride, .padding = 1, .bias = false}),
        conv2(out, out, {.kernel = 3, .padding = 1, .bias = false}),
        norm1(out),
        norm2(out) {
    if (in != out || stride != 1)
      shortcut.emplace(nn::Conv2d(in, out, {.kernel = 1, .stride = stride, .bias = false}),
                       nn::BatchNorm2d(out));
  }
  Variable forward(const Variable& x) override {
    const Variable y = norm2(conv2(relu(norm1(conv1(x)))));
    return relu(y + (shortcut ? (*shortcut)(x) : x));
  }
  void visit(nn::Visitor& v) override {
    v("conv1", conv1);
    v("bn1", norm1);
    v("conv2", conv2);
    v("bn2", norm2);
    v("shortcut", shortcut);
  }

  nn::Conv2d conv1, conv2;
  nn::BatchNorm2d norm1, norm2;
  std::optional<nn::Sequential> shortcut;
};

void cnn_resnet(bench::Timer& timer) {
  const Index batch = 64;
  nn::Sequential net(nn::Conv2d(3, 16, {.kernel = 3, .padding = 1, .bias = false}), nn::BatchNorm2d(16),
                     nn::ReLU());
  Index in = 16;
  for (const Index out : {16, 32, 64})
    for (int block = 0; block < 3; ++block) {
      net.push_back(BasicBlock(in, out, in == out ? 1 : 2));
      in = out;
    }
  net.push_back(nn::AdaptiveAvgPool2d(1));
  net.push_back(nn::Flatten());
  net.push_back(nn::Linear(64, 10));
  initialize(net);
  optim::SGD optimizer(net.parameters(), {.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 1e-4});
  const Tensor x = image_data({batch, 32, 32, 3}), target = labels(10, {batch});
  timer.time(static_cast<double>(batch),
             training_step(optimizer, [&] { return nn::cross_entropy(net(x), target); }));
}

void conv_only(bench::Timer& timer) {
  const Index batch = 32;
  nn::Conv2d layer(64, 64, {.kernel = 3, .padding = 1});
  initialize(layer);
  Variable x = leaf(image_data({batch, 32, 32, 64}));
  const Variable dy(image_data({batch, 32, 32, 64}));
  timer.time(static_cast<double>(batch), [&] {
    const Variable y = layer(x);
    layer.zero_grad();
    x.clear_grad();
    y.backward(dy);
    return x.grad().value().at({0, 0, 0, 0});
  });
}

// ------------------------------------------------------------ sequence models

struct CharLstm : nn::Module {
  CharLstm(Index vocabulary, Index width, Index hidden)
      : embedding(vocabulary, width), lstm(width, hidden), head(hidden, vocabulary) {}
  Variable forward(const Variable& tokens) override { return head(lstm(embedding(tokens))); }
  void visit(nn::Visitor& v) override {
    v("embedding", embedding);
    v("lstm", lstm);
    v("head", head);
  }

  nn::Embedding embedding;
  nn::LSTM lstm;
  nn::Linear head;
};

void lstm_char(bench::Timer& timer) {
  const Index length = 64, batch = 32, vocabulary = 96;
  CharLstm net(vocabulary, 64, 256);
  initialize(net);
  optim::Adam optimizer(net.parameters(), {.learning_rate = 2e-3});
  const Tensor tokens = labels(vocabulary, {length, batch}), target = labels(vocabulary, {length, batch});
  timer.time(static_cast<double>(length * batch),
             training_step(optimizer, [&] { return nn::cross_entropy(net(tokens), target); }));
}

// Pre-norm transformer block.
struct GptBlock : nn::Module {
  GptBlock(Index width, Index heads)
      : norm1(width), norm2(width), attention(width, heads), up(width, 4 * width), down(4 * width, width) {}
  Variable forward(const Variable& x) override {
    const Variable z = norm1(x), y = x + attention(z, z, z, {.causal = true});
    return y + down(gelu(up(norm2(y))));
  }
  void visit(nn::Visitor& v) override {
    v("norm1", norm1);
    v("attention", attention);
    v("norm2", norm2);
    v("up", up);
    v("down", down);
  }

  nn::LayerNorm norm1, norm2;
  nn::MultiheadAttention attention;
  nn::Linear up, down;
};

struct Gpt : nn::Module {
  Gpt(Index vocabulary, Index length, Index width, Index heads, Index layers)
      : token(vocabulary, width),
        position(length, width),
        norm(width),
        head(width, vocabulary, {.bias = false}) {
    for (Index i = 0; i < layers; ++i) blocks.push_back(GptBlock(width, heads));
  }
  Variable forward(const Variable& tokens) override {
    return head(norm(blocks(token(tokens) + position.weight)));
  }
  void visit(nn::Visitor& v) override {
    v("token", token);
    v("position", position);
    v("blocks", blocks);
    v("norm", norm);
    v("head", head);
  }

  nn::Embedding token, position;
  nn::Sequential blocks;
  nn::LayerNorm norm;
  nn::Linear head;
};

void gpt_tiny(bench::Timer& timer) {
  const Index batch = 16, length = 128, vocabulary = 96;
  Gpt net(vocabulary, length, 128, 4, 4);
  initialize(net);
  optim::AdamW optimizer(net.parameters(), {.learning_rate = 3e-4, .weight_decay = 0.01});
  const Tensor tokens = labels(vocabulary, {batch, length}), target = labels(vocabulary, {batch, length});
  timer.time(static_cast<double>(batch * length),
             training_step(optimizer, [&] { return nn::cross_entropy(net(tokens), target); }));
}

// ------------------------------------------------------------ elementwise

void layernorm_gelu(bench::Timer& timer) {
  const Index rows = 4096, width = 512;
  const Variable x = leaf(data({rows, width})), w = leaf(data({width})), b = leaf(data({width}));
  timer.time(static_cast<double>(rows * width),
             backward_step({x, w, b}, [=] { return sum(gelu(layer_norm(x, {width}, w, b))); }));
}

void elementwise_chain(bench::Timer& timer) {
  const Index n = 1000000;
  const Variable x = leaf(data({n}));
  timer.time(
      static_cast<double>(n), backward_step({x}, [x] {
        return sum(map(
            "chain", [](const auto& v) { return tanh(v) * sigmoid(v) + exp(-v * v) / (1 + v * v); }, x));
      }));
}

void reduce(bench::Timer& timer) {
  const Variable x = leaf(data({256, 1024, 16}));
  timer.time(256. * 1024 * 16,
             backward_step({x}, [x] { return sum(sum(x, 1)) + sum(mean(x, 0)) + sum(max(x, 2).values); }));
}

// ------------------------------------------------------------ many small operations

void scalar_chain(bench::Timer& timer) { small_op_chain(timer, {}, 100000); }

void small_ops(bench::Timer& timer) { small_op_chain(timer, {8}, 10000); }

// ------------------------------------------------------------ matrix products

void matmul_512(bench::Timer& timer) {
  const Index n = 512;
  Variable a = leaf(data({n, n})), b = leaf(data({n, n}));
  const Variable dy(data({n, n}));
  timer.time(3 * 2 * 512. * 512 * 512, [&] {
    const Variable y = matmul(a, b);
    a.clear_grad();
    b.clear_grad();
    y.backward(dy);
    return a.grad().value().at({0, 0});
  });
}

const std::vector<bench::Workload> workloads = {
    {"mlp_sgd", "image", "784-128-10 ReLU, batch 64, cross entropy, SGD lr 0.1", mlp_sgd},
    {"mlp_adam", "image", "784-512-512-10 ReLU, batch 128, cross entropy, Adam", mlp_adam},
    {"mlp_wide", "row", "1024-4096-4096-1024 ReLU, batch 256, MSE, SGD momentum 0.9", mlp_wide},
    {"cnn_lenet", "image", "1x28x28, two 5x5 convolutions (32, 64), fc 128, batch 64, SGD", cnn_lenet},
    {"cnn_resnet", "image", "CIFAR ResNet-20 with 1x1 shortcuts, batch 64, SGD momentum 0.9, wd 1e-4",
     cnn_resnet},
    {"conv_only", "image", "Conv2d 64 -> 64, 3x3, padding 1, on (32,32,32,64), forward + all gradients",
     conv_only},
    {"lstm_char", "token", "embedding 64, LSTM 256, length 64, batch 32, vocabulary 96, Adam", lstm_char},
    {"gpt_tiny", "token", "4 layers, width 128, 4 heads, length 128, batch 16, AdamW", gpt_tiny},
    {"layernorm_gelu", "element", "gelu(layer_norm(x) * w + b), x (4096,512), sum, backward", layernorm_gelu},
    {"elementwise_chain", "element", "tanh(x)*sigmoid(x) + exp(-x*x)/(1+x*x), x (1000000), sum, backward",
     elementwise_chain},
    {"reduce", "element", "x (256,1024,16): sum axis 1, mean axis 0, max axis 2, backward", reduce},
    {"scalar_chain", "node", "100000 operations on 0-d tensors (mul, add, tanh), backward", scalar_chain},
    {"small_ops", "node", "10000 operations on tensors of 8 (mul, add, tanh), backward", small_ops},
    {"matmul_512", "flop", "(512,512) @ (512,512), forward + both gradients", matmul_512},
};

}  // namespace

int main(int argc, char** argv) { return bench::run_xgrad(argc, argv, workloads); }
