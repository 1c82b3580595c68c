// The case table's rows for indexing, gathering, scattering and ordering. References are plain loops; what an
// index selects comes from NumPy.
#include "goldens/index.hpp"
#include "support/positions.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <numeric>

namespace {

using namespace xgrad;
using test::at;
using test::Case;
using test::filled;
using test::Order;
using test::spread;

using Inputs = std::vector<Variable>;
using Values = std::vector<Tensor>;

Tensor indices(const std::vector<Index>& values, const Shape& shape) { return Tensor::from(values, shape); }

// x with the elements at flat positions combined, in order, with those of the source.
template <class Combine>
test::Reference updating(const std::vector<Index>& positions, Combine combine) {
  return [=](const Values& x) {
    Tensor result = x[0];
    double* out = result.mutable_data<double>();
    for (std::size_t i = 0; i < positions.size(); ++i)
      out[positions[i]] = combine(out[positions[i]], x[1].data<double>()[i]);
    return result;
  };
}

const auto last = [](double, double b) { return b; };
const auto plus = [](double a, double b) { return a + b; };

// index, index_put and index_add of everything that NumPy was asked.
std::vector<Case> golden_rows() {
  std::vector<Case> rows;
  for (const goldens::Selected& golden : goldens::index()) {
    const auto items = golden.items;
    const Tensor x = spread(golden.from, -2, 2, 1), source = spread(golden.shape, -2, 2, 2);
    rows.push_back({.operation = "index",
                    .name = golden.name,
                    .function = [items](const Inputs& v) { return index(v[0], items); },
                    .inputs = {x},
                    .reference =
                        [golden](const Values& v) {
                          std::vector<double> result;
                          for (Index position : golden.positions)
                            result.push_back(v[0].data<double>()[position]);
                          return Tensor::from(result, golden.shape);
                        }});
    rows.push_back({.operation = "index_put",
                    .name = golden.name,
                    .function = [items](const Inputs& v) { return index_put(v[0], items, v[1]); },
                    .inputs = {x, source},
                    .reference = updating(golden.positions, last)});
    rows.push_back({.operation = "index_add",
                    .name = golden.name,
                    .function = [items](const Inputs& v) { return index_add(v[0], items, v[1]); },
                    .inputs = {x, source},
                    .reference = updating(golden.positions, plus)});
  }
  return rows;
}

// The element of x with p[axis] replaced by index[p], negative ones wrapped.
Shape redirected(Shape p, Index axis, const Tensor& index, Index size) {
  const auto to = static_cast<Index>(at(index, p));
  if (p.rank() > 0) p[axis] = to < 0 ? to + size : to;
  return p;
}

Case gathering(const std::string& name, const Shape& shape, Index axis, const Tensor& where) {
  const Index positive = axis < 0 ? axis + shape.rank() : axis;
  return {.operation = "gather",
          .name = name,
          .function = [axis](const Inputs& x) { return gather(x[0], axis, x[1]); },
          .inputs = {spread(shape, -2, 2), where},
          .reference =
              [positive](const Values& x) {
                return filled(x[1].shape(), [&](const Shape& p) {
                  return at(x[0],
                            redirected(p, positive, x[1], x[0].rank() == 0 ? 1 : x[0].shape()[positive]));
                });
              }};
}

template <class Combine>
test::Reference scattering(Index axis, Combine combine) {
  return [=](const Values& x) {
    std::vector<Index> positions;
    filled(x[1].shape(), [&](const Shape& p) {
      const Shape to = redirected(p, axis, x[1], x[0].rank() == 0 ? 1 : x[0].shape()[axis]);
      Index flat = 0;
      for (Index i = 0; i < to.rank(); ++i) flat = flat * x[0].shape()[i] + to[i];
      positions.push_back(flat);
      return 0.0;
    });
    return updating(positions, combine)({x[0], x[2]});
  };
}

std::vector<Case> scatter_rows() {
  struct Row {
    std::string name;
    Shape shape;
    Index axis;
    Tensor index;
  };
  std::vector<Case> rows;
  for (const Row& row :
       {Row{"axis 0", {3, 2}, 0, indices({2, 0, 1, -1}, {2, 2})},
        Row{"last axis, repeated", {2, 4}, 1, indices({1, 1, 3, 0, -4, 0}, {2, 3})},
        Row{"middle axis", {2, 3, 2}, 1, indices({0, 2, 2, 2, 1, 1, 1, 0}, {2, 2, 2})},
        Row{"vector", {3}, 0, indices({0, 0, 0, 2}, {4})}, Row{"scalar", {}, 0, indices({0}, {})},
        Row{"nothing", {2, 3}, 0, indices({}, {0, 3})}, Row{"empty", {2, 0, 4}, 2, indices({}, {2, 0, 3})}}) {
    const Index axis = row.axis;
    const Values inputs = {spread(row.shape, -2, 2, 1), row.index, spread(row.index.shape(), -2, 2, 2)};
    rows.push_back({.operation = "scatter",
                    .name = row.name,
                    .function = [axis](const Inputs& x) { return scatter(x[0], axis, x[1], x[2]); },
                    .inputs = inputs,
                    .reference = scattering(axis, last)});
    rows.push_back({.operation = "scatter_add",
                    .name = row.name,
                    .function = [axis](const Inputs& x) { return scatter_add(x[0], axis, x[1], x[2]); },
                    .inputs = inputs,
                    .reference = scattering(axis, plus)});
    if (row.name != "nothing" && row.name != "vector")
      rows.push_back(gathering(row.name, row.shape, axis, row.index));
  }
  return rows;
}

Case selecting(const std::string& name, const Shape& shape, Index axis, const Tensor& where) {
  const Index positive = axis < 0 ? axis + shape.rank() : axis;
  return {.operation = "index_select",
          .name = name,
          .function = [axis](const Inputs& x) { return index_select(x[0], axis, x[1]); },
          .inputs = {spread(shape, -2, 2), where},
          .reference =
              [positive](const Values& x) {
                Shape result = x[0].shape();
                result.erase(positive);
                for (Index i = 0; i < x[1].rank(); ++i) result.insert(positive + i, x[1].shape()[i]);
                return filled(result, [&](const Shape& p) {
                  Shape in, from;
                  for (Index i = 0; i < p.rank(); ++i)
                    (i >= positive && i < positive + x[1].rank() ? in : from).push_back(p[i]);
                  const auto to = static_cast<Index>(at(x[1], in));
                  from.insert(positive, to < 0 ? to + x[0].shape()[positive] : to);
                  return at(x[0], from);
                });
              }};
}

// Line by line along `axis`: the positions in the order of their values, the first `count` of them.
Tensor ordering(const Tensor& x, Index axis, Index count, bool descending) {
  Shape shape = x.shape();
  if (x.rank() == 0) return zeros({}, float64);
  shape[axis] = count;
  return filled(shape, [&](const Shape& p) {
    const auto value = [&](Index i) {
      Shape s = p;
      s[axis] = i;
      return at(x, s);
    };
    std::vector<Index> order(static_cast<std::size_t>(x.shape()[axis]));
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
      return descending ? value(a) > value(b) : value(a) < value(b);
    });
    return static_cast<double>(order[static_cast<std::size_t>(p[axis])]);
  });
}

