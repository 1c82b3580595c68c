// Training workloads in libtorch: the yardstick for other autograd libraries.
//
// One function per workload.  Weights and inputs come from bench::uniform, the
// same in both programs; every step is forward, loss, clear gradients, backward, optimiser step
// (workloads without an optimiser: forward, clear gradients, backward).  Each
// step returns one number, normally the loss.  See bench.h for the measurement.
//
// The same batch is used over and over, so learning rates are low enough for the
// loss to stay far from zero while a workload is timed: no denormal gradients.
//
// libtorch is used the way a user who cares about speed would: gradients are
// dropped rather than zeroed (set_to_none), activations of convolutional nets
// work in place, and fused functions are used where the public API has them.
#include <torch/torch.h>

#include <cmath>
#include <initializer_list>
#include <tuple>
#include <utility>
#include <vector>

#include "bench.hpp"

namespace nn = torch::nn;
namespace F = torch::nn::functional;
namespace optim = torch::optim;
using torch::Tensor;

namespace {

// ---------------------------------------------------------------- helpers

// The next numbers of bench::uniform; every tensor is a stream of its own.
std::uint64_t streams = 0;

Tensor data(torch::IntArrayRef shape) {
  Tensor x = torch::empty(shape);
  float* values = x.data_ptr<float>();
  const std::uint64_t stream = streams++;
  for (int64_t i = 0; i < x.numel(); ++i) values[i] = bench::uniform(stream, std::uint64_t(i));
  return x;
}

Tensor leaf(torch::IntArrayRef shape) { return data(shape).requires_grad_(); }

Tensor labels(int64_t classes, torch::IntArrayRef shape) {
  return ((data(shape) + 1) * (0.5 * double(classes))).to(torch::kLong);
}

// Scales of one stay; other parameters become uniform within 1 / sqrt(inputs).
void initialize(nn::Module& net) {
  torch::NoGradGuard no_grad;
  for (Tensor p : net.parameters()) {
    if (p.dim() == 1 && p[0].item<float>() == 1) continue;
    p.copy_(data(p.sizes()) / std::sqrt(double(p.numel()) / double(p.dim() > 1 ? p.size(0) : 1)));
  }
}

void drop_grads(std::initializer_list<Tensor> leaves) {
  for (const Tensor& t : leaves) t.mutable_grad().reset();
}

// A training step: `loss_fn` builds the loss from the model.
template <class Model, class Optimizer, class LossFn>
auto training_step(Model& model, Optimizer& optimizer, LossFn loss_fn) {
  return [&model, &optimizer, loss_fn]() mutable {
    Tensor loss = loss_fn();
    model->zero_grad(/*set_to_none=*/true);
    loss.backward();
    optimizer.step();
    return loss.item<float>();
  };
}

// A step without optimiser: backward from the scalar that `scalar_fn` builds.
template <class ScalarFn>
auto backward_step(std::vector<Tensor> leaves, ScalarFn scalar_fn) {
  return [leaves, scalar_fn]() mutable {
    Tensor y = scalar_fn();
    for (Tensor& t : leaves) t.mutable_grad().reset();
    y.backward();
    return y.template item<float>();
  };
}

// Linear layers of the given sizes with ReLU (or Tanh) between them.
nn::Sequential mlp(std::initializer_list<int64_t> sizes, bool tanh = false) {
  nn::Sequential net;
  for (auto size = sizes.begin(); size + 1 != sizes.end(); ++size) {
    if (size != sizes.begin()) {
      if (tanh)
        net->push_back(nn::Tanh());
      else
        net->push_back(nn::ReLU());
    }
    net->push_back(nn::Linear(size[0], size[1]));
  }
  return net;
}

nn::Conv2d conv(int64_t in, int64_t out, int64_t kernel, int64_t padding, int64_t stride = 1,
                bool bias = true) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, kernel).padding(padding).stride(stride).bias(bias));
}

nn::ReLU relu() { return nn::ReLU(nn::ReLUOptions(/*inplace=*/true)); }

// ---------------------------------------------------------------- perceptrons

void mlp_sgd(bench::Timer& timer) {
  const int64_t batch = 64;
  nn::Sequential net = mlp({784, 128, 10});
  initialize(*net);
  optim::SGD optimizer(net->parameters(), optim::SGDOptions(0.1));
  Tensor x = data({batch, 784}), target = labels(10, {batch});
  timer.time(batch, training_step(net, optimizer, [&] { return F::cross_entropy(net->forward(x), target); }));
}

