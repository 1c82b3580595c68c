// The case table's rows for operations that move elements: references read the input at computed positions.
#include "support/positions.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>

namespace {

using namespace xgrad;
using test::at;
using test::Case;
using test::filled;
using test::moving;
using test::several;
using test::spread;

using Unary = std::function<Variable(const Variable&)>;
using Inputs = std::vector<Variable>;
using Values = std::vector<Tensor>;

std::optional<Shape> same(const Shape& p) { return p; }

// The same elements in the same order under another shape.
Case relabelled(const std::string& operation, Unary function, const Shape& from, const Shape& to) {
  return {.operation = operation,
          .name = to_string(from) + " to " + to_string(to),
          .function = [function](const Inputs& x) { return function(x[0]); },
          .inputs = {spread(from, -2, 2)},
          .reference = [to](const Values& x) { return Tensor::from(x[0].span<double>(), to); }};
}

// x permuted: position p of the result is the position s of x with s[order[i]] = p[i].
Case permuted(const std::string& operation, Unary function, const Shape& from,
              const std::vector<Index>& order) {
  Shape to;
  for (Index axis : order) to.push_back(from[axis]);
  return moving(operation, to_string(from) + " to " + to_string(to), std::move(function), from, to,
                [order](const Shape& p) {
                  Shape s = p;
                  for (std::size_t i = 0; i < order.size(); ++i) s[order[i]] = p[static_cast<Index>(i)];
                  return s;
                });
}

Case broadcast(const Shape& from, const Shape& asked, const Shape& to) {
  return moving(
      "broadcast_to", to_string(from) + " to " + to_string(asked),
      [asked](const Variable& x) { return broadcast_to(x, asked); }, from, to,
      [from](const Shape& p) {
        Shape s = from;
        for (Index i = 0; i < s.rank(); ++i) s[i] = from[i] == 1 ? 0 : p[p.rank() - s.rank() + i];
        return s;
      });
}

// Result axis `axis` has `size` elements, of which number i is number from(i) of x; negative for none.
Case along(const std::string& operation, const std::string& name, Unary function, const Shape& shape,
           Index axis, Index size, std::function<Index(Index)> from) {
  Shape to = shape;
  to[axis] = size;
  return moving(operation, name, std::move(function), shape, to,
                [axis, from](const Shape& p) -> std::optional<Shape> {
                  Shape s = p;
                  s[axis] = from(p[axis]);
                  if (s[axis] < 0) return {};
                  return s;
                });
}

Case sliced(const std::string& name, const Shape& shape, Index axis, Slice range, std::vector<Index> kept) {
  return along(
      "slice", name, [=](const Variable& x) { return slice(x, axis, range); }, shape, axis,
      static_cast<Index>(kept.size()), [kept](Index i) { return kept[static_cast<std::size_t>(i)]; });
}

Case scattered(const std::string& name, const Shape& shape, Index axis, Slice range,
               std::vector<Index> kept) {
  Shape from = shape;
  from[axis] = static_cast<Index>(kept.size());
  return along(
      "slice_scatter", name, [=](const Variable& x) { return slice_scatter(x, shape, axis, range); }, from,
      axis, shape[axis],
      [kept](Index i) -> Index {
        const auto found = std::find(kept.begin(), kept.end(), i);
        return found == kept.end() ? -1 : found - kept.begin();
      });
}

const bool rows = test::add_cases({
    relabelled("reshape",
               [](const Variable& x) {
                 return reshape(x, {3, 4});
               },
               {2, 6}, {3, 4}),
    relabelled("reshape",
               [](const Variable& x) {
                 return reshape(x, {3, -1, 2});
               },
               {12}, {3, 2, 2}),
    relabelled("reshape",
               [](const Variable& x) {
                 return reshape(x, {1, 1});
               },
               {}, {1, 1}),
    relabelled("reshape", [](const Variable& x) { return reshape(x, {}); }, {1}, {}),
    relabelled("reshape",
               [](const Variable& x) {
                 return reshape(x, {3, 0});
               },
               {0, 3}, {3, 0}),
    relabelled("reshape", [](const Variable& x) { return reshape(x, {-1}); }, {2, 0, 4}, {0}),
    relabelled("flatten", [](const Variable& x) { return flatten(x); }, {2, 3, 2}, {12}),
    relabelled("flatten", [](const Variable& x) { return flatten(x, 1); }, {2, 3, 2}, {2, 6}),
    relabelled("flatten", [](const Variable& x) { return flatten(x, -3, -2); }, {2, 0, 4}, {0, 4}),
    relabelled("flatten", [](const Variable& x) { return flatten(x); }, {}, {1}),
    relabelled("squeeze", [](const Variable& x) { return squeeze(x); }, {1, 3, 1}, {3}),
    relabelled("squeeze",
               [](const Variable& x) {
                 return squeeze(x, {0, 1});
               },
               {1, 3, 1}, {3, 1}),
    relabelled("squeeze", [](const Variable& x) { return squeeze(x, -1); }, {1}, {}),
    relabelled("squeeze", [](const Variable& x) { return squeeze(x); }, {}, {}),
    relabelled("unsqueeze", [](const Variable& x) { return unsqueeze(x, 1); }, {2, 3}, {2, 1, 3}),
    relabelled("unsqueeze", [](const Variable& x) { return unsqueeze(x, -1); }, {}, {1}),
    relabelled("unsqueeze", [](const Variable& x) { return unsqueeze(x, -3); }, {0, 3}, {1, 0, 3}),

    permuted("permute",
             [](const Variable& x) {
               return permute(x, {2, 0, 1});
             },
             {2, 3, 4}, {2, 0, 1}),
    permuted("permute",
             [](const Variable& x) {
               return permute(x, {-1, -2, -3, -4});
             },
             {2, 1, 3, 2}, {3, 2, 1, 0}),
    permuted("permute",
             [](const Variable& x) {
               return permute(x, {2, 1, 0});
             },
             {1, 4, 1}, {2, 1, 0}),
    permuted("permute",
             [](const Variable& x) {
               return permute(x, {0, 1});
             },
             {3, 4}, {0, 1}),
    permuted("permute",
             [](const Variable& x) {
               return permute(x, {1, 2, 0});
             },
             {2, 0, 4}, {1, 2, 0}),
    permuted("permute", [](const Variable& x) { return permute(x, Axes{}); }, {}, {}),
    permuted("transpose", [](const Variable& x) { return transpose(x); }, {2, 3, 4}, {0, 2, 1}),
    permuted("transpose", [](const Variable& x) { return transpose(x, 0, -1); }, {2, 3, 4}, {2, 1, 0}),
    permuted("transpose", [](const Variable& x) { return transpose(x); }, {0, 3}, {1, 0}),
    permuted("transpose", [](const Variable& x) { return transpose(x, 0, 0); }, {3}, {0}),

    broadcast({3, 1}, {2, 3, 4}, {2, 3, 4}),
    broadcast({4}, {3, 4}, {3, 4}),
    broadcast({}, {2, 2}, {2, 2}),
    broadcast({1}, {0}, {0}),
    broadcast({2, 1}, {-1, 3}, {2, 3}),
    broadcast({0, 3}, {2, -1, 3}, {2, 0, 3}),
    broadcast({3, 4}, {3, 4}, {3, 4}),
    broadcast({}, {}, {}),

    sliced("rows", {5, 2}, 0, {1, 4}, {1, 2, 3}),
    sliced("columns", {2, 5}, 1, {-3, {}}, {2, 3, 4}),
    sliced("a step", {2, 5, 2}, 1, {{}, {}, 2}, {0, 2, 4}),
    sliced("backwards", {5, 2}, 0, {{}, {}, -1}, {4, 3, 2, 1, 0}),
    sliced("backwards with a step", {2, 6}, 1, {4, 0, -2}, {4, 2}),
    sliced("clamped", {3}, 0, {-10, 10}, {0, 1, 2}),
    sliced("nothing", {3, 2}, 0, {2, 1}, {}),
    sliced("one element", {1}, 0, {}, {0}),
    sliced("empty", {2, 0, 4}, 2, {1, {}, 2}, {1, 3}),
    scattered("rows", {5, 2}, 0, {1, 4}, {1, 2, 3}),
    scattered("a step", {2, 5, 2}, 1, {{}, {}, 2}, {0, 2, 4}),
    scattered("backwards with a step", {2, 6}, 1, {4, 0, -2}, {4, 2}),
    scattered("nothing", {3, 2}, 0, {2, 1}, {}),
    scattered("empty", {2, 0, 4}, 2, {1, {}, 2}, {1, 3}),

    moving(
        "pad", "zeros",
        [](const Variable& x) {
          return pad(x, {{1, 2}, {0, 1}});
        },
        {2, 3}, {5, 4},
        [](const Shape& p) -> std::optional<Shape> {
          if (p[0] < 1 || p[0] > 2 || p[1] > 2) return {};
          return Shape{p[0] - 1, p[1]};
        }),
    moving(
        "pad", "crop",
        [](const Variable& x) {
          return pad(x, {{-1, 0}, {-1, -1}});
        },
        {3, 4}, {2, 2},
        [](const Shape& p) {
          return Shape{p[0] + 1, p[1] + 1};
        }),
    moving(
        "pad", "crop and pad",
        [](const Variable& x) {
          return pad(x, {{-1, 2}});
        },
        {3}, {4},
        [](const Shape& p) -> std::optional<Shape> {
          if (p[0] > 1) return {};
          return Shape{p[0] + 1};
        }),
    moving(
        "pad", "nothing left",
        [](const Variable& x) {
          return pad(x, {{-4, 6}});
        },
        {3}, {5}, [](const Shape&) -> std::optional<Shape> { return {}; }),
    moving(
        "pad", "scalar", [](const Variable& x) { return pad(x, {}); }, {}, {}, same),
    moving(
        "pad", "empty",
        [](const Variable& x) {
          return pad(x, {{1, 0}, {0, 0}});
        },
        {0, 3}, {1, 3}, [](const Shape&) -> std::optional<Shape> { return {}; }),
    several(
        "pad", "a constant",
        [](const Inputs& x) {
          return pad(x[0], {{1, 0}, {0, 1}}, {.value = -1.5});
        },
        {spread({2, 2}, -2, 2)},
        [](const Values& x) {
          return filled({3, 3}, [&](const Shape& p) {
            return p[0] == 0 || p[1] == 2 ? -1.5 : at(x[0], {p[0] - 1, p[1]});
          });
        }),
    along(
        "pad", "reflect",
        [](const Variable& x) {
          return pad(x, {{0, 0}, {2, 3}}, {PadMode::reflect});
        },
        {2, 4}, 1, 9,
        [](Index i) { return std::vector<Index>{2, 1, 0, 1, 2, 3, 2, 1, 0}[static_cast<std::size_t>(i)]; }),
    along(
        "pad", "replicate",
        [](const Variable& x) {
          return pad(x, {{2, 3}, {0, 0}}, {PadMode::replicate});
        },
        {2, 2}, 0, 7, [](Index i) { return i < 3 ? 0 : 1; }),
    moving(
        "pad", "reflect both axes",
        [](const Variable& x) {
          return pad(x, {{1, 0}, {0, 1}}, {PadMode::reflect});
        },
        {2, 3}, {3, 4},
        [](const Shape& p) {
          return Shape{p[0] == 0 ? 1 : p[0] - 1, p[1] == 3 ? 1 : p[1]};
        }),
    moving(
        "pad", "replicate, empty",
        [](const Variable& x) { return pad(x, {{1, 1}, {0, 0}, {0, 0}}, {PadMode::replicate}); }, {2, 0, 4},
        {4, 0, 4}, same),

    moving(
        "flip", "all axes", [](const Variable& x) { return flip(x); }, {2, 3}, {2, 3},
        [](const Shape& p) {
          return Shape{1 - p[0], 2 - p[1]};
        }),
    along(
        "flip", "one axis", [](const Variable& x) { return flip(x, -2); }, {2, 3, 2}, 1, 3,
        [](Index i) { return 2 - i; }),
    moving(
        "flip", "scalar", [](const Variable& x) { return flip(x); }, {}, {}, same),
    moving(
        "flip", "empty", [](const Variable& x) { return flip(x, {0, 2}); }, {2, 0, 4}, {2, 0, 4}, same),
    moving(
        "flip", "one element", [](const Variable& x) { return flip(x); }, {1}, {1}, same),

    along(
        "roll", "forwards", [](const Variable& x) { return roll(x, 2, 1); }, {2, 5}, 1, 5,
        [](Index i) { return (i + 3) % 5; }),
    along(
        "roll", "backwards, more than once round", [](const Variable& x) { return roll(x, -7, 0); }, {3, 2},
        0, 3, [](Index i) { return (i + 1) % 3; }),
    moving(
        "roll", "empty", [](const Variable& x) { return roll(x, 1, 0); }, {0, 3}, {0, 3}, same),
    moving(
        "roll", "one element", [](const Variable& x) { return roll(x, 3, 0); }, {1}, {1}, same),

    moving(
        "tile", "both axes",
        [](const Variable& x) {
          return tile(x, {2, 3});
        },
        {2, 3}, {4, 9},
        [](const Shape& p) {
          return Shape{p[0] % 2, p[1] % 3};
        }),
    moving(
        "tile", "more axes than x",
        [](const Variable& x) {
          return tile(x, {2, 1, 2});
        },
        {3}, {2, 1, 6}, [](const Shape& p) { return Shape{p[2] % 3}; }),
    moving(
        "tile", "fewer axes than x", [](const Variable& x) { return tile(x, {2}); }, {2, 3}, {2, 6},
        [](const Shape& p) {
          return Shape{p[0], p[1] % 3};
        }),
    moving(
        "tile", "scalar", [](const Variable& x) { return tile(x, {3}); }, {}, {3},
        [](const Shape&) { return Shape{}; }),
    moving(
        "tile", "zero times", [](const Variable& x) { return tile(x, {0, 1}); }, {2, 3}, {0, 3}, same),
    moving(
        "tile", "empty", [](const Variable& x) { return tile(x, {2, 1, 1}); }, {2, 0, 4}, {4, 0, 4}, same),
    along(
        "repeat", "axis 0", [](const Variable& x) { return repeat(x, 3, 0); }, {2, 3}, 0, 6,
        [](Index i) { return i / 3; }),
    along(
        "repeat", "last axis", [](const Variable& x) { return repeat(x, 2, -1); }, {2, 3}, 1, 6,
        [](Index i) { return i / 2; }),
    moving(
        "repeat", "empty", [](const Variable& x) { return repeat(x, 2, 1); }, {0, 3}, {0, 6}, same),

    moving(
        "diag", "vector", [](const Variable& x) { return diag(x); }, {3}, {3, 3},
        [](const Shape& p) -> std::optional<Shape> {
          if (p[0] != p[1]) return {};
          return Shape{p[0]};
        }),
    moving(
        "diag", "vector, above", [](const Variable& x) { return diag(x, 2); }, {2}, {4, 4},
        [](const Shape& p) -> std::optional<Shape> {
          if (p[1] - p[0] != 2) return {};
          return Shape{p[0]};
        }),
    moving(
        "diag", "vector, below", [](const Variable& x) { return diag(x, -1); }, {2}, {3, 3},
        [](const Shape& p) -> std::optional<Shape> {
          if (p[0] - p[1] != 1) return {};
          return Shape{p[1]};
        }),
    moving(
        "diag", "empty vector", [](const Variable& x) { return diag(x, 1); }, {0}, {1, 1},
        [](const Shape&) -> std::optional<Shape> { return {}; }),
    moving(
        "diag", "wide matrix", [](const Variable& x) { return diag(x, 1); }, {2, 4}, {2},
        [](const Shape& p) {
          return Shape{p[0], p[0] + 1};
        }),
    moving(
        "diag", "tall matrix", [](const Variable& x) { return diag(x, -1); }, {4, 2}, {2},
        [](const Shape& p) {
          return Shape{p[0] + 1, p[0]};
        }),
    moving(
        "diag", "outside", [](const Variable& x) { return diag(x, 7); }, {2, 3}, {0}, same),
    moving(
        "diag", "empty matrix", [](const Variable& x) { return diag(x); }, {0, 3}, {0}, same),

    moving(
        "tril", "matrix", [](const Variable& x) { return tril(x); }, {3, 3}, {3, 3},
        [](const Shape& p) { return p[1] <= p[0] ? std::optional(p) : std::nullopt; }),
    moving(
        "tril", "stack of wide matrices", [](const Variable& x) { return tril(x, 1); }, {2, 2, 4}, {2, 2, 4},
        [](const Shape& p) { return p[2] <= p[1] + 1 ? std::optional(p) : std::nullopt; }),
    moving(
        "tril", "far below", [](const Variable& x) { return tril(x, -9); }, {2, 2}, {2, 2},
        [](const Shape&) -> std::optional<Shape> { return {}; }),
    moving(
        "tril", "empty", [](const Variable& x) { return tril(x); }, {2, 0, 4}, {2, 0, 4}, same),
    moving(
        "triu", "matrix", [](const Variable& x) { return triu(x, -1); }, {3, 2}, {3, 2},
        [](const Shape& p) { return p[1] >= p[0] - 1 ? std::optional(p) : std::nullopt; }),
    moving(
        "triu", "stack", [](const Variable& x) { return triu(x, 1); }, {2, 3, 3}, {2, 3, 3},
        [](const Shape& p) { return p[2] >= p[1] + 1 ? std::optional(p) : std::nullopt; }),
    moving(
        "triu", "far below", [](const Variable& x) { return triu(x, -9); }, {2, 2}, {2, 2}, same),
    moving(
        "triu", "empty", [](const Variable& x) { return triu(x); }, {0, 3}, {0, 3}, same),

    several(
        "meshgrid", "two vectors and a scalar",
        [](const Inputs& x) {
          const auto grids = meshgrid(x);
          return grids[0] * grids[1] + grids[2];
        },
        {spread({2}, -2, 2, 1), spread({3}, -2, 2, 2), spread({}, -2, 2, 3)},
        [](const Values& x) {
          return filled({2, 3, 1},
                        [&](const Shape& p) { return at(x[0], {p[0]}) * at(x[1], {p[1]}) + at(x[2], {}); });
        }),
    several(
        "meshgrid", "empty", [](const Inputs& x) { return meshgrid(x)[0]; },
        {spread({2}, -2, 2, 1), spread({0}, -2, 2, 2)},
        [](const Values&) {
          return zeros({2, 0}, float64);
        }),
});

}  // namespace
