// What the measuring programs of xgrad share: steps, the chain of small operations, the main program.
#pragma once

#include "bench.hpp"

#include <xgrad/xgrad.hpp>

#include <vector>

namespace bench {

// A training step: `loss_of` builds the loss from the model.
template <class Optimizer, class Loss>
auto training_step(Optimizer& optimizer, Loss loss_of) {
  return [&optimizer, loss_of] {
    const xgrad::Variable loss = loss_of();
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    return loss.item();
  };
}

// A step without optimizer: backward from the scalar that `scalar_of` builds.
template <class Scalar>
auto backward_step(std::vector<xgrad::Variable> leaves, Scalar scalar_of) {
  return [leaves, scalar_of]() mutable {
    const xgrad::Variable y = scalar_of();
    for (xgrad::Variable& x : leaves) x.clear_grad();
    y.backward();
    return y.item();
  };
}

// y = tanh(y * a + b) over and over, counted as three nodes.
inline void small_op_chain(Timer& timer, const xgrad::Shape& shape, xgrad::Index nodes) {
  using namespace xgrad;
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

inline int run_xgrad(int argc, char** argv, const std::vector<Workload>& workloads) {
  Library library;
  library.title = "xgrad";
  library.set_threads = [](int threads) { xgrad::set_num_threads(threads); };
  return run_main(argc, argv, library, workloads);
}

}  // namespace bench
