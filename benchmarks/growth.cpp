// How time and memory grow: chains of operations ten times as long each, batches and widths twice as large
// each. What an item is stays the same within a group, so the time of an item should too.
#include "xgrad_steps.hpp"

using namespace xgrad;

namespace {

template <Index nodes>
void chain(bench::Timer& timer) {
  bench::small_op_chain(timer, {}, nodes);
}

void train(bench::Timer& timer, Index batch, Index width) {
  nn::Sequential net(nn::Linear(width, width), nn::ReLU(), nn::Linear(width, width));
  optim::SGD optimizer(net.parameters(), {.learning_rate = 0.01});
  const Tensor x = normal({batch, width}), target = normal({batch, width});
  timer.time(6. * 2 * static_cast<double>(batch * width * width),
             bench::training_step(optimizer, [&] { return nn::mse_loss(net(x), target); }));
}

template <Index batch>
void of_batch(bench::Timer& timer) {
  train(timer, batch, 512);
}

template <Index width>
void of_width(bench::Timer& timer) {
  train(timer, 256, width);
}

const std::vector<bench::Workload> workloads = {
    {"chain_1000", "node", "operations on 0-d tensors, forward and backward", chain<1000>},
    {"chain_10000", "node", "", chain<10000>},
    {"chain_100000", "node", "", chain<100000>},
    {"chain_1000000", "node", "", chain<1000000>},
    {"chain_10000000", "node", "", chain<10000000>},
    {"batch_64", "flop", "a step of a 512-512-512 perceptron", of_batch<64>},
    {"batch_128", "flop", "", of_batch<128>},
    {"batch_256", "flop", "", of_batch<256>},
    {"batch_512", "flop", "", of_batch<512>},
    {"batch_1024", "flop", "", of_batch<1024>},
    {"width_256", "flop", "a step of a perceptron of that width, batch 256", of_width<256>},
    {"width_512", "flop", "", of_width<512>},
    {"width_1024", "flop", "", of_width<1024>},
    {"width_2048", "flop", "", of_width<2048>},
    {"width_4096", "flop", "", of_width<4096>},
};

}  // namespace

int main(int argc, char** argv) { return bench::run_xgrad(argc, argv, workloads); }
