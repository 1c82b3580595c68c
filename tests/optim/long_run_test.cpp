// Memory over long runs: what a step takes, it gives back.
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>
#include <malloc.h>

using namespace xgrad;

namespace {

// Everything obtained from the system's allocator: tensors, nodes, caches. A sanitizer's allocator reports 0.
std::size_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

template <class Step>
void check_steady(Step step) {
  const auto run = [&](int steps) {
    for (int i = 0; i < steps; ++i) step();
  };
  run(200);
  reset_peak_memory();
  run(200);
  const MemoryStats early = memory_stats();
  const std::size_t allocated = allocated_bytes();
  run(9600);
  const MemoryStats late = memory_stats();
  CHECK(late.live_bytes == early.live_bytes);
  CHECK(late.live_buffers == early.live_buffers);
  CHECK(late.peak_bytes == early.peak_bytes);
  CHECK(allocated_bytes() <= allocated + 4096);
}

}  // namespace

TEST_CASE("memory: ten thousand training steps take what the first ones took") {
  manual_seed(3);
  nn::Sequential net(nn::Linear(8, 16), nn::BatchNorm1d(16), nn::ReLU(), nn::Dropout(0.1), nn::Linear(16, 4));
  optim::Adam optimizer(net.parameters());
  const Tensor x = normal({32, 8}), labels = randint({32}, 0, 4);
  check_steady([&] {
    optimizer.zero_grad();
    nn::cross_entropy(net(x), labels).backward();
    optimizer.step();
  });
}

TEST_CASE("memory: ten thousand steps with a gradient of a gradient take what the first ones took") {
  manual_seed(3);
  nn::Sequential net(nn::Linear(3, 8), nn::Tanh(), nn::Linear(8, 1));
  optim::SGD optimizer(net.parameters(), {.learning_rate = 0.01, .momentum = 0.9});
  Variable x(normal({4, 3}), {.requires_grad = true});
  check_steady([&] {
    optimizer.zero_grad();
    const Variable slope = grad(sum(net(x)), x, {.create_graph = true});
    sum(square(slope - 1)).backward();
    optimizer.step();
    x.clear_grad();
  });
}
