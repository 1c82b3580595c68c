// The case table's rows for reductions, scans and softmax; references are plain loops over the elements.
#include "support/cases.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/reduce.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace {

using namespace xgrad;
using test::Case;
using test::Order;
using test::Reference;
using test::spread;

using Values = std::vector<double>;
using Fold = std::function<double(const Values&)>;
using Scan = std::function<Values(const Values&)>;

bool contains(const std::vector<Index>& axes, Index axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

// Every flat position of a tensor of `shape`, with the position that it is reduced to.
template <class F>
void each_position(const Shape& shape, const std::vector<Index>& axes, F f) {
  Shape at = shape;
  const Index count = shape.count();
  for (Index flat = 0; flat < count; ++flat) {
    Index rest = flat;
    for (Index i = shape.rank(); i-- > 0; rest /= shape[i]) at[i] = rest % shape[i];
    Index group = 0;
    for (Index i = 0; i < shape.rank(); ++i)
      if (!contains(axes, i)) group = group * shape[i] + at[i];
    f(flat, group);
  }
}

std::vector<Values> groups_of(const Tensor& x, const std::vector<Index>& axes) {
  Index count = 1;
  for (Index i = 0; i < x.rank(); ++i)
    if (!contains(axes, i)) count *= x.shape()[i];
  std::vector<Values> groups(static_cast<std::size_t>(count));
  const Tensor values = x.to(float64);
  each_position(x.shape(), axes, [&](Index flat, Index group) {
    groups[static_cast<std::size_t>(group)].push_back(values.data<double>()[flat]);
  });
  return groups;
}

Reference folding(const std::vector<Index>& axes, bool keepdims, const Fold& fold) {
  return [=](const std::vector<Tensor>& inputs) {
    Values results;
    for (const Values& group : groups_of(inputs[0], axes)) results.push_back(fold(group));
    Shape shape;
    for (Index i = 0; i < inputs[0].rank(); ++i)
      if (!contains(axes, i))
        shape.push_back(inputs[0].shape()[i]);
      else if (keepdims)
        shape.push_back(1);
    return Tensor::from(results, shape);
  };
}

Reference scanning(Index axis, const Scan& scan) {
  return [=](const std::vector<Tensor>& inputs) {
    const Tensor& x = inputs[0];
    const std::vector<Index> axes{axis};
    std::vector<Values> lines = groups_of(x, axes);
    for (Values& line : lines) line = scan(line);
    std::vector<std::size_t> next(lines.size(), 0);
    Values results(static_cast<std::size_t>(x.count()));
    each_position(x.shape(), axes, [&](Index flat, Index group) {
      const auto line = static_cast<std::size_t>(group);
      results[static_cast<std::size_t>(flat)] = lines[line][next[line]++];
    });
    return Tensor::from(results, x.shape());
  };
}

// What one row of a reduction looks like.
struct Form {
  const char* name;
  Shape shape;
  std::optional<std::vector<Index>> axes;  // none: all
  bool keepdims = false;
};

const std::vector<Form> full_groups{{"all axes", {3, 4}, {}},
                                    {"all axes kept", {3, 4}, {}, true},
                                    {"first axis", {3, 4}, {{0}}},
                                    {"last axis kept", {3, 4}, {{1}}, true},
                                    {"middle axis", {2, 3, 4}, {{1}}},
                                    {"outer axes", {2, 3, 4}, {{0, 2}}},
                                    {"outer axes kept", {2, 3, 4}, {{0, 2}}, true},
                                    {"empty result", {2, 0, 4}, {{0}}}};
const std::vector<Form> single_groups{{"scalar", {}, {}},
                                      {"one element", {1}, {{0}}},
                                      {"axis of size 1", {3, 1, 2}, {{1}}},
                                      {"no axes", {3, 2}, {std::vector<Index>{}}}};
const std::vector<Form> empty_groups{
    {"empty", {0}, {}}, {"empty axis", {0, 3}, {{0}}}, {"empty middle axis kept", {2, 0, 4}, {{1}}, true}};

std::vector<Form> forms(std::initializer_list<std::vector<Form>> lists) {
  std::vector<Form> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

using Reduce = std::function<Variable(const Variable&, const Axes&, bool)>;

std::vector<Case> reductions(const std::string& operation, const std::string& what, const Reduce& reduce,
                             const Fold& fold, const std::vector<Form>& list, double low, double high,
                             Order order = Order::second) {
  std::vector<Case> cases;
  for (const Form& form : list) {
    std::vector<Index> axes;
    for (Index i = 0; i < form.shape.rank(); ++i)
      if (!form.axes || contains(*form.axes, i)) axes.push_back(i);
    const Axes given = form.axes ? Axes(*form.axes) : Axes();
    cases.push_back({operation,
                     what + form.name,
                     [=](const std::vector<Variable>& x) { return reduce(x[0], given, form.keepdims); },
                     {spread(form.shape, low, high)},
                     folding(axes, form.keepdims, fold),
                     order});
  }
  return cases;
}

using Along = std::function<Variable(const Variable&, Index)>;

std::vector<Case> scans(const std::string& operation, const std::string& what, const Along& along,
                        const Scan& scan, double low, double high) {
  struct Line {
    const char* name;
    Shape shape;
    Index axis;
  };
  const std::vector<Line> lines{{"vector", {5}, 0},         {"last axis", {3, 4}, 1},
                                {"first axis", {3, 4}, 0},  {"middle axis", {2, 3, 2}, 1},
                                {"scalar", {}, 0},          {"one element", {1}, 0},
                                {"empty axis", {0}, 0},     {"empty axis of two", {0, 3}, 0},
                                {"no lines", {2, 0, 4}, 2}, {"no elements", {2, 0, 4}, 1}};
  std::vector<Case> cases;
  for (const Line& line : lines)
    cases.push_back({operation,
                     what + line.name,
                     [=](const std::vector<Variable>& x) { return along(x[0], line.axis); },
                     {spread(line.shape, low, high)},
                     scanning(line.axis, scan)});
  return cases;
}

// A row over all axes, or the last, of literal values.
Case literal(const std::string& operation, const std::string& name, const Reduce& reduce, const Fold& fold,
             const Tensor& x, bool last_axis = false, Order order = Order::second) {
  const Axes given = last_axis ? Axes(-1) : Axes();
  std::vector<Index> axes;
  for (Index i = last_axis ? x.rank() - 1 : 0; i < x.rank(); ++i) axes.push_back(i);
  return {operation,
          name,
          [=](const std::vector<Variable>& v) { return reduce(v[0], given, false); },
          {x},
          folding(axes, false, fold),
          order};
}

// ------------------------------------------------------------------------------------------- references

double sum_of(const Values& x) {
  double total = 0;
  for (double value : x) total += value;
  return total;
}
double mean_of(const Values& x) { return sum_of(x) / static_cast<double>(x.size()); }
double product_of(const Values& x) {
  double total = 1;
  for (double value : x) total *= value;
  return total;
}
double largest_of(const Values& x) { return *std::max_element(x.begin(), x.end()); }
double smallest_of(const Values& x) { return *std::min_element(x.begin(), x.end()); }
double position_of_largest(const Values& x) {
  return static_cast<double>(std::max_element(x.begin(), x.end()) - x.begin());
}
double position_of_smallest(const Values& x) {
  return static_cast<double>(std::min_element(x.begin(), x.end()) - x.begin());
}
double logsumexp_of(const Values& x) {
  double total = 0;
  for (double value : x) total += std::exp(value);
  return std::log(total);
}
double nonzeros_of(const Values& x) {
  return static_cast<double>(std::count_if(x.begin(), x.end(), [](double value) { return value != 0; }));
}
double all_of(const Values& x) { return nonzeros_of(x) == static_cast<double>(x.size()) ? 1 : 0; }
double any_of(const Values& x) { return nonzeros_of(x) > 0 ? 1 : 0; }

Fold variance_of(double correction) {
  return [=](const Values& x) {
    const double mean = mean_of(x);
    double total = 0;
    for (double value : x) total += (value - mean) * (value - mean);
    return total / std::max(0.0, static_cast<double>(x.size()) - correction);
  };
}
Fold deviation_of(double correction) {
  return [=](const Values& x) { return std::sqrt(variance_of(correction)(x)); };
}
Fold norm_of(double p) {
  return [=](const Values& x) {
    if (x.empty()) return 0.0;
    if (p == 0) return nonzeros_of(x);
    Values sizes;
    for (double value : x) sizes.push_back(std::abs(value));
    if (std::isinf(p)) return p > 0 ? largest_of(sizes) : smallest_of(sizes);
    for (double& size : sizes) size = std::pow(size, p);
    return std::pow(sum_of(sizes), 1 / p);
  };
}

Values sums_of(const Values& x) {
  Values y;
  double total = 0;
  for (double value : x) y.push_back(total += value);
  return y;
}
Values products_of(const Values& x) {
  Values y;
  double total = 1;
  for (double value : x) y.push_back(total *= value);
  return y;
}
Scan from_the_end(const Scan& scan) {
  return [=](Values x) {
    std::reverse(x.begin(), x.end());
    x = scan(x);
    std::reverse(x.begin(), x.end());
    return x;
  };
}
Values softmax_of(const Values& x) {
  Values y;
  for (double value : x) y.push_back(std::exp(value - logsumexp_of(x)));
  return y;
}
Values log_softmax_of(const Values& x) {
  Values y;
  for (double value : x) y.push_back(value - logsumexp_of(x));
  return y;
}

// y[i] = a[i] y[i - 1] + b[i] on matrices, down the columns or along the rows.
Reference recurrence_of(Index axis, bool reverse) {
  return [=](const std::vector<Tensor>& inputs) {
    const Tensor &a = inputs[0], &b = inputs[1];
    Tensor y = b;
    double* out = y.mutable_data<double>();
    const Index rows = b.shape()[0], columns = b.shape()[1], step = axis == 0 ? columns : 1;
    for (Index n = 0; n < rows * columns; ++n) {
      const Index flat = reverse ? rows * columns - 1 - n : n;
      const Index at = axis == 0 ? flat / columns : flat % columns;
      const bool first = at == (reverse ? b.shape()[axis] - 1 : 0);
      if (!first) out[flat] += a.data<double>()[flat] * out[reverse ? flat + step : flat - step];
    }
    return y;
  };
}

// ------------------------------------------------------------------------------------------------- rows

Variable all_summed(const Variable& x, const Axes& axes, bool keepdims) { return sum(x, axes, {keepdims}); }
Variable product(const Variable& x, const Axes& axes, bool keepdims) { return prod(x, axes, {keepdims}); }
Variable lse(const Variable& x, const Axes& axes, bool keepdims) { return logsumexp(x, axes, {keepdims}); }

const Tensor no_zero({{1.5, -0.5, 2.0}, {0.7, 1.2, -1.1}}, float64);
const Tensor one_zero({{1.5, 0.0, 2.0}, {0.7, 1.2, -1.1}}, float64);
const Tensor two_zeros({{1.5, 0.0, 2.0, 0.0}, {0.0, 1.2, -1.1, 3.0}}, float64);
const Tensor truths({{1.0, 0.0, 2.0}, {3.0, -1.0, 4.0}, {0.0, 0.0, 0.0}}, float64);

const bool sums =
    test::add_cases(reductions("sum", "", all_summed, sum_of,
                               forms({full_groups, single_groups, empty_groups}), -2, 2)) &&
    test::add_cases(reductions(
        "mean", "",
        [](const Variable& x, const Axes& axes, bool keepdims) { return mean(x, axes, {keepdims}); }, mean_of,
        forms({full_groups, single_groups, empty_groups}), -2, 2));

const bool products =
    test::add_cases(reductions("prod", "", product, product_of,
                               forms({full_groups, single_groups, empty_groups}), 0.5, 1.5)) &&
    test::add_cases({literal("prod", "mixed signs", product, product_of, no_zero),
                     literal("prod", "one zero", product, product_of, one_zero),
                     literal("prod", "one zero in one row", product, product_of, one_zero, true),
                     literal("prod", "three zeros", product, product_of, two_zeros),
                     literal("prod", "one and two zeros by row", product, product_of, two_zeros, true)});

const bool extremes =
    test::add_cases(reductions(
        "amax", "",
        [](const Variable& x, const Axes& axes, bool keepdims) { return amax(x, axes, {keepdims}); },
        largest_of, forms({full_groups, single_groups}), -2, 2)) &&
    test::add_cases(reductions(
        "amin", "",
        [](const Variable& x, const Axes& axes, bool keepdims) { return amin(x, axes, {keepdims}); },
        smallest_of, forms({full_groups, single_groups}), -2, 2));

// Reductions of one axis: the first axis given, 0 for a scalar.
const std::vector<Form> one_axis{{"first axis", {3, 4}, {{0}}},     {"last axis kept", {3, 4}, {{1}}, true},
                                 {"middle axis", {2, 3, 4}, {{1}}}, {"scalar", {}, {std::vector<Index>{}}},
                                 {"one element", {1}, {{0}}},       {"empty result", {2, 0, 4}, {{0}}}};
template <class F>
Reduce first_axis(F f) {
  return [f](const Variable& x, const Axes& axes, bool keepdims) {
    const IndexList sorted = axes.sorted(x.rank());
    return f(x, sorted.empty() ? 0 : sorted[0], ReduceOptions{keepdims});
  };
}

const bool extremes_with_positions =
    test::add_cases(reductions("max", "", first_axis([](const auto&... x) { return max(x...).values; }),
                               largest_of, one_axis, -2, 2)) &&
    test::add_cases(reductions("min", "", first_axis([](const auto&... x) { return min(x...).values; }),
                               smallest_of, one_axis, -2, 2)) &&
    test::add_cases(reductions("max", "position, ",
                               first_axis([](const auto&... x) { return max(x...).indices; }),
                               position_of_largest, one_axis, -2, 2, Order::none)) &&
    test::add_cases(reductions("argmax", "", first_axis([](const auto&... x) { return argmax(x...); }),
                               position_of_largest, one_axis, -2, 2, Order::none)) &&
    test::add_cases(reductions("argmin", "", first_axis([](const auto&... x) { return argmin(x...); }),
                               position_of_smallest, one_axis, -2, 2, Order::none)) &&
    test::add_cases(reductions(
        "argmax", "flattened, ", [](const Variable& x, const Axes&, bool) { return argmax(x); },
        position_of_largest, {{"matrix", {3, 4}, {}}, {"scalar", {}, {}}}, -2, 2, Order::none)) &&
    test::add_cases(reductions(
        "argmin", "flattened, ", [](const Variable& x, const Axes&, bool) { return argmin(x); },
        position_of_smallest, {{"matrix", {3, 4}, {}}, {"scalar", {}, {}}}, -2, 2, Order::none));

Reduce variance(Index correction) {
  return [=](const Variable& x, const Axes& axes, bool keepdims) {
    return var(x, axes, {correction, keepdims});
  };
}
Reduce deviation(Index correction) {
  return [=](const Variable& x, const Axes& axes, bool keepdims) {
    return stddev(x, axes, {correction, keepdims});
  };
}
const bool moments = test::add_cases(reductions("var", "", variance(1), variance_of(1),
                                                forms({full_groups, empty_groups}), -2, 2)) &&
                     test::add_cases(reductions("var", "uncorrected, ", variance(0), variance_of(0),
                                                forms({full_groups, single_groups, empty_groups}), -2, 2)) &&
                     test::add_cases(reductions("stddev", "", deviation(1), deviation_of(1),
                                                forms({full_groups, empty_groups}), -2, 2)) &&
                     test::add_cases(reductions("stddev", "uncorrected, ", deviation(0), deviation_of(0),
                                                forms({full_groups, single_groups, empty_groups}), -2, 2));

std::vector<Case> norms() {
  constexpr double inf = std::numeric_limits<double>::infinity();
  std::vector<Case> cases;
  for (double p : {0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5, -1.0, -2.0, inf, -inf}) {
    const Reduce reduce = [p](const Variable& x, const Axes& axes, bool keepdims) {
      return norm(x, axes, {p, keepdims});
    };
    const std::string what = "p = " + std::to_string(p) + ", ";
    const auto list = forms({full_groups, single_groups, empty_groups});
    for (Case& row : reductions("norm", what, reduce, norm_of(p), list, 0.5, 2)) cases.push_back(row);
    cases.push_back(literal("norm", what + "mixed signs", reduce, norm_of(p), no_zero, true));
  }
  return cases;
}
const bool all_norms = test::add_cases(norms());

const bool logsumexps = test::add_cases(
    reductions("logsumexp", "", lse, logsumexp_of, forms({full_groups, single_groups, empty_groups}), -2, 2));

std::vector<Case> truth(const std::string& operation,
                        Variable (*f)(const Operand&, const Axes&, ReduceOptions),
                        double (*fold)(const Values&)) {
  const Reduce reduce = [f](const Variable& x, const Axes& axes, bool keepdims) {
    return f(x, axes, {keepdims});
  };
  std::vector<Case> cases = reductions(operation, "", reduce, fold,
                                       forms({full_groups, single_groups, empty_groups}), -2, 2, Order::none);
  for (DType dtype : {float64, float32, int64, boolean})
    cases.push_back(literal(operation, "zeros among " + std::string(to_string(dtype)), reduce, fold,
                            truths.to(dtype), true, Order::none));
  return cases;
}
const bool truth_rows = test::add_cases(truth("all", all, all_of)) &&
                        test::add_cases(truth("any", any, any_of)) &&
                        test::add_cases(truth("count_nonzero", count_nonzero, nonzeros_of));

const bool running =
    test::add_cases(scans(
        "cumsum", "", [](auto& x, Index axis) { return cumsum(x, axis); }, sums_of, -2, 2)) &&
    test::add_cases(scans(
        "cumsum", "reverse, ", [](auto& x, Index axis) { return cumsum(x, axis, {.reverse = true}); },
        from_the_end(sums_of), -2, 2)) &&
    test::add_cases(scans(
        "cumprod", "", [](auto& x, Index axis) { return cumprod(x, axis); }, products_of, 0.5, 1.5)) &&
    test::add_cases(scans(
        "cumprod", "reverse, ", [](auto& x, Index axis) { return cumprod(x, axis, {.reverse = true}); },
        from_the_end(products_of), 0.5, 1.5));

const bool running_products_with_zeros = test::add_cases({{"cumprod",
                                                           "zeros by row",
                                                           [](auto& x) { return cumprod(x[0], -1); },
                                                           {two_zeros},
                                                           scanning(1, products_of)},
                                                          {"cumprod",
                                                           "zeros by column",
                                                           [](auto& x) { return cumprod(x[0], 0); },
                                                           {two_zeros},
                                                           scanning(0, products_of)}});

const bool recurrences =
    test::add_cases({{"recurrence",
                      "rows",
                      [](auto& x) { return recurrence(x[0], x[1], 1); },
                      {spread({3, 4}, -1, 1), spread({3, 4}, -2, 2, 2)},
                      recurrence_of(1, false)},
                     {"recurrence",
                      "columns, reverse",
                      [](auto& x) { return recurrence(x[0], x[1], 0, {.reverse = true}); },
                      {spread({4, 3}, -1, 1), spread({4, 3}, -2, 2, 2)},
                      recurrence_of(0, true)},
                     {"recurrence",
                      "zero factors",
                      [](auto& x) { return recurrence(x[0], x[1], 1); },
                      {two_zeros, spread({2, 4}, -2, 2)},
                      recurrence_of(1, false)},
                     {"recurrence",
                      "same operand twice",
                      [](auto& x) { return recurrence(x[0], x[0], 1); },
                      {spread({2, 3}, -1, 1)},
                      [](const std::vector<Tensor>& x) {
                        return recurrence_of(1, false)({x[0], x[0]});
                      }},
                     {"recurrence",
                      "one factor, broadcast",
                      [](auto& x) { return recurrence(x[0], x[1], 1); },
                      {Tensor({0.7}, float64).reshape({}), spread({2, 3}, -2, 2)},
                      [](const std::vector<Tensor>& x) {
                        const Values factors(6, x[0].item<double>());
                        return recurrence_of(1, false)({Tensor::from(factors, {2, 3}), x[1]});
                      }},
                     {"recurrence",
                      "one term, broadcast",
                      [](auto& x) { return recurrence(x[0], x[1], 0); },
                      {spread({3, 2}, -1, 1), Tensor({0.7}, float64)},
                      [](const std::vector<Tensor>& x) {
                        const Values terms(6, x[1].item<double>());
                        return recurrence_of(0, false)({x[0], Tensor::from(terms, {3, 2})});
                      }},
                     {"recurrence",
                      "scalar",
                      [](auto& x) { return recurrence(x[0], x[1], 0); },
                      {spread({}, 0.5, 1), spread({}, 0.5, 1, 2)},
                      [](const std::vector<Tensor>& x) { return x[1]; }},
                     {"recurrence",
                      "empty",
                      [](auto& x) { return recurrence(x[0], x[1], 0); },
                      {spread({0, 3}, 0, 1), spread({0, 3}, 0, 1)},
                      [](const std::vector<Tensor>& x) { return x[1]; }}});

const bool softmaxes =
    test::add_cases(scans(
        "softmax", "", [](auto& x, Index axis) { return softmax(x, axis); }, softmax_of, -2, 2)) &&
    test::add_cases(scans(
        "log_softmax", "", [](auto& x, Index axis) { return log_softmax(x, axis); }, log_softmax_of, -2, 2));

Case summed_to(const char* name, const Shape& shape, const std::vector<Index>& axes, const Shape& target) {
  return {"sum_to",
          name,
          [target](const std::vector<Variable>& x) { return sum_to(x[0], target); },
          {spread(shape, -2, 2)},
          [=](const std::vector<Tensor>& x) { return folding(axes, false, sum_of)(x).reshape(target); }};
}
const bool sums_to_shapes = test::add_cases(
    {summed_to("row", {3, 4}, {0}, {4}), summed_to("column", {3, 4}, {1}, {3, 1}),
     summed_to("scalar", {3, 4}, {0, 1}, {}), summed_to("same shape", {3, 4}, {}, {3, 4}),
     summed_to("outer and inner", {2, 3, 4}, {0, 2}, {3, 1}), summed_to("empty axis", {0, 3}, {0}, {1, 3}),
     summed_to("nothing to nothing", {2, 0, 4}, {0}, {0, 4})});

}  // namespace
