// The training workloads of libtorch_bench.cpp in xgrad: same sizes, losses and optimizers, written with the
// public interface as a user would.
//
// Inputs are random float32 drawn once from a fixed seed; a step is forward, loss, clear gradients, backward,
// optimizer step (without an optimizer: forward, clear gradients, backward) and returns one number, normally
// the loss.
#include "bench.hpp"

#include <xgrad/xgrad.hpp>

#include <initializer_list>
#include <vector>

using namespace xgrad;

namespace {

Variable leaf(const Shape& shape) { return {normal(shape), {.requires_grad = true}}; }

// A training step: `loss_of` builds the loss from the model.
template <class Model, class Optimizer, class Loss>
auto training_step(Model& model, Optimizer& optimizer, Loss loss_of) {
  return [&model, &optimizer, loss_of] {
    const Variable loss = loss_of();
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    return loss.item();
  };
}

// A step without optimizer: backward from the scalar that `scalar_of` builds.
template <class Scalar>
auto backward_step(std::vector<Variable> leaves, Scalar scalar_of) {
  return [leaves, scalar_of]() mutable {
    const Variable y = scalar_of();
    for (Variable& x : leaves) x.clear_grad();
    y.backward();
    return y.item();
  };
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
  auto optimizer = make_optimizer(net.parameters());
  const Tensor x = normal({batch, 784}), target = randint(0, 10, {batch});
  timer.time(static_cast<double>(batch),
             training_step(net, optimizer, [&] { return nn::cross_entropy(net(x), target); }));
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
  optim::SGD optimizer(net.parameters(), {.learning_rate = 0.01, .momentum = 0.9});
  const Tensor x = normal({batch, 1024}), target = normal({batch, 1024});
  timer.time(static_cast<double>(batch),
             training_step(net, optimizer, [&] { return nn::mse_loss(net(x), target); }));
}

// ------------------------------------------------------------ elementwise

void elementwise_chain(bench::Timer& timer) {
  const Index n = 1000000;
  const Variable x = leaf({n});
  timer.time(
      static_cast<double>(n), backward_step({x}, [x] {
        return sum(map(
            "chain", [](const auto& v) { return tanh(v) * sigmoid(v) + exp(-v * v) / (1 + v * v); }, x));
      }));
}

void reduce(bench::Timer& timer) {
  const Variable x = leaf({256, 1024, 16});
  timer.time(256. * 1024 * 16,
             backward_step({x}, [x] { return sum(sum(x, 1)) + sum(mean(x, 0)) + sum(max(x, 2).values); }));
}

// ------------------------------------------------------------ many small operations

// y = tanh(y * a + b) over and over, counted as three nodes.
void small_op_chain(bench::Timer& timer, const Shape& shape, Index nodes) {
  const VariableOptions trained{.requires_grad = true};
  const Variable x(full(shape, 0.5), trained), a(full(shape, 1.0), trained), b(full(shape, 1e-6), trained);
  timer.time(static_cast<double>(nodes), backward_step({x, a, b}, [=] {
               Variable y = x;
               for (Index node = 0; node < nodes; ++node) {
                 if (node % 3 == 0)
                   y = y * a;
                 else if (node % 3 == 1)
                   y = y + b;
                 else
                   y = tanh(y);
               }
               return y.rank() == 0 ? y : sum(y);
             }));
}

void scalar_chain(bench::Timer& timer) { small_op_chain(timer, {}, 100000); }

void small_ops(bench::Timer& timer) { small_op_chain(timer, {8}, 10000); }

// ------------------------------------------------------------ matrix products

void matmul_512(bench::Timer& timer) {
  const Index n = 512;
  Variable a = leaf({n, n}), b = leaf({n, n});
  const Variable dy(normal({n, n}));
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
    {"elementwise_chain", "element", "tanh(x)*sigmoid(x) + exp(-x*x)/(1+x*x), x (1000000), sum, backward",
     elementwise_chain},
    {"reduce", "element", "x (256,1024,16): sum axis 1, mean axis 0, max axis 2, backward", reduce},
    {"scalar_chain", "node", "100000 operations on 0-d tensors (mul, add, tanh), backward", scalar_chain},
    {"small_ops", "node", "10000 operations on tensors of 8 (mul, add, tanh), backward", small_ops},
    {"matmul_512", "flop", "(512,512) @ (512,512), forward + both gradients", matmul_512},
};

}  // namespace

int main(int argc, char** argv) {
  bench::Library library;
  library.title = "xgrad";
  library.set_threads = [](int threads) {
    manual_seed(42);
    set_num_threads(threads);
  };
  return bench::run_main(argc, argv, library, workloads);
}
