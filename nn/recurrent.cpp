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

#include <array>
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

Variable Recurrent::checked(const Variable& state, const char* kind, const Variable& sequence) const {
  const Shape shape{static_cast<Index>(weights.size()), sequence.size(1), hidden_};
  if (!state.defined()) return Variable(zeros(shape, weights.front().weight_hh.dtype()));
  if (state.shape() != shape)
    fail<ShapeError>(std::string("expects the initial ") + kind + " state (layers * directions, N, H) = " +
                     to_string(shape) + ", got " + to_string(state.shape()));
  return state;
}

Recurrent::Result Recurrent::run_layers(const Variable& x, const States& initial, const Tensor& lengths,
                                        const Pass& pass) const {
  const Scope scope(name_, at_call(x).place());
  const Variable in = sequence(x);
  const Lengths only(lengths, in);
  constexpr std::array kinds{"hidden", "cell"};
  States starts;
  for (std::size_t k = 0; k < initial.size(); ++k) starts.push_back(checked(initial[k], kinds[k], in));

  std::vector<std::vector<Variable>> last(starts.size());
  const auto run_one = [&](const Variable& input, std::size_t position) {
    States own, from;
    for (const Variable& start : starts) {
      own.push_back(index(start, {static_cast<Index>(position)}));
      from.push_back(only.started(own.back()));
    }
    const States states = pass(input, weights[position], from, only);
    for (std::size_t k = 0; k < states.size(); ++k) last[k].push_back(only.last(states[k], own[k]));
    return states.front();
  };
  Variable y = only.masked(in);
  const auto count = static_cast<std::size_t>(directions());
  for (std::size_t layer = 0; layer < weights.size() / count; ++layer) {
    if (layer > 0 && training() && options_.dropout > 0) y = dropout(y, options_.dropout);
    const Variable ahead = only.masked(run_one(y, layer * count));
    if (count == 1) {
      y = ahead;
      continue;
    }
    const Variable back = only.reversed(run_one(only.reversed(y), layer * count + 1));
    y = concat({ahead, only.masked(back)}, 2);
  }
  Result result{options_.batch_first ? transpose(y, 0, 1) : y, {}};
  for (const std::vector<Variable>& of_kind : last) result.last.push_back(stack(of_kind));
  return result;
}

}  // namespace detail

namespace {

/// Both biases' sum; undefined without.
Variable bias_of(const detail::Recurrent::Weights& own) {
  return own.bias_ih.defined() ? own.bias_ih + own.bias_hh : Variable();
}

}  // namespace

LstmResult LSTM::run_from(const Variable& x, const LstmState& state, const Tensor& lengths) const {
  const auto pass = [](const Variable& input, const Weights& own, const States& from,
                       const detail::Lengths&) -> States {
    const LstmStates states =
        lstm(linear(input, own.weight_ih, bias_of(own)), from[0], from[1], own.weight_hh);
    return {states.hidden, states.cells};
  };
  const Result result = run_layers(x, {state.hidden, state.cell}, lengths, pass);
  return {result.output, {result.last[0], result.last[1]}};
}

LstmResult LSTM::run(const Operand& x, const LstmState& state, const Tensor& lengths) {
  return call(x.place(), [&] { return run_from(x.as_variable(), state, lengths); });
}

Variable LSTM::forward(const Variable& x) { return run_from(x, {}, {}).output; }

GruResult GRU::run_from(const Variable& x, const Variable& state, const Tensor& lengths) const {
  const auto pass = [](const Variable& input, const Weights& own, const States& from,
                       const detail::Lengths&) -> States {
    const Variable bias = own.bias_hh.defined()
                              ? Variable(own.bias_hh)
                              : Variable(zeros({own.weight_hh.size(0)}, own.weight_hh.dtype()));
    return {gru(linear(input, own.weight_ih, own.bias_ih), from[0], own.weight_hh, bias)};
  };
  const Result result = run_layers(x, {state}, lengths, pass);
  return {result.output, result.last[0]};
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
  const auto pass = [this](const Variable& input, const Weights& own, const States& from,
                           const detail::Lengths& only) -> States {
    return {
        rnn_states(linear(input, own.weight_ih, bias_of(own)), from[0], own.weight_hh, nonlinearity_, only)};
  };
  const Result result = run_layers(x, {state}, lengths, pass);
  return {result.output, result.last[0]};
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
