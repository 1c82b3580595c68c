// Products over pairs of rows, of which some are hidden. Invariant: what is hidden is left out, not
// multiplied by zero, so that whatever numbers stand there leave no trace.
#pragma once

#include <xgrad/tensor/tensor.hpp>

namespace xgrad::kernels {

/// x_i y_j where `allowed`, `hidden` elsewhere: x (batch..., T, d), y (batch..., S, d) -> (batch..., T, S).
/// Batches broadcast, as does `allowed`, bool.
Tensor pair_products(const Tensor& x, const Tensor& y, const Tensor& allowed, double hidden = 0);

/// The sum over j of w_ij x_j where `allowed`, of at least rank 1: w (batch..., T, S), x (batch..., S, e) ->
/// (batch..., T, e). Transposed it is the one over i of w_ij x_i: x (batch..., T, e) -> (batch..., S, e).
/// What is hidden of w must be 0, or not finite.
Tensor pair_sums(const Tensor& w, const Tensor& x, const Tensor& allowed, bool transposed);

}  // namespace xgrad::kernels
