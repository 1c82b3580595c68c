// The case table's rows for joining and splitting; references read the inputs at computed positions.
#include "support/positions.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/factory.hpp>

#include <cmath>

namespace {

using namespace xgrad;
using test::at;
using test::Case;
using test::filled;
using test::several;
using test::spread;

using Inputs = std::vector<Variable>;
using Values = std::vector<Tensor>;

// The inputs one after the other along an axis.
Tensor joined(const Values& x, Index axis) {
  Shape shape = x[0].shape();
  shape[axis] = 0;
  for (const Tensor& part : x) shape[axis] += part.shape()[axis];
  return filled(shape, [&](Shape p) {
    std::size_t i = 0;
    for (; p[axis] >= x[i].shape()[axis]; ++i) p[axis] -= x[i].shape()[axis];
    return at(x[i], p);
  });
}

Case concatenated(const std::string& name, Index axis, Values inputs) {
  const Index positive = axis < 0 ? axis + inputs[0].rank() : axis;
  return several(
      "concat", name, [axis](const Inputs& x) { return concat(x, axis); }, std::move(inputs),
      [positive](const Values& x) { return joined(x, positive); });
}

Case stacked(const std::string& name, Index axis, Index place, Values inputs) {
  return several(
      "stack", name, [axis](const Inputs& x) { return stack(x, axis); }, std::move(inputs),
      [place](const Values& x) {
        Shape shape = x[0].shape();
        shape.insert(place, static_cast<Index>(x.size()));
        return filled(shape, [&](Shape p) {
          const auto i = static_cast<std::size_t>(p[place]);
          p.erase(place);
          return at(x[i], p);
        });
      });
}

const Tensor labels = Tensor({{1, 2}, {3, 4}});

const bool rows = test::add_cases({
    concatenated("axis 0", 0, {spread({1, 3}, -1, 1, 1), spread({2, 3}, -1, 1, 2)}),
    concatenated("middle axis", 1, {spread({2, 1, 3}, -1, 1, 1), spread({2, 3, 3}, -1, 1, 2)}),
    concatenated("last axis, three parts", -1,
                 {spread({2, 3}, -1, 1, 1), spread({2, 1}, -1, 1, 2), spread({2, 2}, -1, 1, 3)}),
    concatenated("with an empty part", 1, {spread({2, 3}, -1, 1, 1), spread({2, 0}, -1, 1, 2)}),
    concatenated("empty", 1, {spread({2, 0, 4}, -1, 1, 1), spread({2, 0, 4}, -1, 1, 2)}),
    concatenated("one part", 0, {spread({1}, -1, 1, 1)}),
    concatenated("a part that needs no gradient", 0, {labels, spread({2, 2}, -1, 1, 1), labels}),
    several(
        "concat", "same operand twice",
        [](const Inputs& x) {
          return concat({x[0], x[1], x[0]}, 1);
        },
        {spread({2, 2}, -1, 1, 1), spread({2, 1}, -1, 1, 2)},
        [](const Values& x) {
          return joined({x[0], x[1], x[0]}, 1);
        }),

    stacked("axis 0", 0, 0, {spread({2, 3}, -1, 1, 1), spread({2, 3}, -1, 1, 2)}),
    stacked("axis 1", 1, 1, {spread({2, 3}, -1, 1, 1), spread({2, 3}, -1, 1, 2), spread({2, 3}, -1, 1, 3)}),
    stacked("last axis", -1, 2, {spread({2, 3}, -1, 1, 1), spread({2, 3}, -1, 1, 2)}),
    stacked("scalars", 0, 0, {spread({}, -1, 1, 1), spread({}, -1, 1, 2)}),
    stacked("empty", 1, 1, {spread({0, 3}, -1, 1, 1), spread({0, 3}, -1, 1, 2)}),
    stacked("one part", -2, 0, {spread({1}, -1, 1, 1)}),
    stacked("a part that needs no gradient", 1, 1, {spread({2, 2}, -1, 1, 1), labels}),

    several(
        "split", "sizes, in another order, one piece unused",
        [](const Inputs& x) {
          const auto p = split(x[0], {2, 1, 0, 2}, 0);
          return concat({p[3], p[2], p[0] * p[0]}, 0);
        },
        {spread({5, 3}, -2, 2)},
        [](const Values& x) {
          return filled({4, 3}, [&](const Shape& p) {
            if (p[0] < 2) return at(x[0], {p[0] + 3, p[1]});
            return std::pow(at(x[0], {p[0] - 2, p[1]}), 2);
          });
        }),
    several(
        "split", "last axis",
        [](const Inputs& x) {
          const auto p = split(x[0], {1, 3}, -1);
          return p[0] * p[1];
        },
        {spread({2, 4}, -2, 2)},
        [](const Values& x) {
          return filled({2, 3}, [&](const Shape& p) {
            return at(x[0], {p[0], 0}) * at(x[0], {p[0], p[1] + 1});
          });
        }),
    several(
        "split", "by size",
        [](const Inputs& x) {
          const auto p = split(x[0], 2, 1);
          return p[0] * p[1] * p[2];
        },
        {spread({2, 5}, -2, 2)},
        [](const Values& x) {
          return filled({2, 2}, [&](const Shape& p) {
            return at(x[0], p) * at(x[0], {p[0], p[1] + 2}) * at(x[0], {p[0], 4});
          });
        }),
    several(
        "split", "empty",
        [](const Inputs& x) {
          return split(x[0], {0, 3}, 1)[1];
        },
        {spread({0, 3}, -2, 2)}, [](const Values& x) { return x[0]; }),
    several(
        "chunk", "uneven",
        [](const Inputs& x) {
          const auto p = chunk(x[0], 3);
          return concat({p[2], p[0]});
        },
        {spread({5}, -2, 2)},
        [](const Values& x) {
          return filled({3}, [&](const Shape& p) { return at(x[0], {p[0] == 0 ? 4 : p[0] - 1}); });
        }),
    several(
        "unbind", "one slice unused",
        [](const Inputs& x) {
          const auto p = unbind(x[0], 1);
          return p[2] * p[0];
        },
        {spread({2, 3, 2}, -2, 2)},
        [](const Values& x) {
          return filled({2, 2}, [&](const Shape& p) {
            return at(x[0], {p[0], 2, p[1]}) * at(x[0], {p[0], 0, p[1]});
          });
        }),
    several(
        "unbind", "vector", [](const Inputs& x) { return unbind(x[0])[1]; }, {spread({3}, -2, 2)},
        [](const Values& x) { return filled({}, [&](const Shape&) { return at(x[0], {1}); }); }),
    several(
        "unbind", "empty", [](const Inputs& x) { return unbind(x[0], 0)[1]; }, {spread({2, 0, 4}, -2, 2)},
        [](const Values&) {
          return zeros({0, 4}, float64);
        }),
});

}  // namespace