Tensor ordered(const Tensor& x, Index axis, Index count, bool descending) {
  const Tensor positions = ordering(x, axis, count, descending);
  return filled(positions.shape(), [&](const Shape& p) { return at(x, redirected(p, axis, positions, 0)); });
}

std::vector<Case> order_rows() {
  std::vector<Case> rows;
  const std::pair<Shape, Index> lines[] = {{{3, 4}, 1}, {{4, 3}, 0}, {{2, 3, 2}, 1}, {{5}, 0},
                                           {{}, 0},     {{1}, 0},    {{0, 3}, 1},    {{2, 0, 4}, 1}};
  for (const auto& [shape, line] : lines)
    for (const bool descending : {false, true}) {
      const Index axis = line;
      const std::string name =
          to_string(shape) + " along " + std::to_string(axis) + (descending ? ", descending" : "");
      const Index size = shape.empty() ? 1 : shape[axis], count = size - size / 2;
      rows.push_back({.operation = "sort",
                      .name = name,
                      .function = [=](const Inputs& x) { return sort(x[0], axis, {descending}).values; },
                      .inputs = {spread(shape, -2, 2)},
                      .reference = [=](const Values& x) { return ordered(x[0], axis, size, descending); }});
      rows.push_back({.operation = "argsort",
                      .name = name,
                      .function = [=](const Inputs& x) { return argsort(x[0], axis, {descending}); },
                      .inputs = {spread(shape, -2, 2)},
                      .reference = [=](const Values& x) { return ordering(x[0], axis, size, descending); },
                      .order = Order::none});
      rows.push_back(
          {.operation = "topk",
           .name = name,
           .function = [=](const Inputs& x) { return topk(x[0], count, axis, {descending}).values; },
           .inputs = {spread(shape, -2, 2)},
           .reference = [=](const Values& x) { return ordered(x[0], axis, count, descending); }});
      rows.push_back(
          {.operation = "topk",
           .name = "positions, " + name,
           .function = [=](const Inputs& x) { return topk(x[0], count, axis, {descending}).indices; },
           .inputs = {spread(shape, -2, 2)},
           .reference = [=](const Values& x) { return ordering(x[0], axis, count, descending); },
           .order = Order::none});
    }
  return rows;
}

