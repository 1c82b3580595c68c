// One step of recurrent layers on (N, features), with PyTorch's parameter names and order of gates: for loops
// of one's own, where the next input depends on the last output. Invariant: a cell's step is that of the
// layer with the same weights.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/nn/recurrent.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

struct CellOptions {
  bool bias = true;
  DType dtype = float32;
};

namespace detail {

/// What the cells share: weight_ih (gates H, input), weight_hh (gates H, H), bias_ih and bias_hh (gates H),
/// uniform in
/// [-1/sqrt(H), 1/sqrt(H)).
class RecurrentCell : public Module {
 public:
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight_ih, weight_hh;
  Parameter bias_ih, bias_hh;  ///< undefined without bias

  Index input_size() const { return input_; }
  Index hidden_size() const { return hidden_; }

 protected:
  RecurrentCell(const char* name, Index gates, Index input, Index hidden, const CellOptions& options,
                Place place);

  /// Throws ShapeError unless x is (N, input).
  void check_input(const Variable& x) const;
  /// A state (N, H), zeros when undefined. Throws ShapeError on another shape.
  Variable initial(const Variable& state, const char* what, const Variable& x) const;
  /// Both biases' sum; undefined without.
  Variable bias() const;

 private:
  const char* name_;
  Index input_, hidden_;
};

}  // namespace detail

/// CellOptions with the nonlinearity.
struct RnnCellOptions {
  Nonlinearity nonlinearity = Nonlinearity::tanh;
  bool bias = true;
  DType dtype = float32;

  operator CellOptions() const { return {bias, dtype}; }
};

/// h' = f(W_ih x + b_ih + W_hh h + b_hh): see RNN.
///   h = cell.run(x, h);
class RNNCell : public detail::RecurrentCell {
 public:
  RNNCell(Index input, Index hidden, RnnCellOptions options = {}, Place place = Place::here())
      : RecurrentCell("RNNCell", 1, input, hidden, options, place), nonlinearity_(options.nonlinearity) {}

  /// The next state (N, H) from x (N, input) and `state`, or zeros. Throws ShapeError on sizes that do not
  /// fit.
  Variable run(const Operand& x, const Variable& state = {});
  /// From zeros.
  Variable forward(const Variable& x) override;
  std::string describe() const override;

 private:
  Variable run_from(const Variable& x, const Variable& state) const;

  Nonlinearity nonlinearity_;
};

/// One step of LSTM.
class LSTMCell : public detail::RecurrentCell {
 public:
  LSTMCell(Index input, Index hidden, CellOptions options = {}, Place place = Place::here())
      : RecurrentCell("LSTMCell", 4, input, hidden, options, place) {}

  /// The next hidden and cell state, (N, H) each; otherwise as RNNCell's.
  LstmState run(const Operand& x, const LstmState& state = {});
  /// The hidden state alone, from zeros.
  Variable forward(const Variable& x) override;

 private:
  LstmState run_from(const Variable& x, const LstmState& state) const;
};

/// One step of GRU.
class GRUCell : public detail::RecurrentCell {
 public:
  GRUCell(Index input, Index hidden, CellOptions options = {}, Place place = Place::here())
      : RecurrentCell("GRUCell", 3, input, hidden, options, place) {}

  /// As RNNCell's.
  Variable run(const Operand& x, const Variable& state = {});
  Variable forward(const Variable& x) override;

 private:
  Variable run_from(const Variable& x, const Variable& state) const;
};

}  // namespace xgrad::nn
XGRAD_API_END
