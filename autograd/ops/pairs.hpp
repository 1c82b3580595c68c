// Products over pairs of rows, of which some are hidden: closed under differentiation. Not installed, but
// exported for the table of cases.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::detail {

/// True where a query may look at a key, to be broadcast to (..., queries, keys); undefined where each may
/// look at all. A mask of numbers hides by -inf.
Tensor allowed_pairs(const Variable& mask, bool causal, Index queries, Index keys);

/// x_i y_j where `allowed`, `hidden` elsewhere; undefined: everywhere. x (batch..., T, d), y (batch..., S, d)
/// give (batch..., T, S). What is hidden leaves no trace in values and gradients, whatever numbers stand
/// there.
Variable pair_products(const Variable& x, const Variable& y, const Tensor& allowed, double hidden = 0);

/// The sum over j of w_ij x_j where `allowed`: w (batch..., T, S), x (batch..., S, e) give (batch..., T, e).
/// Transposed it is the one over i of w_ij x_i, for x (batch..., T, e). What is hidden of w must be 0, or not
/// finite.
Variable pair_sums(const Variable& w, const Variable& x, const Tensor& allowed, bool transposed = false);

}  // namespace xgrad::detail
XGRAD_API_END
