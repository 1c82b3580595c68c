// Guards that choose elements, rather than protect a formula: what is chosen is differentiated as if it stood
// alone, to any order, and what is not leaves no trace, whatever it holds.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
const double nan_value = std::numeric_limits<double>::quiet_NaN();

void check_smooth(const std::function<Variable(const Variable&)>& f, const Tensor& x) {
  CHECK(gradcheck(f, x));
  CHECK(gradgradcheck(f, x));
}
void check_smooth(const std::function<Variable(const Variable&, const Variable&)>& f, const Tensor& x,
                  const Tensor& y) {
  CHECK(gradcheck(f, x, y));
  CHECK(gradgradcheck(f, x, y));
}

// d/da d/db and d/db d/da of a scalar function of scalars.
struct Mixed {
  double first_a, first_b, ab, ba;
};
Mixed mixed(const std::function<Variable(const Variable&, const Variable&)>& f, double at_a, double at_b) {
  const Variable a = leaf(scalar(at_a, float64)), b = leaf(scalar(at_b, float64));
  const auto first = grad({f(a, b)}, {a, b}, {.create_graph = true});
  const auto again = [](const Variable& slope, const Variable& x) {
    if (!slope.requires_grad()) return 0.0;
    const Variable g = grad(slope, x, {.retain_graph = true, .allow_unused = true});
    return g.defined() ? g.item() : 0.0;
  };
  return {first[0].item(), first[1].item(), again(first[0], b), again(first[1], a)};
}

}  // namespace

TEST_CASE("guards: where and masked_fill, chosen or not") {
  const Tensor mask = Tensor({true, false, true, false});
  const Tensor x({0.5, -1.0, 2.0, 0.7}, float64), y({-0.3, 1.5, 0.2, -2.0}, float64);
  check_smooth([&](const Variable& a, const Variable& b) { return square(where(mask, a * b, a + b)); }, x, y);
  check_smooth([&](const Variable& a) { return square(masked_fill(a, mask, 3.0)); }, x);
  check_smooth([&](const Variable& a, const Variable& b) { return square(masked_fill(a, mask, sum(b))); }, x,
               y);
  // What is not taken may be anything.
  const Variable v = leaf(Tensor({inf, -1.0, nan_value, 0.7}, float64));
  for (const bool recorded : {false, true}) {
    const Variable g = grad(sum(square(where(mask, 1.0, v))), v, {.create_graph = recorded});
    CHECK(all(equal(g, Tensor({0.0, -2.0, 0.0, 1.4}, float64))).item<bool>());
  }
}

TEST_CASE("guards: an overwritten source has no gradient, the last one written has all") {
  const Tensor base({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}, float64);
  const Tensor source({{0.5, -1.0}, {2.0, 0.3}, {-0.7, 1.1}}, float64);
  for (const bool twice : {false, true}) {
    CAPTURE(twice);
    const Tensor rows = twice ? Tensor({1, 2, 1}) : Tensor({1, 2, 0});
    const auto put = [&](const Variable& x, const Variable& s) {
      return square(index_put(x, {rows}, s) * x);
    };
    check_smooth(put, base, source);
    const Tensor at = twice ? Tensor({{1, 0}, {2, 2}, {1, 0}}) : Tensor({{1, 0}, {2, 2}, {0, 1}});
    const auto spread = [&](const Variable& x, const Variable& s) {
      return square(scatter(x, 0, at, s) * x);
    };
    check_smooth(spread, base, source);
    const Variable s = leaf(source);
    for (const bool recorded : {false, true}) {
      const Variable g = grad(sum(index_put(base, {rows}, s)), s, {.create_graph = recorded});
      CHECK(g.value().at({0, 0}) == (twice ? 0 : 1));
      CHECK(g.value().at({2, 1}) == 1);
      const Variable h = grad(sum(scatter(base, 0, at, s)), s, {.create_graph = recorded});
      CHECK(h.value().at({0, 0}) == (twice ? 0 : 1));
      CHECK(h.value().at({1, 1}) == 1);
      CHECK(h.value().at({2, 1}) == 1);
    }
  }
}

