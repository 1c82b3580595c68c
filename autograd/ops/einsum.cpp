// Einstein summation, contracted from left to right. Invariant: between steps every operand has one axis per
// label, and labels that nobody needs any more are summed as early as they can be.
#include <xgrad/autograd/ops/linalg.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <cctype>
#include <map>

namespace xgrad {
namespace {

/// Letters are labels; axis k from the right of "..." is label -1 - k.
using Label = int;
using Labels = std::vector<Label>;

bool contains(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

/// One side of the arrow for one operand: labels, and where the dots stand among them.
struct Term {
  Labels labels;
  std::ptrdiff_t dots = -1;
};

struct Formula {
  std::vector<Term> inputs;
  Term output;
  bool has_output = false;
};

Formula parse(std::string_view text) {
  const auto malformed = [&](const std::string& why) {
    fail<ValueError>("malformed formula \"" + std::string(text) + "\": " + why);
  };
  Formula formula{{Term{}}, {}, false};
  Term* term = &formula.inputs.back();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ') continue;
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      term->labels.push_back(c);
    } else if (text.substr(i, 3) == "...") {
      if (term->dots >= 0) malformed("\"...\" appears twice in one term");
      term->dots = std::ssize(term->labels);
      i += 2;
    } else if (c == ',' && !formula.has_output) {
      term = &formula.inputs.emplace_back();
    } else if (text.substr(i, 2) == "->" && !formula.has_output) {
      formula.has_output = true;
      term = &formula.output;
      i += 1;
    } else {
      malformed("unexpected '" + std::string(1, c) + "' at position " + std::to_string(i));
    }
  }
  return formula;
}

/// An operand on its way: one axis per label.
struct Factor {
  Variable value;
  Labels labels;

  Index axis(Label label) const { return std::find(labels.begin(), labels.end(), label) - labels.begin(); }
  Index size(Label label) const { return value.size(axis(label)); }
};

/// Axes in the order of `labels`, which are all of the factor's.
Variable ordered(const Factor& factor, const Labels& labels) {
  if (factor.labels == labels) return factor.value;
  std::vector<Index> order;
  for (const Label label : labels) order.push_back(factor.axis(label));
  return permute(factor.value, order);
}

/// Repeated labels become one axis, the diagonal.
void take_diagonals(Factor& factor) {
  for (std::size_t i = 0; i < factor.labels.size(); ++i) {
    const Label label = factor.labels[i];
    const auto other =
        std::find(factor.labels.begin() + static_cast<std::ptrdiff_t>(i) + 1, factor.labels.end(), label);
    if (other == factor.labels.end()) continue;
    // Both axes go to the end and merge; every (n + 1)th element is on the diagonal.
    std::vector<Index> order;
    Labels labels;
    Shape shape;
    const Index first = static_cast<Index>(i), second = other - factor.labels.begin();
    for (Index axis = 0; axis < factor.value.rank(); ++axis)
      if (axis != first && axis != second) {
        order.push_back(axis);
        labels.push_back(factor.labels[static_cast<std::size_t>(axis)]);
        shape.push_back(factor.value.size(axis));
      }
    order.insert(order.end(), {first, second});
    labels.push_back(label);
    const Index n = factor.value.size(first);
    shape.push_back(n * n);
    factor.value = slice(reshape(permute(factor.value, order), shape), -1, {{}, {}, n + 1});
    factor.labels = labels;
    i = static_cast<std::size_t>(-1);
  }
}

/// Sums the axes whose label is not in `kept`.
void sum_others(Factor& factor, const Labels& kept) {
  std::vector<Index> axes;
  Labels labels;
  for (std::size_t i = 0; i < factor.labels.size(); ++i)
    if (contains(kept, factor.labels[i]))
      labels.push_back(factor.labels[i]);
    else
      axes.push_back(static_cast<Index>(i));
  if (axes.empty()) return;
  factor.value = sum(factor.value, axes);
  factor.labels = labels;
}

/// A factor as a stack of matrices over the batch labels, in whichever of its two orders needs no copy.
struct Matrices {
  Variable value;
  bool transposed;
};

Matrices matrices(const Factor& factor, const Labels& batch, const Labels& rows, const Labels& columns) {
  const auto joined = [&](const Labels& second, const Labels& third) {
    Labels all = batch;
    all.insert(all.end(), second.begin(), second.end());
    all.insert(all.end(), third.begin(), third.end());
    return all;
  };
  const auto product = [&](const Labels& labels) {
    Index count = 1;
    for (const Label label : labels) count *= factor.size(label);
    return count;
  };
  const bool transposed = factor.labels == joined(columns, rows) && !(rows.empty() || columns.empty());
  const Index m = product(rows), n = product(columns);
  Shape shape = transposed ? Shape{n, m} : Shape{m, n};
  if (!batch.empty()) shape.insert(0, product(batch));
  return {reshape(ordered(factor, transposed ? joined(columns, rows) : joined(rows, columns)), shape),
          transposed};
}

/// The product of two factors, summed over the shared labels that are not in `kept`.
Factor contract(Factor a, Factor b, const Labels& kept) {
  const auto kept_with = [&](const Labels& others) {
    Labels all = kept;
    all.insert(all.end(), others.begin(), others.end());
    return all;
  };
  sum_others(a, kept_with(b.labels));
  sum_others(b, kept_with(a.labels));

  Labels batch, inner, left, right;
  for (const Label label : a.labels)
    (!contains(b.labels, label) ? left : contains(kept, label) ? batch : inner).push_back(label);
  for (const Label label : b.labels)
    if (!contains(a.labels, label)) right.push_back(label);

  Factor result;
  Shape shape;
  for (const Labels* part : {&batch, &left, &right})
    for (const Label label : *part) {
      result.labels.push_back(label);
      shape.push_back(contains(a.labels, label) ? a.size(label) : b.size(label));
    }
  const Matrices x = matrices(a, batch, left, inner), y = matrices(b, batch, inner, right);
  // Without a sum there is nothing for a matrix product to do.
  result.value = reshape(
      inner.empty() ? mul(x.value, y.value) : matmul(x.value, y.value, {x.transposed, y.transposed}), shape);
  return result;
}

/// The letters that appear once, in alphabetical order, after the dots.
Term implicit_output(const Formula& formula) {
  std::map<Label, int> uses;
  Term output;
  for (const Term& term : formula.inputs) {
    if (term.dots >= 0) output.dots = 0;
    for (const Label label : term.labels) ++uses[label];
  }
  for (const auto& [label, count] : uses)
    if (count == 1) output.labels.push_back(label);
  return output;
}

/// The term's labels with `dots` axes in the place of the dots.
Labels expanded(const Term& term, Index dots) {
  Labels labels = term.labels;
  if (term.dots < 0) return labels;
  Labels in_place;
  for (Index k = dots; k-- > 0;) in_place.push_back(static_cast<Label>(-1 - k));
  labels.insert(labels.begin() + term.dots, in_place.begin(), in_place.end());
  return labels;
}

/// Operands with their labels, checked against the formula and each other.
std::vector<Factor> factors_of(const Formula& formula, const std::vector<Variable>& operands, Index& dots) {
  std::vector<Factor> factors;
  std::map<Label, Index> sizes;
  dots = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Term& term = formula.inputs[i];
    const Variable& x = operands[i];
    const auto letters = static_cast<Index>(term.labels.size());
    const Index free = x.rank() - letters;
    if (free < 0 || (free > 0 && term.dots < 0))
      fail<ShapeError>("operand " + std::to_string(i) + " of shape " + to_string(x.shape()) + " has " +
                       std::to_string(x.rank()) + " axes, its term has " + std::to_string(letters) +
                       " labels");
    dots = std::max(dots, free);
    Factor factor{x, expanded(term, free)};
    for (Index axis = 0; axis < x.rank(); ++axis) {
      const Label label = factor.labels[static_cast<std::size_t>(axis)];
      const auto [known, is_new] = sizes.emplace(label, x.size(axis));
      if (is_new || known->second == x.size(axis)) continue;
      if (label >= 0)
        fail<ShapeError>("label '" + std::string(1, static_cast<char>(label)) + "' has size " +
                         std::to_string(known->second) + " and, in operand " + std::to_string(i) +
                         " of shape " + to_string(x.shape()) + ", size " + std::to_string(x.size(axis)));
      if (known->second == 1)
        known->second = x.size(axis);
      else if (x.size(axis) != 1)
        fail<ShapeError>("the axes of \"...\" do not broadcast: size " + std::to_string(known->second) +
                         " and, in operand " + std::to_string(i) + " of shape " + to_string(x.shape()) +
                         ", size " + std::to_string(x.size(axis)));
    }
    factors.push_back(std::move(factor));
  }
  // An axis of size 1 that broadcasts is left out: to the product it is as good as absent.
  for (Factor& factor : factors) {
    std::vector<Index> axes;
    Labels labels;
    for (Index axis = 0; axis < factor.value.rank(); ++axis) {
      const Label label = factor.labels[static_cast<std::size_t>(axis)];
      if (factor.value.size(axis) == 1 && sizes[label] != 1)
        axes.push_back(axis);
      else
        labels.push_back(label);
    }
    if (axes.empty()) continue;
    factor = {squeeze(factor.value, axes), labels};
  }
  return factors;
}

