// The steps of recurrent layers over a whole sequence. Sequences are (T, N, ...): time, batch, features. The
// input's share of every gate, biases included, is computed beforehand for all steps at once.
#pragma once

#include <xgrad/tensor/tensor.hpp>

namespace xgrad::kernels {

/// What a pass through a sequence leaves behind: the gates as the backward pass needs them, (T, N, 4 H).
struct LstmPass {
  Tensor hidden;  ///< (T, N, H)
  Tensor cells;   ///< (T, N, H)
  Tensor gates;   ///< input, forget, cell, output
};
struct GruPass {
  Tensor hidden;  ///< (T, N, H)
  Tensor gates;   ///< reset, update, the hidden state's share of the new state, the new state
};

/// i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of projected + h W^T; c = f c + i g; h = o tanh(c)
/// (Hochreiter and Schmidhuber, "Long short-term memory", 1997, with forget gates). projected (T, N, 4 H),
/// hidden and cell (N, H), weight (4 H, H).
LstmPass lstm(const Tensor& projected, const Tensor& hidden, const Tensor& cell, const Tensor& weight);

struct LstmGradients {
  Tensor projected, hidden, cell, weight;
};
/// From the gradients of all hidden and cell states; either may be undefined, for zeros.
LstmGradients lstm_backward(const LstmPass& pass, const Tensor& hidden, const Tensor& cell,
                            const Tensor& weight, const Tensor& hidden_gradient,
                            const Tensor& cells_gradient);

/// r, z = sigmoid of projected + h W^T + b; n = tanh(projected + r (h W^T + b)); h = (1 - z) n + z h
/// (Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014, in PyTorch's form).
/// projected (T, N, 3 H), hidden (N, H), weight (3 H, H), bias (3 H) or undefined.
GruPass gru(const Tensor& projected, const Tensor& hidden, const Tensor& weight, const Tensor& bias);

struct GruGradients {
  Tensor projected, hidden, weight, bias;
};
GruGradients gru_backward(const GruPass& pass, const Tensor& hidden, const Tensor& weight,
                          const Tensor& hidden_gradient);

}  // namespace xgrad::kernels
