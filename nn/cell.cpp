#include <xgrad/nn/cell.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/recurrent.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include <cmath>

namespace xgrad::nn {
namespace detail {

RecurrentCell::RecurrentCell(const char* name, Index gates, Index input, Index hidden,
                             const CellOptions& options, Place place)
    : name_(name), input_(input), hidden_(hidden) {
  const Scope scope(name, place);
  if (input < 0 || hidden < 1)
    fail<ValueError>("expects input >= 0 and hidden >= 1, got " + std::to_string(input) + " and " +
                     std::to_string(hidden));
  // Throws before anything is drawn where a size would overflow.
  static_cast<void>(Shape{gates, hidden, hidden}.count());
  static_cast<void>(Shape{gates, hidden, input}.count());
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const auto parameter = [&](const Shape& shape) {
    return Parameter(uniform(shape, -bound, bound, options.dtype));
  };
  weight_ih = parameter({gates * hidden, input});
  weight_hh = parameter({gates * hidden, hidden});
  if (!options.bias) return;
  bias_ih = parameter({gates * hidden});
  bias_hh = parameter({gates * hidden});
}

void RecurrentCell::visit(Visitor& v) {
  v("weight_ih", weight_ih);
  v("weight_hh", weight_hh);
  v("bias_ih", bias_ih);
  v("bias_hh", bias_hh);
}

std::string RecurrentCell::describe() const {
  return std::string(name_) + "(" + std::to_string(input_) + ", " + std::to_string(hidden_) +
         (bias_ih.defined() || !weight_ih.defined() ? ")" : ", no bias)");
}

void RecurrentCell::check_input(const Variable& x) const {
  if (!weight_ih.defined()) fail<GraphError>("the cell has no weights", "it was moved from");
  if (x.rank() != 2 || x.size(1) != input_)
    fail<ShapeError>("expects (N, " + std::to_string(input_) + "), one step, got " + to_string(x.shape()));
}

Variable RecurrentCell::initial(const Variable& state, const char* what, const Variable& x) const {
  const Shape shape{x.size(0), hidden_};
  if (!state.defined()) return Variable(zeros(shape, weight_hh.dtype()));
  if (state.shape() != shape)
    fail<ShapeError>(std::string("expects the ") + what + " state (N, H) = " + to_string(shape) + ", got " +
                     to_string(state.shape()));
  return state;
}

Variable RecurrentCell::bias() const { return bias_ih.defined() ? bias_ih + bias_hh : Variable(); }

}  // namespace detail

Variable RNNCell::run_from(const Variable& x, const Variable& state) const {
  const Scope scope("RNNCell", at_call(x).place());
  check_input(x);
  const Variable hidden = initial(state, "hidden", x);
  const Variable sum = linear(x, weight_ih, bias()) + matmul(hidden, weight_hh, {.transpose_b = true});
  return nonlinearity_ == Nonlinearity::tanh ? tanh(sum) : relu(sum);
}

Variable RNNCell::run(const Operand& x, const Variable& state) {
  return call(x.place(), [&] { return run_from(x.as_variable(), state); });
}

Variable RNNCell::forward(const Variable& x) { return run_from(x, {}); }

std::string RNNCell::describe() const {
  std::string text = RecurrentCell::describe();
  if (nonlinearity_ == Nonlinearity::relu) text.insert(text.size() - 1, ", relu");
  return text;
}

LstmState LSTMCell::run_from(const Variable& x, const LstmState& state) const {
  const Scope scope("LSTMCell", at_call(x).place());
  check_input(x);
  const Variable hidden = initial(state.hidden, "hidden", x), cell = initial(state.cell, "cell", x);
  const LstmStates states = lstm(unsqueeze(linear(x, weight_ih, bias()), 0), hidden, cell, weight_hh);
  return {index(states.hidden, {0}), index(states.cells, {0})};
}

LstmState LSTMCell::run(const Operand& x, const LstmState& state) {
  return call(x.place(), [&] { return run_from(x.as_variable(), state); });
}

Variable LSTMCell::forward(const Variable& x) { return run_from(x, {}).hidden; }

Variable GRUCell::run_from(const Variable& x, const Variable& state) const {
  const Scope scope("GRUCell", at_call(x).place());
  check_input(x);
  const Variable hidden = initial(state, "hidden", x);
  const Variable of_state =
      bias_hh.defined() ? Variable(bias_hh) : Variable(zeros({weight_hh.size(0)}, weight_hh.dtype()));
  return index(gru(unsqueeze(linear(x, weight_ih, bias_ih), 0), hidden, weight_hh, of_state), {0});
}

Variable GRUCell::run(const Operand& x, const Variable& state) {
  return call(x.place(), [&] { return run_from(x.as_variable(), state); });
}

Variable GRUCell::forward(const Variable& x) { return run_from(x, {}); }

}  // namespace xgrad::nn