TEST_CASE("guards: the padding row of a table, and its neighbours") {
  const Tensor table({{0.5, -1.0}, {2.0, 0.3}, {-0.7, 1.1}}, float64), ids({2, 1, 1, 0});
  check_smooth([&](const Variable& w) { return square(embedding(ids, w)); }, table);
  for (const bool recorded : {false, true}) {
    const Variable w = leaf(table);
    const Variable g = grad(sum(square(embedding(ids, w, 1))), w, {.create_graph = recorded});
    CHECK(all(equal(g, Tensor({{1.0, -2.0}, {0.0, 0.0}, {-1.4, 2.2}}, float64))).item<bool>());
    if (!recorded) continue;
    const Variable second = grad(sum(g), w);
    CHECK(all(equal(second, Tensor({{2.0, 2.0}, {0.0, 0.0}, {2.0, 2.0}}, float64))).item<bool>());
  }
  // A gradient of infinity for the padding is not multiplied by zero.
  const Variable w = leaf(table);
  const Variable factor(Tensor({1.0, inf, nan_value, 1.0}, float64));
  const Variable g = grad(sum(embedding(ids, w, 1) * unsqueeze(factor, -1)), w);
  CHECK(all(equal(g, Tensor({{1.0, 1.0}, {0.0, 0.0}, {1.0, 1.0}}, float64))).item<bool>());
}

TEST_CASE("guards: a query that may look at nothing, and one that may") {
  const Tensor q({{0.5, -1.0}, {2.0, 0.3}, {-0.7, 1.1}}, float64), k({{0.2, 1.0}, {-1.0, 0.4}}, float64),
      v({{1.5, -0.5}, {0.3, 0.8}}, float64);
  const Tensor seen({{true, false}, {false, false}, {true, true}});
  const auto attend = [&](const std::vector<Variable>& x) {
    return scaled_dot_product_attention(x[0], x[1], x[2], {.mask = Variable(seen)});
  };
  CHECK(gradcheck(attend, {q, k, v}));
  CHECK(gradgradcheck(attend, {q, k, v}));
  const auto causal = [&](const std::vector<Variable>& x) {
    return scaled_dot_product_attention(x[0], x[1], x[2], {.causal = true});
  };
  CHECK(gradcheck(causal, {q, k, v}));
  CHECK(gradgradcheck(causal, {q, k, v}));
  // A mask that is added: learnt where it is finite, and silent where it hides.
  const auto added = [&](const std::vector<Variable>& x) {
    return scaled_dot_product_attention(x[0], x[1], x[2], {.mask = where(seen, x[3], -inf)});
  };
  const Tensor bias({{0.1, 0.2}, {0.3, 0.4}, {-0.5, 0.6}}, float64);
  CHECK(gradcheck(added, {q, k, v, bias}));
  CHECK(gradgradcheck(added, {q, k, v, bias}));
}

TEST_CASE("guards: extrema with and without ties") {
  for (const bool largest : {true, false}) {
    const auto f = [largest](const Variable& a, const Variable& b) {
      return largest ? maximum(square(a), b) : minimum(square(a), b);
    };
    // At a tie each operand has half of the slope, and half of its curvature.
    for (const double b : {3.0, 5.0}) {
      const Mixed m = mixed(f, 2, b);
      CHECK(m.first_a == (largest == (b < 4) ? 4 : 0));
      CHECK(m.first_b == (largest == (b < 4) ? 0 : 1));
      CHECK(m.ab == 0);
      CHECK(m.ba == 0);
    }
    const Mixed tie = mixed(f, 2, 4);
    CHECK(tie.first_a == 2);
    CHECK(tie.first_b == 0.5);
    CHECK(tie.ab == 0);
    CHECK(tie.ba == 0);
  }
  const Variable x = leaf(Tensor({{1.0, 3.0, 3.0}, {2.0, -1.0, 0.0}}, float64));
  const Variable g = grad(sum(square(amax(x, {1}))), x, {.create_graph = true});
  CHECK(all(equal(g, Tensor({{0.0, 3.0, 3.0}, {4.0, 0.0, 0.0}}, float64))).item<bool>());
  CHECK(all(equal(grad(sum(g), x), Tensor({{0.0, 1.0, 1.0}, {2.0, 0.0, 0.0}}, float64))).item<bool>());
  check_smooth([](const Variable& a) { return square(amin(a, {1})); },
               Tensor({{1.0, 3.0, 2.0}, {2.0, -1.0, 0.0}}, float64));
  check_smooth([](const Variable& a) { return square(max(a, 1).values); },
               Tensor({{1.0, 3.0, 2.0}, {2.0, -1.0, 0.0}}, float64));
}

