#include <xgrad/autograd/ops/recurrent.hpp>

#include <xgrad/autograd/composed.hpp>
#include <xgrad/autograd/one_floating.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/kernels/recurrent.hpp>

namespace xgrad {
namespace {

using Variables = std::vector<Variable>;

// projected (T, N, gates H), hidden (N, H), weight (gates H, H) fit together.
void check_sizes(const Op& op, Index gates, std::size_t weight) {
  const Shape &projected = op.shape(0), &hidden = op.shape(1);
  bool fits = projected.rank() == 3 && hidden.rank() == 2 && hidden[0] == projected[1] &&
              projected[2] == gates * hidden[1];
  fits = fits && op.shape(weight) == Shape{gates * hidden[1], hidden[1]};
  for (std::size_t i = 2; i < weight; ++i) fits = fits && op.shape(i) == hidden;
  for (std::size_t i = weight + 1; i < op.size(); ++i) fits = fits && op.shape(i) == Shape{gates * hidden[1]};
  if (fits) return;
  std::string given;
  for (std::size_t i = 0; i < op.size(); ++i) given += (i > 0 ? ", " : "") + to_string(op.shape(i));
  const std::string width = std::to_string(gates) + " H";
  fail<ShapeError>("expects projected (T, N, " + width + "), states (N, H), weight (" + width + ", H)" +
                   (weight + 1 < op.size() ? ", bias (" + width + ")" : "") + ", got " + given);
}

// One step after another in differentiable operations: what the fused passes must agree with.
Variables composed_lstm(const Variables& x) {
  Variable hidden = x[1], cell = x[2];
  Variables all_hidden, all_cells;
  for (const Variable& projected : unbind(x[0])) {
    const Variables gates = chunk(projected + matmul(hidden, x[3], {.transpose_b = true}), 4, 1);
    cell = sigmoid(gates[1]) * cell + sigmoid(gates[0]) * tanh(gates[2]);
    hidden = sigmoid(gates[3]) * tanh(cell);
    all_hidden.push_back(hidden);
    all_cells.push_back(cell);
  }
  return {stack(all_hidden), stack(all_cells)};
}

Variables composed_gru(const Variables& x) {
  Variable hidden = x[1];
  Variables all;
  for (const Variable& projected : unbind(x[0])) {
    const Variables in = chunk(projected, 3, 1), state = chunk(linear(hidden, x[2], x[3]), 3, 1);
    const Variable z = sigmoid(in[1] + state[1]);
    hidden = (1 - z) * tanh(in[2] + sigmoid(in[0] + state[0]) * state[2]) + z * hidden;
    all.push_back(hidden);
  }
  return {stack(all)};
}

Tensor gradient_or_none(Backward& r, std::size_t k) {
  return r.has_gradient(k) ? r.gradient(k).value() : Tensor();
}

}  // namespace

LstmStates lstm(const Operand& projected, const Operand& hidden, const Operand& cell, const Operand& weight) {
  Op op("lstm", projected, hidden, cell, weight);
  detail::require_one_floating({{"projected", op[0]}, {"hidden", op[1]}, {"cell", op[2]}, {"weight", op[3]}});
  op.promote_floating();
  check_sizes(op, 4, 3);
  kernels::LstmPass pass = kernels::lstm(op.value(0), op.value(1), op.value(2), op.value(3));
  auto outputs = op.record_many({std::move(pass.hidden), std::move(pass.cells), std::move(pass.gates)},
                                JointRule{saves_input(0) | saves_input(1) | saves_input(2) | saves_input(3) |
                                              saves_output(0) | saves_output(1) | saves_output(2),
                                          [](Backward& r) {
                                            if (r.create_graph() && r.output_value(0).size(0) > 0)
                                              return detail::give_composed(r, composed_lstm);
                                            auto gradients = kernels::lstm_backward(
                                                {r.output_value(0), r.output_value(1), r.output_value(2)},
                                                r.input_value(1), r.input_value(2), r.input_value(3),
                                                gradient_or_none(r, 0), gradient_or_none(r, 1));
                                            r.give(0, std::move(gradients.projected));
                                            r.give(1, std::move(gradients.hidden));
                                            r.give(2, std::move(gradients.cell));
                                            r.give(3, std::move(gradients.weight));
                                          }},
                                0b100);
  return {std::move(outputs[0]), std::move(outputs[1])};
}

Variable gru(const Operand& projected, const Operand& hidden, const Operand& weight, const Operand& bias) {
  Op op("gru", projected, hidden, weight, bias);
  detail::require_one_floating({{"projected", op[0]}, {"hidden", op[1]}, {"weight", op[2]}, {"bias", op[3]}});
  op.promote_floating();
  check_sizes(op, 3, 2);
  kernels::GruPass pass = kernels::gru(op.value(0), op.value(1), op.value(2), op.value(3));
  auto outputs = op.record_many({std::move(pass.hidden), std::move(pass.gates)},
                                JointRule{saves_input(0) | saves_input(1) | saves_input(2) | saves_input(3) |
                                              saves_output(0) | saves_output(1),
                                          [](Backward& r) {
                                            if (r.create_graph() && r.output_value(0).size(0) > 0)
                                              return detail::give_composed(r, composed_gru);
                                            auto gradients = kernels::gru_backward(
                                                {r.output_value(0), r.output_value(1)}, r.input_value(1),
                                                r.input_value(2), r.gradient(0).value());
                                            r.give(0, std::move(gradients.projected));
                                            r.give(1, std::move(gradients.hidden));
                                            r.give(2, std::move(gradients.weight));
                                            r.give(3, std::move(gradients.bias));
                                          }},
                                0b10);
  return std::move(outputs[0]);
}

}  // namespace xgrad