const Tensor mask = Tensor({{true, false, true}, {false, true, true}});

const bool golden = test::add_cases(golden_rows());
const bool scattered = test::add_cases(scatter_rows());
const bool ordering_rows = test::add_cases(order_rows());
const bool rows = test::add_cases({
    {.operation = "index",
     .name = "same operand twice",
     .function = [](const Inputs& x) { return index_put(x[0], {Index{0}}, index(x[0], {Index{1}})); },
     .inputs = {spread({2, 3}, -2, 2)},
     .reference =
         [](const Values& x) {
           return filled({2, 3}, [&](const Shape& p) { return at(x[0], {1, p[1]}); });
         }},
    {.operation = "index_put",
     .name = "a row broadcast into a slice",
     .function =
         [](const Inputs& x) {
           return index_put(x[0], {Slice{1, {}}}, x[1]);
         },
     .inputs = {spread({3, 2}, -2, 2, 1), spread({2}, -2, 2, 2)},
     .reference =
         [](const Values& x) {
           return filled({3, 2}, [&](const Shape& p) { return p[0] == 0 ? at(x[0], p) : at(x[1], {p[1]}); });
         }},
    {.operation = "index_put",
     .name = "a number at a mask",
     .function = [](const Inputs& x) { return index_put(x[0], {Variable(mask)}, 7); },
     .inputs = {spread({2, 3}, -2, 2)},
     .reference =
         [](const Values& x) {
           return filled({2, 3}, [&](const Shape& p) { return at(mask, p) != 0 ? 7 : at(x[0], p); });
         }},
    {.operation = "index_add",
     .name = "a scalar to repeated rows",
     .function =
         [](const Inputs& x) {
           return index_add(x[0], {Variable(indices({1, 1}, {2}))}, x[1]);
         },
     .inputs = {spread({2, 3}, -2, 2, 1), spread({}, -2, 2, 2)},
     .reference =
         [](const Values& x) {
           return filled({2, 3},
                         [&](const Shape& p) { return at(x[0], p) + (p[0] == 1 ? 2 * at(x[1], {}) : 0); });
         }},
    {.operation = "scatter",
     .name = "a number",
     .function = [](const Inputs& x) { return scatter(x[0], 0, x[1], 2.5); },
     .inputs = {spread({4}, -2, 2), indices({1, 3, 1}, {3})},
     .reference =
         [](const Values& x) {
           return filled({4}, [&](const Shape& p) { return p[0] % 2 == 1 ? 2.5 : at(x[0], p); });
         }},
    selecting("vector on axis 0", {3, 2}, 0, indices({2, 0, 2, -1}, {4})),
    selecting("matrix on the last axis", {2, 3}, -1, indices({0, 2, 1, 1}, {2, 2})),
    selecting("scalar on the middle axis", {2, 3, 2}, 1, indices({-2}, {})),
    selecting("bytes", {3, 2}, 0, indices({2, 1}, {2}).to(uint8)),
    selecting("nothing", {3, 2}, 1, indices({}, {0})),
    selecting("empty", {2, 0, 4}, 2, indices({3, 3}, {2})),
    selecting("one element", {1}, 0, indices({0, 0}, {2})),

    {.operation = "masked_fill",
     .name = "number",
     .function = [](const Inputs& x) { return masked_fill(x[0], mask, -3); },
     .inputs = {spread({2, 3}, -2, 2)},
     .reference =
         [](const Values& x) {
           return filled({2, 3}, [&](const Shape& p) { return at(mask, p) != 0 ? -3 : at(x[0], p); });
         }},
    {.operation = "masked_fill",
     .name = "scalar through a broadcast mask",
     .function =
         [](const Inputs& x) {
           return masked_fill(x[0], Tensor{true, false, true}, x[1]);
         },
     .inputs = {spread({2, 3}, -2, 2, 1), spread({}, -2, 2, 2)},
     .reference =
         [](const Values& x) {
           return filled({2, 3}, [&](const Shape& p) { return p[1] == 1 ? at(x[0], p) : at(x[1], {}); });
         }},
    {.operation = "masked_fill",
     .name = "empty",
     .function =
         [](const Inputs& x) {
           return masked_fill(x[0], zeros({2, 0, 4}, boolean), 1);
         },
     .inputs = {spread({2, 0, 4}, -2, 2)},
     .reference = [](const Values& x) { return x[0]; }},
    {.operation = "masked_select",
     .name = "matrix",
     .function = [](const Inputs& x) { return masked_select(x[0], mask); },
     .inputs = {spread({2, 3}, -2, 2)},
     .reference =
         [](const Values& x) {
           std::vector<double> result;
           filled({2, 3}, [&](const Shape& p) {
             if (at(mask, p) != 0) result.push_back(at(x[0], p));
             return 0.0;
           });
           return Tensor::from(result, {4});
         }},
    {.operation = "masked_select",
     .name = "scalar",
     .function = [](const Inputs& x) { return masked_select(x[0], scalar(true)); },
     .inputs = {spread({}, -2, 2)},
     .reference = [](const Values& x) { return Tensor::from(x[0].span<double>(), {1}); }},
    {.operation = "masked_select",
     .name = "empty",
     .function =
         [](const Inputs& x) {
           return masked_select(x[0], zeros({0, 3}, boolean));
         },
     .inputs = {spread({0, 3}, -2, 2)},
     .reference = [](const Values&) { return zeros({0}, float64); }},

    {.operation = "one_hot",
     .name = "matrix",
     .function = [](const Inputs& x) { return one_hot(x[0], 3); },
     .inputs = {indices({0, 2, 1, 2}, {2, 2})},
     .reference =
         [](const Values& x) {
           return filled({2, 2, 3}, [&](const Shape& p) {
             return at(x[0], {p[0], p[1]}) == static_cast<double>(p[2]) ? 1.0 : 0.0;
           });
         },
     .order = Order::none},
    {.operation = "one_hot",
     .name = "scalar",
     .function = [](const Inputs& x) { return one_hot(x[0], 2, float64); },
     .inputs = {indices({1}, {})},
     .reference =
         [](const Values&) {
           return Tensor({0.0, 1.0}, float64);
         },
     .order = Order::none},
    {.operation = "one_hot",
     .name = "empty",
     .function = [](const Inputs& x) { return one_hot(x[0], 4); },
     .inputs = {indices({}, {2, 0})},
     .reference =
         [](const Values&) {
           return zeros({2, 0, 4}, float64);
         },
     .order = Order::none},
});

}  // namespace