void mlp_adam(bench::Timer& timer) {
  const int64_t batch = 128;
  nn::Sequential net = mlp({784, 512, 512, 10});
  initialize(*net);
  optim::Adam optimizer(net->parameters(), optim::AdamOptions(1e-5));
  Tensor x = data({batch, 784}), target = labels(10, {batch});
  timer.time(batch, training_step(net, optimizer, [&] { return F::cross_entropy(net->forward(x), target); }));
}

void mlp_wide(bench::Timer& timer) {
  const int64_t batch = 256;
  nn::Sequential net = mlp({1024, 4096, 4096, 1024});
  initialize(*net);
  optim::SGD optimizer(net->parameters(), optim::SGDOptions(0.01).momentum(0.9));
  Tensor x = data({batch, 1024}), target = data({batch, 1024});
  timer.time(batch, training_step(net, optimizer, [&] { return F::mse_loss(net->forward(x), target); }));
}

// ---------------------------------------------------------------- convolutional nets

void cnn_lenet(bench::Timer& timer) {
  const int64_t batch = 64;
  nn::Sequential net(conv(1, 32, 5, 0), relu(), nn::MaxPool2d(2),   // 24x24 -> 12x12
                     conv(32, 64, 5, 0), relu(), nn::MaxPool2d(2),  // 8x8 -> 4x4
                     nn::Flatten(), nn::Linear(64 * 4 * 4, 128), relu(), nn::Linear(128, 10));
  initialize(*net);
  optim::SGD optimizer(net->parameters(), optim::SGDOptions(0.01));
  Tensor x = data({batch, 1, 28, 28}), target = labels(10, {batch});
  timer.time(batch, training_step(net, optimizer, [&] { return F::cross_entropy(net->forward(x), target); }));
}

// Two 3x3 convolutions with batch norm around a shortcut; where the shape
// changes, the shortcut is a strided 1x1 convolution with batch norm.
struct BasicBlockImpl : nn::Module {
  BasicBlockImpl(int64_t in, int64_t out, int64_t stride)
      : conv1(conv(in, out, 3, 1, stride, false)), bn1(out), conv2(conv(out, out, 3, 1, 1, false)), bn2(out) {
    register_module("conv1", conv1);
    register_module("bn1", bn1);
    register_module("conv2", conv2);
    register_module("bn2", bn2);
    if (in != out || stride != 1)
      shortcut = register_module("shortcut",
                                 nn::Sequential(conv(in, out, 1, 0, stride, false), nn::BatchNorm2d(out)));
  }
  Tensor forward(const Tensor& x) {
    Tensor y = bn1(conv1(x)).relu_();
    y = bn2(conv2(y));
    return y.add_(shortcut ? shortcut->forward(x) : x).relu_();
  }
  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Conv2d conv2;
  nn::BatchNorm2d bn2;
  nn::Sequential shortcut{nullptr};
};
TORCH_MODULE(BasicBlock);

void cnn_resnet(bench::Timer& timer) {
  const int64_t batch = 64;
  nn::Sequential net(conv(3, 16, 3, 1, 1, false), nn::BatchNorm2d(16), relu());
  int64_t in = 16;
  for (int64_t out : {16, 32, 64})
    for (int block = 0; block < 3; ++block) {
      net->push_back(BasicBlock(in, out, /*stride=*/in == out ? 1 : 2));
      in = out;
    }
  net->push_back(nn::AdaptiveAvgPool2d(1));
  net->push_back(nn::Flatten());
  net->push_back(nn::Linear(64, 10));
  initialize(*net);
  optim::SGD optimizer(net->parameters(), optim::SGDOptions(0.1).momentum(0.9).weight_decay(1e-4));
  Tensor x = data({batch, 3, 32, 32}), target = labels(10, {batch});
  timer.time(batch, training_step(net, optimizer, [&] { return F::cross_entropy(net->forward(x), target); }));
}

void conv_only(bench::Timer& timer) {
  const int64_t batch = 32;
  nn::Conv2d layer = conv(64, 64, 3, 1);
  initialize(*layer);
  Tensor x = leaf({batch, 64, 32, 32}), dy = data({batch, 64, 32, 32});
  timer.time(batch, [&] {
    Tensor y = layer(x);
    drop_grads({x, layer->weight, layer->bias});
    y.backward(dy);
    return *x.grad().data_ptr<float>();
  });
}

// ---------------------------------------------------------------- sequence models

struct CharLstmImpl : nn::Module {
  CharLstmImpl(int64_t vocab, int64_t width, int64_t hidden)
      : embedding(vocab, width), lstm(width, hidden), head(hidden, vocab) {
    register_module("embedding", embedding);
    register_module("lstm", lstm);
    register_module("head", head);
  }
  Tensor forward(const Tensor& tokens) { return head(std::get<0>(lstm(embedding(tokens)))); }
  nn::Embedding embedding;
  nn::LSTM lstm;
  nn::Linear head;
};
TORCH_MODULE(CharLstm);

