// The recurrent part of LSTM and GRU layers, over whole sequences (T, N, ...): time, batch, features.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad {

/// Every hidden state and every cell state, (T, N, H).
struct [[nodiscard]] LstmStates {
  Variable hidden, cells;
};

/// i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of projected_t + h W^T; c = f c + i g; h = o tanh(c).
/// `projected` (T, N, 4 H) is the input's share of the gates with all biases, for all steps at once; hidden
/// and cell (N, H) come before the first step; weight (4 H, H). Throws ShapeError on sizes that do not fit,
/// DTypeError where one operand is float32 and another float64. No steps (T = 0) give no states.
LstmStates lstm(const Operand& projected, const Operand& hidden, const Operand& cell, const Operand& weight);

/// r, z = sigmoid of projected_t + s; n = tanh(projected_t + r s); h = (1 - z) n + z h, with s = h W^T +
/// bias: every hidden state, (T, N, H). projected (T, N, 3 H), hidden (N, H), weight (3 H, H), bias (3 H).
/// Throws as lstm does.
Variable gru(const Operand& projected, const Operand& hidden, const Operand& weight, const Operand& bias);

}  // namespace xgrad
XGRAD_API_END
