// Products of matrices and vectors.
// Defined in linalg.cpp and einsum.cpp.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

#include <string_view>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad {

struct MatmulOptions {
  bool transpose_a = false;
  bool transpose_b = false;
};
/// NumPy's matmul: vectors (inner product, matrix-vector), matrices, stacks with broadcast batch axes. The
/// options transpose the last two axes without a copy (matrices and stacks only). An inner size of 0 gives
/// zeros. Integers and booleans keep their type. Throws ShapeError naming both shapes.
Variable matmul(const Operand& a, const Operand& b, MatmulOptions options = {});
/// Inner product of two vectors.
Variable dot(const Operand& a, const Operand& b);
/// a_i b_j of two vectors.
Variable outer(const Operand& a, const Operand& b);
/// Einstein summation, as numpy.einsum: "ij,jk->ik", implicit output order, "..." for broadcast axes,
/// repeated labels for diagonals. Contracts from left to right, by matrix products. Throws ValueError on a
/// malformed formula, ShapeError on sizes that differ.
Variable einsum(std::string_view formula, const std::vector<Variable>& operands, Place place = Place::here());
/// x W^T + b for x (..., in), weight (out, in) and bias (out) or undefined; floating (integers become
/// float32). Throws DTypeError where one is float32 and another float64.
Variable linear(const Operand& x, const Operand& weight, const Variable& bias = {});

}  // namespace xgrad
XGRAD_API_END
