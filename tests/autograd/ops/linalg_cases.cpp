// Rows for matrix products: references are plain loops over the formula.
#include "support/cases.hpp"

#include <xgrad/autograd/functional.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <map>

namespace {

using namespace xgrad;
using test::Case;
using test::spread;

/// Sum over all labels that the output does not have, element by element: "ij,jk->ik", no dots.
Tensor summed(const std::string& formula, const std::vector<Tensor>& operands) {
  std::vector<std::string> terms{""};
  const std::size_t arrow = formula.find("->");
  for (const char c : formula.substr(0, arrow))
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  const std::string output = formula.substr(arrow + 2);
  std::map<char, Index> sizes, at;
  for (std::size_t i = 0; i < terms.size(); ++i)
    for (std::size_t k = 0; k < terms[i].size(); ++k)
      sizes[terms[i][k]] = operands[i].shape()[static_cast<Index>(k)];
  const auto position = [&](const std::string& labels) {
    Index result = 0;
    for (const char label : labels) result = result * sizes[label] + at[label];
    return result;
  };
  Shape shape;
  for (const char label : output) shape.push_back(sizes[label]);
  Tensor result = zeros(shape, float64);
  for (const auto& [label, size] : sizes) {
    if (size == 0) return result;
    at[label] = 0;
  }
  for (;;) {
    double product = 1;
    for (std::size_t i = 0; i < terms.size(); ++i) product *= operands[i].data<double>()[position(terms[i])];
    result.mutable_data<double>()[position(output)] += product;
    auto label = at.begin();
    while (label != at.end() && ++label->second == sizes[label->first]) (label++)->second = 0;
    if (label == at.end()) return result;
  }
}

test::Reference formula(const std::string& text) {
  return [text](const std::vector<Tensor>& x) { return summed(text, x); };
}

/// A matmul row whose reference is the equivalent sum.
Case product(const Shape& a, const Shape& b, const std::string& equivalent, MatmulOptions options = {}) {
  return {.operation = "matmul",
          .name = to_string(a) + (options.transpose_a ? " transposed x " : " x ") + to_string(b) +
                  (options.transpose_b ? " transposed" : ""),
          .function = [options](const std::vector<Variable>& x) { return matmul(x[0], x[1], options); },
          .inputs = {spread(a, -1, 1, 1), spread(b, -2, 2, 2)},
          .reference = formula(equivalent)};
}

Case summation(const std::string& text, const std::string& equivalent, const std::vector<Shape>& shapes) {
  std::vector<Tensor> inputs;
  for (const Shape& shape : shapes)
    inputs.push_back(spread(shape, -1, 1.5, static_cast<unsigned>(inputs.size() + 1)));
  return {.operation = "einsum",
          .name = text,
          .function = [text](const std::vector<Variable>& x) { return einsum(text, x); },
          .inputs = std::move(inputs),
          .reference = formula(equivalent)};
}

Tensor linear_reference(const std::vector<Tensor>& x) {
  const Index out = x[1].size(0), in = x[1].size(1);
  Shape shape = x[0].shape();
  shape[shape.rank() - 1] = out;
  Tensor result = zeros(shape, float64);
  double* y = result.mutable_data<double>();
  for (Index i = 0; i < result.count(); ++i) {
    if (x.size() > 2) y[i] = x[2].data<double>()[i % out];
    for (Index k = 0; k < in; ++k)
      y[i] += x[0].data<double>()[i / out * in + k] * x[1].data<double>()[i % out * in + k];
  }
  return result;
}

std::vector<Case> linear_cases() {
  std::vector<Case> rows;
  for (const Shape& shape : {Shape{5, 3}, Shape{3}, Shape{2, 2, 3}, Shape{0, 3}, Shape{1, 3}, Shape{2, 0, 3}})
    for (const bool bias : {true, false}) {
      std::vector<Tensor> inputs{spread(shape, -1, 1, 1), spread({4, 3}, -1, 1, 2)};
      if (bias) inputs.push_back(spread({4}, -1, 1, 3));
      rows.push_back({.operation = "linear",
                      .name = to_string(shape) + (bias ? " with bias" : " without bias"),
                      .function =
                          [](const std::vector<Variable>& x) {
                            return linear(x[0], x[1], x.size() > 2 ? x[2] : Variable());
                          },
                      .inputs = std::move(inputs),
                      .reference = linear_reference});
    }
  for (const auto& [x, weight] : {std::pair{Shape{2, 0}, Shape{3, 0}}, {Shape{2, 3}, Shape{0, 3}}})
    rows.push_back({.operation = "linear",
                    .name = "empty weight " + to_string(weight),
                    .function = [](const std::vector<Variable>& v) { return linear(v[0], v[1], v[2]); },
                    .inputs = {spread(x, -1, 1, 1), spread(weight, -1, 1, 2), spread({weight[0]}, -1, 1, 3)},
                    .reference = linear_reference});
  rows.push_back({.operation = "linear",
                  .name = "same operand twice",
                  .function = [](const std::vector<Variable>& x) { return linear(x[0], x[0]); },
                  .inputs = {spread({3, 3}, -1, 1, 1)},
                  .reference =
                      [](const std::vector<Tensor>& x) {
                        return linear_reference({x[0], x[0]});
                      }});
  return rows;
}

constexpr MatmulOptions left{.transpose_a = true}, right{.transpose_a = false, .transpose_b = true},
    both{.transpose_a = true, .transpose_b = true};

const bool rows = test::add_cases({
    product({3, 4}, {4, 2}, "ij,jk->ik"),
    product({4, 3}, {4, 2}, "ji,jk->ik", left),
    product({3, 4}, {2, 4}, "ij,kj->ik", right),
    product({4, 3}, {2, 4}, "ji,kj->ik", both),
    product({1, 1}, {1, 1}, "ij,jk->ik"),
    product({4}, {4}, "j,j->"),
    product({0}, {0}, "j,j->"),
    product({4}, {4, 3}, "j,jk->k"),
    product({4}, {3, 4}, "j,kj->k", right),
    product({3, 4}, {4}, "ij,j->i"),
    product({4, 3}, {4}, "ji,j->i", left),
    product({4}, {2, 4, 3}, "j,ajk->ak"),
    product({4}, {2, 3, 4}, "j,akj->ak", right),
    product({2, 3, 4}, {4}, "aij,j->ai"),
    product({2, 4, 3}, {4}, "aji,j->ai", left),
    product({2, 3, 4}, {2, 4, 2}, "aij,ajk->aik"),
    product({2, 4, 3}, {2, 4, 2}, "aji,ajk->aik", left),
    product({2, 3, 4}, {2, 2, 4}, "aij,akj->aik", right),
    product({2, 4, 3}, {2, 2, 4}, "aji,akj->aik", both),
    product({2, 3, 4}, {4, 2}, "aij,jk->aik"),
    product({2, 4, 3}, {4, 2}, "aji,jk->aik", left),
    product({2, 3, 4}, {2, 4}, "aij,kj->aik", right),
    product({2, 4, 3}, {2, 4}, "aji,kj->aik", both),
    product({3, 4}, {2, 4, 2}, "ij,ajk->aik"),
    product({4, 3}, {2, 4, 2}, "ji,ajk->aik", left),
    product({3, 4}, {2, 2, 4}, "ij,akj->aik", right),
    product({4, 3}, {2, 2, 4}, "ji,akj->aik", both),
    product({2, 3, 2, 2}, {3, 2, 2}, "abij,bjk->abik"),
    product({0, 3}, {3, 2}, "ij,jk->ik"),
    product({3, 0}, {0, 2}, "ij,jk->ik"),
    product({3, 2}, {2, 0}, "ij,jk->ik"),
    product({2, 0, 4}, {4, 3}, "aij,jk->aik"),
    product({0, 2, 3}, {3, 2}, "aij,jk->aik"),
    product({3}, {0, 3, 2}, "j,ajk->ak"),
    {.operation = "matmul",
     .name = "batches (2, 1) and (1, 3) broadcast",
     .function = [](const std::vector<Variable>& x) { return matmul(x[0], x[1]); },
     .inputs = {spread({2, 1, 2, 3}, -1, 1, 1), spread({1, 3, 3, 2}, -1, 1, 2)},
     .reference =
         [](const std::vector<Tensor>& x) {
           return summed("aij,bjk->abik", {x[0].reshape({2, 2, 3}), x[1].reshape({3, 3, 2})});
         }},
    {.operation = "matmul",
     .name = "batch of one with a batch",
     .function = [](const std::vector<Variable>& x) { return matmul(x[0], x[1]); },
     .inputs = {spread({1, 2, 3}, -1, 1, 1), spread({4, 3, 2}, -1, 1, 2)},
     .reference =
         [](const std::vector<Tensor>& x) {
           return summed("ij,bjk->bik", {x[0].reshape({2, 3}), x[1]});
         }},
    {.operation = "matmul",
     .name = "same operand twice",
     .function = [](const std::vector<Variable>& x) { return matmul(x[0], x[0], right); },
     .inputs = {spread({3, 4}, -1, 1, 1)},
     .reference =
         [](const std::vector<Tensor>& x) {
           return summed("ij,kj->ik", {x[0], x[0]});
         }},
    {.operation = "matmul",
     .name = "int64",
     .function = [](const std::vector<Variable>& x) { return matmul(x[0], x[1], left); },
     .inputs = {Tensor{{1, -2}, {3, 4}, {5, 6}}, Tensor{{{7}, {8}, {9}}, {{-1}, {0}, {1}}}},
     .reference =
         [](const std::vector<Tensor>& x) {
           return summed("ji,ajk->aik", {x[0].to(float64), x[1].to(float64)});
         },
     .order = test::Order::none},
    {.operation = "matmul",
     .name = "bool: any of all",
     .function = [](const std::vector<Variable>& x) { return matmul(x[0], x[1]); },
     .inputs = {Tensor({{1, 1}, {0, 1}}, boolean), Tensor({1, 0}, boolean)},
     .reference =
         [](const std::vector<Tensor>&) {
           return Tensor({1.0, 0.0}, float64);
         },
     .order = test::Order::none},
    {.operation = "dot",
     .name = "vectors",
     .function = [](const std::vector<Variable>& x) { return dot(x[0], x[1]); },
     .inputs = {spread({5}, -1, 1, 1), spread({5}, -1, 1, 2)},
     .reference = formula("i,i->")},
    {.operation = "dot",
     .name = "same operand twice",
     .function = [](const std::vector<Variable>& x) { return dot(x[0], x[0]); },
     .inputs = {spread({5}, -1, 1, 1)},
     .reference =
         [](const std::vector<Tensor>& x) {
           return summed("i,i->", {x[0], x[0]});
         }},
    {.operation = "outer",
     .name = "vectors",
     .function = [](const std::vector<Variable>& x) { return outer(x[0], x[1]); },
     .inputs = {spread({3}, -1, 1, 1), spread({4}, -1, 1, 2)},
     .reference = formula("i,j->ij")},
    {.operation = "outer",
     .name = "empty",
     .function = [](const std::vector<Variable>& x) { return outer(x[0], x[1]); },
     .inputs = {spread({0}, -1, 1, 1), spread({4}, -1, 1, 2)},
     .reference = formula("i,j->ij")},
    summation("ij,jk->ik", "ij,jk->ik", {{2, 3}, {3, 4}}),
    summation("ij,jk", "ij,jk->ik", {{2, 3}, {3, 4}}),
    summation("ba", "ba->ab", {{2, 3}}),
    summation("i->", "i->", {{4}}),
    summation("->", "->", {Shape{}}),
    summation("ij->j", "ij->j", {{2, 3}}),
    summation("ii", "ii->", {{3, 3}}),
    summation("ii->i", "ii->i", {{3, 3}}),
    summation("iij->ji", "iij->ji", {{2, 2, 3}}),
    summation("iii->i", "iii->i", {{3, 3, 3}}),
    summation("ijij->ij", "ijij->ij", {{2, 3, 2, 3}}),
    summation("ii->i", "ii->i", {{0, 0}}),
    summation("i,i->i", "i,i->i", {{3}, {3}}),
    summation("i,j->ij", "i,j->ij", {{3}, {2}}),
    summation("i,j->ji", "i,j->ji", {{3}, {2}}),
    summation(",ij->ij", ",ij->ij", {Shape{}, {2, 3}}),
    summation("bij,bjk->bik", "bij,bjk->bik", {{2, 2, 3}, {2, 3, 2}}),
    summation("bji,bkj->bik", "bji,bkj->bik", {{2, 3, 2}, {2, 2, 3}}),
    summation("bhqd,bhkd->bhqk", "bhqd,bhkd->bhqk", {{2, 2, 2, 3}, {2, 2, 2, 3}}),
    summation("ij,kl->", "ij,kl->", {{2, 3}, {2, 2}}),
    summation("ij,jk,kl->il", "ij,jk,kl->il", {{2, 3}, {3, 2}, {2, 3}}),
    summation("i,ij,j->", "i,ij,j->", {{2}, {2, 3}, {3}}),
    summation("ik,jk,lk->ijl", "ik,jk,lk->ijl", {{2, 3}, {2, 3}, {2, 3}}),
    summation("abc,cd->abd", "abc,cd->abd", {{2, 0, 3}, {3, 2}}),
    summation("ij,jk->ik", "ij,jk->ik", {{2, 0}, {0, 3}}),
    summation(" i j , j -> i ", "ij,j->i", {{2, 3}, {3}}),
    summation("...", "ab->ab", {{2, 3}}),
    summation("...ij->...ji", "abij->abji", {{2, 1, 2, 3}}),
    summation("...ij,...jk->...ik", "aij,ajk->aik", {{2, 2, 3}, {2, 3, 2}}),
    summation("...ij,jk->...ik", "abij,jk->abik", {{2, 2, 2, 3}, {3, 2}}),
    summation("i...,i...->...", "iab,ib->ab", {{2, 2, 3}, {2, 3}}),
    summation("i...j->ij...", "iabj->ijab", {{2, 3, 2, 2}}),
    summation("a...,b...", "axy,by->xyab", {{2, 2, 3}, {3, 3}}),
    summation("...i->...", "i->", {{3}}),
    {.operation = "einsum",
     .name = "dots of size 1 broadcast",
     .function = [](const std::vector<Variable>& x) { return einsum("...i,...i->...", x); },
     .inputs = {spread({2, 1, 3}, -1, 1, 1), spread({1, 4, 3}, -1, 1, 2)},
     .reference =
         [](const std::vector<Tensor>& x) {
           return summed("ai,bi->ab", {x[0].reshape({2, 3}), x[1].reshape({4, 3})});
         }},
    {.operation = "einsum",
     .name = "same operand twice",
     .function =
         [](const std::vector<Variable>& x) {
           return einsum("ij,kj->ik", {x[0], x[0]});
         },
     .inputs = {spread({2, 3}, -1, 1, 1)},
     .reference =
         [](const std::vector<Tensor>& x) {
           return summed("ij,kj->ik", {x[0], x[0]});
         }},
    {.operation = "alias",
     .name = "inputs of a recorded functional",
     .function =
         [](const std::vector<Variable>& x) {
           return vjp([](const Variable& v) { return v * v; }, x[0], x[1], {.create_graph = true}).gradient;
         },
     .inputs = {spread({2, 3}, -1, 1, 1), spread({2, 3}, -1, 1, 2)},
     .reference =
         [](const std::vector<Tensor>& x) {
           Tensor result = x[0];
           for (Index i = 0; i < result.count(); ++i)
             result.mutable_data<double>()[i] *= 2 * x[1].data<double>()[i];
           return result;
         }},
});
const bool more_rows = test::add_cases(linear_cases());

}  // namespace
