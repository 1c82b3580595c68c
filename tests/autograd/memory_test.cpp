// Memory that runs out within a backward run: every stored gradient is changed, or none.
#include <xgrad/xgrad.hpp>

#include "support/failing_memory.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace xgrad;

TEST_CASE("memory runs out: a backward run changes every gradient or none") {
  if (!test::memory_can_fail()) return;
  // Large enough for the system's memory, see with_failing_allocations.
  constexpr Index size = 1000;
  for (const bool create_graph : {false, true})
    for (const bool shared : {false, true}) {
      CAPTURE(create_graph);
      CAPTURE(shared);
      int failures = 0;
      test::with_failing_allocations([&](long k) {
        CAPTURE(k);
        std::vector<Variable> leaves, holders;
        for (int i = 0; i < 3; ++i) {
          leaves.emplace_back(full({size}, i + 1), VariableOptions{.requires_grad = true});
          if (i < 2) leaves[static_cast<std::size_t>(i)].set_grad(Variable(full({size}, 10)));
        }
        if (shared)
          for (const Variable& leaf : leaves) holders.push_back(leaf.grad());
        const auto product = [&] { return sum(leaves[0] * leaves[1] * leaves[2]); };
        const Variable y = product();
        const bool done = test::runs_within(k, [&] { y.backward({.create_graph = create_graph}); });
        if (!done) {
          ++failures;
          CHECK(bitwise_equal(leaves[0].grad().value(), full({size}, 10)));
          CHECK(bitwise_equal(leaves[1].grad().value(), full({size}, 10)));
          CHECK_FALSE(leaves[2].grad().defined());
          // Nothing stands in the way of another attempt.
          product().backward({.create_graph = create_graph});
        }
        CHECK(bitwise_equal(leaves[0].grad().value(), full({size}, 16)));
        CHECK(bitwise_equal(leaves[1].grad().value(), full({size}, 13)));
        CHECK(bitwise_equal(leaves[2].grad().value(), full({size}, 2)));
        if (shared) CHECK(bitwise_equal(holders[0].value(), full({size}, 10)));
        return done;
      });
      CHECK(failures > 3);
    }
}