void lstm_char(bench::Timer& timer) {
  const int64_t length = 64, batch = 32, vocab = 96;
  CharLstm net(vocab, 64, 256);
  initialize(*net);
  optim::Adam optimizer(net->parameters(), optim::AdamOptions(2e-3));
  Tensor tokens = labels(vocab, {length, batch}), target = labels(vocab, {length * batch});
  timer.time(length * batch, training_step(net, optimizer, [&] {
               return F::cross_entropy(net->forward(tokens).view({length * batch, vocab}), target);
             }));
}

// Pre-norm transformer block; attention written with matmul and softmax.
struct GptBlockImpl : nn::Module {
  GptBlockImpl(int64_t width, int64_t heads)
      : heads(heads),
        norm1(nn::LayerNormOptions({width})),
        norm2(nn::LayerNormOptions({width})),
        qkv(width, 3 * width),
        out(width, width),
        up(width, 4 * width),
        down(4 * width, width) {
    register_module("norm1", norm1);
    register_module("qkv", qkv);
    register_module("out", out);
    register_module("norm2", norm2);
    register_module("up", up);
    register_module("down", down);
  }
  Tensor attention(const Tensor& x, const Tensor& mask) {
    const int64_t batch = x.size(0), length = x.size(1), width = x.size(2), head = width / heads;
    std::vector<Tensor> parts = qkv(x).chunk(3, /*dim=*/2);
    for (Tensor& t : parts) t = t.view({batch, length, heads, head}).transpose(1, 2);
    Tensor scores = parts[0].matmul(parts[1].transpose(-2, -1)) * (1 / std::sqrt(double(head))) + mask;
    Tensor mixed = scores.softmax(-1).matmul(parts[2]);
    return out(mixed.transpose(1, 2).reshape({batch, length, width}));
  }
  Tensor forward(const Tensor& x, const Tensor& mask) {
    Tensor y = x + attention(norm1(x), mask);
    return y + down(F::gelu(up(norm2(y))));
  }
  int64_t heads;
  nn::LayerNorm norm1, norm2;
  nn::Linear qkv, out, up, down;
};
TORCH_MODULE(GptBlock);

struct GptImpl : nn::Module {
  GptImpl(int64_t vocab, int64_t length, int64_t width, int64_t heads, int64_t layers)
      : token(vocab, width),
        position(length, width),
        norm(nn::LayerNormOptions({width})),
        head(nn::LinearOptions(width, vocab).bias(false)) {
    register_module("token", token);
    register_module("position", position);
    for (int64_t i = 0; i < layers; ++i)
      blocks.push_back(register_module("block" + std::to_string(i), GptBlock(width, heads)));
    register_module("norm", norm);
    register_module("head", head);
    // 0 on and below the diagonal, -infinity above it
    mask = register_buffer("mask", torch::full({length, length}, -INFINITY).triu(1));
  }
  Tensor forward(const Tensor& tokens) {
    Tensor x = token(tokens) + position->weight;
    for (GptBlock& block : blocks) x = block(x, mask);
    return head(norm(x));
  }
  nn::Embedding token, position;
  std::vector<GptBlock> blocks;
  nn::LayerNorm norm;
  nn::Linear head;
  Tensor mask;
};
TORCH_MODULE(Gpt);

void gpt_tiny(bench::Timer& timer) {
  const int64_t batch = 16, length = 128, vocab = 96;
  Gpt net(vocab, length, /*width=*/128, /*heads=*/4, /*layers=*/4);
  initialize(*net);
  optim::AdamW optimizer(net->parameters(), optim::AdamWOptions(3e-4).weight_decay(0.01));
  Tensor tokens = labels(vocab, {batch, length}), target = labels(vocab, {batch * length});
  timer.time(batch * length, training_step(net, optimizer, [&] {
               return F::cross_entropy(net->forward(tokens).view({batch * length, vocab}), target);
             }));
}

// ---------------------------------------------------------------- element-wise and reductions

void layernorm_gelu(bench::Timer& timer) {
  const int64_t rows = 4096, width = 512;
  Tensor x = leaf({rows, width}), w = leaf({width}), b = leaf({width});
  timer.time(double(rows * width), backward_step({x, w, b}, [=] {
               return torch::gelu(torch::layer_norm(x, {width}, w, b)).sum();
             }));
}

