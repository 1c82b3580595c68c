#include <xgrad/nn/recurrent.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/recurrent.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/lengths.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include <cmath>
#include <sstream>

namespace xgrad::nn {
namespace detail {

Recurrent::Recurrent(const char* name, Index gates, Index input, Index hidden,
                     const RecurrentOptions& options, Place place)
    : name_(name), input_(input), hidden_(hidden), options_(options) {
  const Scope scope(name, place);
  if (input < 0 || hidden < 1 || options.layers < 1)
    fail<ValueError>("expects input >= 0, hidden >= 1 and layers >= 1, got " + std::to_string(input) + ", " +
                     std::to_string(hidden) + " and " + std::to_string(options.layers));
  if (!(options.dropout >= 0 && options.dropout <= 1))
    fail<ValueError>("dropout must be in [0, 1], got " + std::to_string(options.dropout));
  // All state weights together: throws before any is made where their number, or a size, would overflow.
  static_cast<void>(Shape{options.layers, directions(), gates, hidden, hidden}.count());
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const auto parameter = [&](const Shape& shape) {
    return Parameter(uniform(shape, -bound, bound, options.dtype));
  };
  for (Index layer = 0; layer < options.layers; ++layer)
    for (Index direction = 0; direction < directions(); ++direction) {
      Weights& own = weights.emplace_back();
      own.weight_ih = parameter({gates * hidden, layer == 0 ? input : directions() * hidden});
      own.weight_hh = parameter({gates * hidden, hidden});
      if (!options.bias) continue;
      own.bias_ih = parameter({gates * hidden});
      own.bias_hh = parameter({gates * hidden});
    }
}

void Recurrent::visit(Visitor& v) {
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto step = static_cast<std::size_t>(directions());
    const std::string suffix = "_l" + std::to_string(i / step) + (i % step == 1 ? "_reverse" : "");
    v("weight_ih" + suffix, weights[i].weight_ih);
    v("weight_hh" + suffix, weights[i].weight_hh);
    v("bias_ih" + suffix, weights[i].bias_ih);
    v("bias_hh" + suffix, weights[i].bias_hh);
  }
}

std::string Recurrent::describe() const {
  std::ostringstream text;
  text << name_ << '(' << input_ << ", " << hidden_;
  if (options_.layers > 1) text << ", layers " << options_.layers;
  if (options_.bidirectional) text << ", bidirectional";
  if (!options_.bias) text << ", no bias";
  if (options_.dropout > 0) text << ", dropout " << options_.dropout;
  if (options_.batch_first) text << ", batch first";
  text << ')';
  return text.str();
}

Variable Recurrent::sequence(const Variable& x) const {
  if (weights.empty()) fail<GraphError>("the layer has no weights", "it was moved from");
  if (x.rank() != 3 || x.size(2) != input_)
    fail<ShapeError>(std::string("expects a sequence ") + (options_.batch_first ? "(N, T, " : "(T, N, ") +
                     std::to_string(input_) + "), got " + to_string(x.shape()));
  return options_.batch_first ? transpose(x, 0, 1) : x;
}

Variable Recurrent::initial(const Variable& state, const char* what, const Variable& sequence) const {
  const Shape shape{static_cast<Index>(weights.size()), sequence.size(1), hidden_};
  if (!state.defined()) return Variable(zeros(shape, weights.front().weight_hh.dtype()));
  if (state.shape() != shape)
    fail<ShapeError>(std::string("expects the initial ") + what + " state (layers * directions, N, H) = " +
                     to_string(shape) + ", got " + to_string(state.shape()));
  return state;
}

Variable Recurrent::run_layers(const Variable& sequence, const Lengths& lengths, const Pass& pass) const {
  Variable x = lengths.masked(sequence);
  const auto count = static_cast<std::size_t>(directions());
  for (std::size_t layer = 0; layer < weights.size() / count; ++layer) {
    if (layer > 0 && training() && options_.dropout > 0) x = dropout(x, options_.dropout);
    const Variable ahead = lengths.masked(pass(x, layer * count));
    if (count == 1) {
      x = ahead;
      continue;
    }
    const Variable back = lengths.reversed(pass(lengths.reversed(x), layer * count + 1));
    x = concat({ahead, lengths.masked(back)}, 2);
  }
  return options_.batch_first ? transpose(x, 0, 1) : x;
}

}  // namespace detail

