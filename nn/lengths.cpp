#include <xgrad/nn/lengths.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/shape.hpp>

#include <algorithm>

namespace xgrad::nn::detail {

Lengths::Lengths(const Tensor& lengths, const Variable& sequence) {
  if (!lengths.defined()) return;
  const Index steps = sequence.size(0), batch = sequence.size(1);
  if (lengths.dtype() != int64) fail<DTypeError>("expects lengths of int64, got " + xgrad::describe(lengths));
  if (lengths.shape() != Shape{batch})
    fail<ShapeError>("expects a length for each of " + std::to_string(batch) +
                     " sequences, got lengths of shape " + to_string(lengths.shape()));
  const std::int64_t* length = lengths.data<std::int64_t>();
  for (Index n = 0; n < batch; ++n)
    if (length[n] < 0 || length[n] > steps)
      fail<ValueError>("lengths must be in [0, T] = [0, " + std::to_string(steps) + "], got lengths[" +
                       std::to_string(n) + "] = " + std::to_string(length[n]));
  mask_ = Tensor::uninitialized({steps, batch, 1}, boolean);
  reverse_ = Tensor::uninitialized({steps * batch}, int64);
  last_ = Tensor::uninitialized({batch}, int64);
  bool* counts = mask_.mutable_data<bool>();
  std::int64_t *from = reverse_.mutable_data<std::int64_t>(), *last = last_.mutable_data<std::int64_t>();
  for (Index t = 0; t < steps; ++t)
    for (Index n = 0; n < batch; ++n) {
      counts[t * batch + n] = t < length[n];
      from[t * batch + n] = (t < length[n] ? length[n] - 1 - t : t) * batch + n;
    }
  for (Index n = 0; n < batch; ++n) last[n] = std::max<Index>(length[n] - 1, 0) * batch + n;
  if (std::find(length, length + batch, 0) == length + batch) return;
  begun_ = Tensor::uninitialized({batch, 1}, boolean);
  std::transform(length, length + batch, begun_.mutable_data<bool>(), [](auto l) { return l > 0; });
}

Variable Lengths::rows(const Variable& x, const Tensor& positions) const {
  return index_select(flatten(x, 0, 1), 0, positions);
}

Variable Lengths::masked(const Variable& x) const { return given() ? where(Variable(mask_), x, 0.0) : x; }

Variable Lengths::reversed(const Variable& x) const {
  if (!given()) return flip(x, 0);
  return x.value().count() == 0 ? x : reshape(rows(x, reverse_), x.shape());
}

Variable Lengths::started(const Variable& initial) const {
  return begun_.defined() ? where(Variable(begun_), initial, 0.0) : initial;
}

Variable Lengths::last(const Variable& states, const Variable& initial) const {
  if (states.size(0) == 0) return initial;
  if (!given()) return index(states, {-1});
  const Variable state = rows(states, last_);
  return begun_.defined() ? where(Variable(begun_), state, initial) : state;
}

Variable Lengths::at_step(Index t, const Variable& next, const Variable& state) const {
  return given() ? where(index(Variable(mask_), {t}), next, state) : next;
}

}  // namespace xgrad::nn::detail
