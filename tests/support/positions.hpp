// Elements addressed by full positions: references for operations that move elements rather than compute.
#pragma once

#include "support/cases.hpp"

#include <functional>
#include <optional>

namespace xgrad::test {

/// The element of x, of any number type, at a full position.
inline double at(const Tensor& x, const Shape& position) {
  Index flat = 0;
  for (Index i = 0; i < x.rank(); ++i) flat = flat * x.shape()[i] + position[i];
  const Tensor values = x.to(float64);
  return values.data<double>()[flat];
}

/// A float64 tensor with value(position) everywhere.
template <class F>
Tensor filled(const Shape& shape, F value) {
  Tensor result = Tensor::uninitialized(shape, float64);
  double* out = result.mutable_data<double>();
  Shape position = shape;
  for (Index flat = 0; flat < result.count(); ++flat) {
    Index rest = flat;
    for (Index i = shape.rank(); i-- > 0; rest /= shape[i]) position[i] = rest % shape[i];
    out[flat] = value(position);
  }
  return result;
}

/// Where the element at a position of the result comes from; nothing stands for zero.
using Source = std::function<std::optional<Shape>(const Shape& position)>;

/// A row whose result, of shape `to`, takes every element from the input, of shape `from`.
inline Case moving(const std::string& operation, const std::string& name,
                   std::function<Variable(const Variable&)> function, const Shape& from, const Shape& to,
                   Source source) {
  return {.operation = operation,
          .name = name,
          .function = [function](const std::vector<Variable>& x) { return function(x[0]); },
          .inputs = {spread(from, -2, 2)},
          .reference =
              [=](const std::vector<Tensor>& x) {
                return filled(to, [&](const Shape& position) {
                  const auto origin = source(position);
                  return origin ? at(x[0], *origin) : 0.0;
                });
              }};
}

/// A row with a reference of its own.
inline Case several(const std::string& operation, const std::string& name, CaseFunction function,
                    std::vector<Tensor> inputs, Reference reference) {
  return {.operation = operation,
          .name = name,
          .function = std::move(function),
          .inputs = std::move(inputs),
          .reference = std::move(reference)};
}

}  // namespace xgrad::test