void elementwise_chain(bench::Timer& timer) {
  const int64_t n = 1000000;
  Tensor x = leaf({n});
  timer.time(double(n), backward_step({x}, [=] {
               return (x.tanh() * x.sigmoid() + (-x * x).exp() / (1 + x * x)).sum();
             }));
}

void reduce(bench::Timer& timer) {
  Tensor x = leaf({256, 1024, 16});
  timer.time(256. * 1024 * 16, backward_step({x}, [=] {
               return x.sum(1).sum() + x.mean(0).sum() + std::get<0>(x.max(2)).sum();
             }));
}

// ---------------------------------------------------------------- many small operations

// y = tanh(y * a + b) over and over, counted as three nodes.  With a = 1 and a
// tiny b neither y nor the gradient vanishes along the chain.
void small_op_chain(bench::Timer& timer, torch::IntArrayRef shape, int64_t nodes) {
  Tensor x = torch::full(shape, 0.5).requires_grad_();
  Tensor a = torch::full(shape, 1.0).requires_grad_();
  Tensor b = torch::full(shape, 1e-6).requires_grad_();
  timer.time(double(nodes), backward_step({x, a, b}, [=] {
               Tensor y = x;
               for (int64_t node = 0; node < nodes; ++node) {
                 if (node % 3 == 0)
                   y = y * a;
                 else if (node % 3 == 1)
                   y = y + b;
                 else
                   y = y.tanh();
               }
               return y.dim() == 0 ? y : y.sum();
             }));
}

void scalar_chain(bench::Timer& timer) { small_op_chain(timer, {}, 100000); }

void small_ops(bench::Timer& timer) { small_op_chain(timer, {8}, 10000); }

// ---------------------------------------------------------------- matrix products

// Forward and both gradients; `multiply_adds` is for the forward product.
void product(bench::Timer& timer, Tensor a, Tensor b, double multiply_adds) {
  Tensor dy = data({a.size(0), b.size(1)});
  timer.time(3 * 2 * multiply_adds, [&] {
    Tensor y = a.matmul(b);
    drop_grads({a, b});
    y.backward(dy);
    return *a.grad().data_ptr<float>();
  });
}

void matmul_512(bench::Timer& timer) {
  const Tensor a = leaf({512, 512}), b = leaf({512, 512});
  product(timer, a, b, 512. * 512 * 512);
}

// ---------------------------------------------------------------- table

const std::vector<bench::Workload> workloads = {
    {"mlp_sgd", "image", "784-128-10 ReLU, batch 64, cross entropy, SGD lr 0.1", mlp_sgd},
    {"mlp_adam", "image", "784-512-512-10 ReLU, batch 128, cross entropy, Adam", mlp_adam},
    {"mlp_wide", "row", "1024-4096-4096-1024 ReLU, batch 256, MSE, SGD momentum 0.9", mlp_wide},
    {"cnn_lenet", "image", "1x28x28, two 5x5 convolutions (32, 64), fc 128, batch 64, SGD", cnn_lenet},
    {"cnn_resnet", "image", "CIFAR ResNet-20 with 1x1 shortcuts, batch 64, SGD momentum 0.9, wd 1e-4",
     cnn_resnet},
    {"lstm_char", "token", "embedding 64, LSTM 256, length 64, batch 32, vocabulary 96, Adam", lstm_char},
    {"gpt_tiny", "token", "4 layers, width 128, 4 heads, length 128, batch 16, AdamW", gpt_tiny},
    {"layernorm_gelu", "element", "gelu(layer_norm(x) * w + b), x (4096,512), sum, backward", layernorm_gelu},
    {"elementwise_chain", "element", "tanh(x)*sigmoid(x) + exp(-x*x)/(1+x*x), x (1000000), sum, backward",
     elementwise_chain},
    {"reduce", "element", "x (256,1024,16): sum axis 1, mean axis 0, max axis 2, backward", reduce},
    {"conv_only", "image", "Conv2d 64 -> 64, 3x3, padding 1, on (32,64,32,32), forward + all gradients",
     conv_only},
    {"scalar_chain", "node", "100000 operations on 0-d tensors (mul, add, tanh), backward", scalar_chain},
    {"small_ops", "node", "10000 operations on tensors of 8 (mul, add, tanh), backward", small_ops},
    {"matmul_512", "flop", "(512,512) @ (512,512), forward + both gradients", matmul_512},
};

}  // namespace

int main(int argc, char** argv) {
  bench::Library library;
  library.title = "libtorch " TORCH_VERSION;
  library.set_threads = [](int threads) { at::set_num_threads(threads); };
  return bench::run_main(argc, argv, library, workloads);
}