LstmResult LSTM::run_from(const Variable& x, const LstmState& state, const Tensor& lengths) const {
  const Scope scope("LSTM", at_call(x).place());
  const Variable in = sequence(x);
  const detail::Lengths only(lengths, in);
  const Variable hidden = initial(state.hidden, "hidden", in), cell = initial(state.cell, "cell", in);
  std::vector<Variable> last_hidden, last_cell;
  const Variable output = run_layers(in, only, [&](const Variable& input, std::size_t i) {
    const Weights& own = weights[i];
    const auto position = static_cast<Index>(i);
    const Variable h = index(hidden, {position}), c = index(cell, {position});
    const Variable bias = own.bias_ih.defined() ? own.bias_ih + own.bias_hh : Variable();
    const LstmStates states =
        lstm(linear(input, own.weight_ih, bias), only.started(h), only.started(c), own.weight_hh);
    last_hidden.push_back(only.last(states.hidden, h));
    last_cell.push_back(only.last(states.cells, c));
    return states.hidden;
  });
  return {output, {stack(last_hidden), stack(last_cell)}};
}

LstmResult LSTM::run(const Operand& x, const LstmState& state, const Tensor& lengths) {
  return call(x.place(), [&] { return run_from(x.as_variable(), state, lengths); });
}

Variable LSTM::forward(const Variable& x) { return run_from(x, {}, {}).output; }

GruResult GRU::run_from(const Variable& x, const Variable& state, const Tensor& lengths) const {
  const Scope scope("GRU", at_call(x).place());
  const Variable in = sequence(x), hidden = initial(state, "hidden", in);
  const detail::Lengths only(lengths, in);
  std::vector<Variable> last_hidden;
  const Variable output = run_layers(in, only, [&](const Variable& input, std::size_t i) {
    const Weights& own = weights[i];
    const Variable h = index(hidden, {static_cast<Index>(i)});
    const Variable bias = own.bias_hh.defined()
                              ? Variable(own.bias_hh)
                              : Variable(zeros({own.weight_hh.size(0)}, own.weight_hh.dtype()));
    const Variable states =
        gru(linear(input, own.weight_ih, own.bias_ih), only.started(h), own.weight_hh, bias);
    last_hidden.push_back(only.last(states, h));
    return states;
  });
  return {output, stack(last_hidden)};
}

GruResult GRU::run(const Operand& x, const Variable& state, const Tensor& lengths) {
  return call(x.place(), [&] { return run_from(x.as_variable(), state, lengths); });
}

Variable GRU::forward(const Variable& x) { return run_from(x, {}, {}).output; }

namespace {

/// The states (T, N, H) from the input's share of all steps. Beyond a length the state stands still: under
/// relu it might grow there without bound, and its infinities meet the gradient's zeros.
Variable rnn_states(const Variable& projected, Variable state, const Variable& weight, Nonlinearity f,
                    const detail::Lengths& lengths) {
  if (projected.size(0) == 0) return projected;
  std::vector<Variable> states;
  Index t = 0;
  for (const Variable& in : unbind(projected)) {
    const Variable sum = in + matmul(state, weight, {.transpose_b = true});
    const Variable next = f == Nonlinearity::tanh ? tanh(sum) : relu(sum);
    state = lengths.at_step(t++, next, state);
    states.push_back(state);
  }
  return stack(states);
}

}  // namespace

RnnResult RNN::run_from(const Variable& x, const Variable& state, const Tensor& lengths) const {
  const Scope scope("RNN", at_call(x).place());
  const Variable in = sequence(x), hidden = initial(state, "hidden", in);
  const detail::Lengths only(lengths, in);
  std::vector<Variable> last_hidden;
  const Variable output = run_layers(in, only, [&](const Variable& input, std::size_t i) {
    const Weights& own = weights[i];
    const Variable h = index(hidden, {static_cast<Index>(i)});
    const Variable bias = own.bias_ih.defined() ? own.bias_ih + own.bias_hh : Variable();
    const Variable states =
        rnn_states(linear(input, own.weight_ih, bias), only.started(h), own.weight_hh, nonlinearity_, only);
    last_hidden.push_back(only.last(states, h));
    return states;
  });
  return {output, stack(last_hidden)};
}

RnnResult RNN::run(const Operand& x, const Variable& state, const Tensor& lengths) {
  return call(x.place(), [&] { return run_from(x.as_variable(), state, lengths); });
}

Variable RNN::forward(const Variable& x) { return run_from(x, {}, {}).output; }

std::string RNN::describe() const {
  std::string text = Recurrent::describe();
  if (nonlinearity_ == Nonlinearity::relu) text.insert(text.size() - 1, ", relu");
  return text;
}

}  // namespace xgrad::nn