TEST_CASE("guards: the bounds of clamp belong to the inside") {
  for (const double bound : {-1.0, 2.0}) {
    const auto slopes = [](double at) {
      const Variable x = leaf(scalar(at, float64));
      const Variable g = grad(clamp(x * x * x, -1, 8), x, {.create_graph = true});
      return std::pair{g.item(), grad(g, x).item()};
    };
    CHECK(slopes(bound) == std::pair{3 * bound * bound, 6 * bound});
    CHECK(slopes(bound * 1.5) == std::pair{0.0, 0.0});
    CHECK(slopes(bound / 2) == std::pair{0.75 * bound * bound, 3 * bound});
  }
}

TEST_CASE("guards: products with no, one, two and three zeros") {
  for (const Tensor& x : {Tensor({0.5, -1.0, 2.0, 0.7}, float64), Tensor({0.5, 0.0, 2.0, 0.7}, float64),
                          Tensor({0.0, -1.0, 0.0, 0.7}, float64), Tensor({0.0, 0.0, 0.0, 0.7}, float64)}) {
    check_smooth([](const Variable& v) { return prod(v); }, x);
    check_smooth([](const Variable& v) { return prod(v, {0}); }, x);
    check_smooth([](const Variable& v) { return cumprod(v, 0); }, x);
    check_smooth([](const Variable& v) { return cumprod(v, 0, {.reverse = true}); }, x);
  }
}

TEST_CASE("guards: a power of a number at zero") {
  // d/dx and d2/dx2 of x^b at 0: limits where they are finite.
  const auto at = [](double b) {
    const Variable x = leaf(scalar(0.0, float64));
    const Variable g = grad(pow(x, b), x, {.create_graph = true});
    return std::pair{g.item(), g.requires_grad() ? grad(g, x, {.allow_unused = true}) : Variable()};
  };
  CHECK(at(3).first == 0);
  CHECK(at(3).second.item() == 0);
  CHECK(at(2).first == 0);
  CHECK(at(2).second.item() == 2);
  CHECK(at(1).first == 1);
  CHECK((!at(1).second.defined() || at(1).second.item() == 0));
  CHECK(at(0).first == 0);
  CHECK((!at(0).second.defined() || at(0).second.item() == 0));
  CHECK(at(0.5).first == inf);
  CHECK(at(-1).first == -inf);
  for (const double b : {0.0, 1.0, 2.0, 3.0, 2.5})
    check_smooth([b](const Variable& x) { return pow(x, b); }, Tensor({0.5, 1.5}, float64));
  // Of two variables, where the base is 0: smooth in the base while the exponent is above 1.
  const Mixed square_of_zero = mixed([](const Variable& a, const Variable& b) { return pow(a, b); }, 0, 2);
  CHECK(square_of_zero.first_a == 0);
  CHECK(square_of_zero.first_b == 0);
  CHECK(square_of_zero.ab == 0);
  CHECK(square_of_zero.ba == 0);
}

TEST_CASE("guards: norms of order infinity and 1, at zero and beside it") {
  const Tensor rows({{0.0, 0.0, 0.0}, {1.0, -2.0, 0.5}}, float64);
  for (const double p : {1.0, inf, -inf, 0.5}) {
    CAPTURE(p);
    const Variable x = leaf(rows);
    const Variable g = grad(sum(norm(x, {1}, {.p = p})), x, {.create_graph = true});
    CHECK(all(equal(g.value().rows(0, 1), 0.0)).item<bool>());
    check_smooth([p](const Variable& v) { return norm(v, {1}, {.p = p, .keepdims = true}) * v; },
                 rows.rows(1, 2));
  }
  // An element that is 0 in a row that is not: smooth for even p.
  for (const double p : {2.0, 4.0})
    check_smooth([p](const Variable& v) { return norm(v, {1}, {.p = p}); },
                 Tensor({{1.0, 0.0, -0.5}}, float64));
}
