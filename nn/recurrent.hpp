// Recurrent layers: LSTM, GRU and RNN, with PyTorch's parameter names and order of gates.
// Invariant: the input's share of all steps is one matrix product; the steps themselves are one operation in
// LSTM and GRU, a few for each in RNN.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

struct RecurrentOptions {
  Index layers = 1;
  bool bias = true;
  bool batch_first = false;    ///< sequences are (N, T, features) instead of (T, N, features)
  double dropout = 0;          ///< between layers, in training
  bool bidirectional = false;  ///< a second set of layers reads the sequence backwards
  DType dtype = float32;
};

namespace detail {

class Lengths;

/// What LSTM, GRU and RNN share: layers and directions of weight_ih (gates H, in), weight_hh (gates H, H),
/// bias_ih and bias_hh (gates H), all uniform in [-1/sqrt(H), 1/sqrt(H)); named weight_ih_l0,
/// weight_ih_l0_reverse,
/// ...
class Recurrent : public Module {
 public:
  struct Weights {
    Parameter weight_ih, weight_hh, bias_ih, bias_hh;
  };

  void visit(Visitor& v) override;
  std::string describe() const override;

  /// Of layer l and direction d: position l * directions + d.
  std::vector<Weights> weights;

  Index input_size() const { return input_; }
  Index hidden_size() const { return hidden_; }
  const RecurrentOptions& options() const& { return options_; }
  RecurrentOptions options() const&& { return options_; }

 protected:
  Recurrent(const char* name, Index gates, Index input, Index hidden, const RecurrentOptions& options,
            Place place);

  /// Of each kind that the layer has: hidden, and the LSTM's cell.
  using States = std::vector<Variable>;
  struct Result {
    Variable output;  ///< as the options want it
    States last;      ///< (layers * directions, N, H)
  };
  /// Runs one layer and direction on its input from states (N, H); returns all of its states, (T, N, H).
  using Pass =
      Callback<States(const Variable& input, const Weights& own, const States& from, const Lengths& lengths)>;
  /// All layers and directions, from `initial` or, where that is undefined, from zeros. `pass` sees reversed
  /// sequences where a direction is reversed: each from its own end. Throws ShapeError on an x or a state
  /// that does not fit.
  Result run_layers(const Variable& x, const States& initial, const Tensor& lengths, const Pass& pass) const;

 private:
  Index directions() const { return options_.bidirectional ? 2 : 1; }
  Variable sequence(const Variable& x) const;
  Variable checked(const Variable& state, const char* kind, const Variable& sequence) const;

  const char* name_;
  Index input_, hidden_;
  RecurrentOptions options_;
};

}  // namespace detail

/// Hidden and cell state of every layer and direction, (layers * directions, N, H).
struct LstmState {
  Variable hidden, cell;
};
struct [[nodiscard]] LstmResult {
  Variable
      output;  ///< hidden states of the last layer, (T, N, directions * H), or (N, T, ...) with batch_first
  LstmState state;  ///< after the last step
};

/// Long short-term memory over sequences (T, N, input): see xgrad::lstm for the cell. A sequence of no steps
/// gives an output of none and the initial state.
///   const Variable y = lstm(x);
///   const auto [output, state] = lstm.run(x, {h0, c0});
class LSTM : public detail::Recurrent {
 public:
  LSTM(Index input, Index hidden, RecurrentOptions options = {}, Place place = Place::here())
      : Recurrent("LSTM", 4, input, hidden, options, place) {}

  /// Output and state, from `state` or from zeros. `lengths` (N,), int64: of each sequence only so many steps
  /// count; its output beyond them is 0, its state is that after the last of them (the initial one after
  /// none), and whatever stands in x beyond leaves no trace. Throws ShapeError on sizes that do not fit,
  /// ValueError on a length outside [0, T], DTypeError on lengths that are not int64.
  LstmResult run(const Operand& x, const LstmState& state = {}, const Tensor& lengths = {});
  /// The output alone, from zeros.
  Variable forward(const Variable& x) override;

 private:
  LstmResult run_from(const Variable& x, const LstmState& state, const Tensor& lengths) const;
};

struct [[nodiscard]] GruResult {
  Variable output;  ///< as LstmResult's
  Variable state;   ///< (layers * directions, N, H), after the last step
};

/// Gated recurrent unit over sequences (T, N, input): see xgrad::gru for the cell. No steps: as LSTM.
class GRU : public detail::Recurrent {
 public:
  GRU(Index input, Index hidden, RecurrentOptions options = {}, Place place = Place::here())
      : Recurrent("GRU", 3, input, hidden, options, place) {}

  /// As LSTM's.
  GruResult run(const Operand& x, const Variable& state = {}, const Tensor& lengths = {});
  Variable forward(const Variable& x) override;

 private:
  GruResult run_from(const Variable& x, const Variable& state, const Tensor& lengths) const;
};

/// What the plain recurrent cell makes of its sum.
enum class Nonlinearity { tanh, relu };

/// RecurrentOptions with the nonlinearity.
struct RnnOptions {
  Nonlinearity nonlinearity = Nonlinearity::tanh;
  Index layers = 1;
  bool bias = true;
  bool batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
  DType dtype = float32;

  operator RecurrentOptions() const { return {layers, bias, batch_first, dropout, bidirectional, dtype}; }
};

struct [[nodiscard]] RnnResult {
  Variable output;  ///< as LstmResult's
  Variable state;   ///< (layers * directions, N, H), after the last step
};

/// The plain recurrent network (Elman, "Finding structure in time", 1990) over sequences (T, N, input):
/// h = f(W_ih x + b_ih + W_hh h + b_hh), f tanh or relu. Every step is recorded by itself. No steps: as LSTM.
///   nn::RNN rnn(8, 32, {.nonlinearity = nn::Nonlinearity::relu});
class RNN : public detail::Recurrent {
 public:
  RNN(Index input, Index hidden, RnnOptions options = {}, Place place = Place::here())
      : Recurrent("RNN", 1, input, hidden, options, place), nonlinearity_(options.nonlinearity) {}

  /// As LSTM's.
  RnnResult run(const Operand& x, const Variable& state = {}, const Tensor& lengths = {});
  Variable forward(const Variable& x) override;
  std::string describe() const override;
  Nonlinearity nonlinearity() const { return nonlinearity_; }

 private:
  RnnResult run_from(const Variable& x, const Variable& state, const Tensor& lengths) const;

  Nonlinearity nonlinearity_;
};

}  // namespace xgrad::nn
XGRAD_API_END