void check_output(const Formula& formula, const Term& output, Index dots) {
  for (std::size_t i = 0; i < output.labels.size(); ++i) {
    const Label label = output.labels[i];
    const std::string name = "'" + std::string(1, static_cast<char>(label)) + "'";
    if (std::count(output.labels.begin(), output.labels.end(), label) > 1)
      fail<ValueError>("the output names label " + name + " twice");
    if (std::none_of(formula.inputs.begin(), formula.inputs.end(),
                     [&](const Term& term) { return contains(term.labels, label); }))
      fail<ValueError>("the output's label " + name + " is in no input");
  }
  if (dots > 0 && output.dots < 0)
    fail<ValueError>("the inputs have \"...\", the output has not", "add ... to the output");
}

}  // namespace

Variable einsum(std::string_view formula, const std::vector<Variable>& operands, Place place) {
  const Scope scope("einsum", place);
  Formula parsed = parse(formula);
  if (parsed.inputs.size() != operands.size())
    fail<ValueError>("the formula \"" + std::string(formula) + "\" has " +
                     std::to_string(parsed.inputs.size()) + " terms for " + std::to_string(operands.size()) +
                     " operands");
  Index dots = 0;
  std::vector<Factor> factors = factors_of(parsed, operands, dots);
  const Term output = parsed.has_output ? parsed.output : implicit_output(parsed);
  check_output(parsed, output, dots);
  const Labels wanted = expanded(output, dots);

  for (Factor& factor : factors) take_diagonals(factor);
  Factor result = factors.front();
  for (std::size_t i = 1; i < factors.size(); ++i) {
    Labels kept = wanted;
    for (std::size_t later = i + 1; later < factors.size(); ++later)
      kept.insert(kept.end(), factors[later].labels.begin(), factors[later].labels.end());
    result = contract(std::move(result), factors[i], kept);
  }
  sum_others(result, wanted);
  return ordered(result, wanted);
}

}  // namespace xgrad
