// What systems.cpp and decompositions.cpp share: operands that are stacks of matrices.
#pragma once

#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/dispatch.hpp>

namespace xgrad::detail {

/// The axes before the last two.
inline Shape batch_of(const Variable& x) { return {x.shape().begin(), x.shape().end() - 2}; }

/// Throws ShapeError and DTypeError unless x is floating and has two axes, equal ones where `square`.
inline void require_matrices(const Variable& x, bool square = false) {
  if (x.rank() < 2) fail<ShapeError>("expects matrices, got the shape " + to_string(x.shape()));
  if (square && x.size(-1) != x.size(-2))
    fail<ShapeError>("expects square matrices, got the shape " + to_string(x.shape()));
  if (!is_floating(x.dtype())) reject_not_floating(x.dtype());
}

/// a^-1 b, or a^-T b, as one recorded operation; b is (..., n, k).
Variable solved(const Variable& a, const Variable& b, bool transposed, Place place = {});

}  // namespace xgrad::detail
