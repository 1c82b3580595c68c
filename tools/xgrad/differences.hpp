// What `xgrad diff` says of the elements of two tensors of one shape.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <optional>

/// The element at which two tensors differ most.
struct Greatest {
  double difference;
  xgrad::IndexList index;
  xgrad::Scalar a, b;
};

struct Differences {
  xgrad::Index count = 0;  ///< elements that differ by more than the tolerance
  /// |a - b| and |a - b| / max(|a|, |b|), the first in order among equals; none where all are equal. Infinite
  /// where one is a number and the other is not, or one is infinite.
  std::optional<Greatest> absolute = {}, relative = {};
};

/// Elements are equal when |a - b| <= tolerance * max(1, |a|, |b|) or both are NaN. Integers are compared
/// exactly, also with reals. The shapes must be equal.
Differences differences_of(const xgrad::Tensor& a, const xgrad::Tensor& b, double tolerance);
