// Indexing by items, along an axis and by masks. Reading a selection and adding into zeros at it are adjoint.
#include <xgrad/autograd/ops/index.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/scattered.hpp>
#include <xgrad/autograd/ops/selection.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/gather.hpp>
#include <xgrad/tensor/factory.hpp>

#include <memory>

namespace xgrad {
namespace {

using detail::Selection;
using Shared = std::shared_ptr<const Selection>;

// The positions, if any, are the last input of every node here.
constexpr std::size_t one = 1, two = 2;

std::vector<Variable> with(std::vector<Variable> inputs, const Variable& positions) {
  if (positions.defined()) inputs.push_back(positions);
  return inputs;
}

const Tensor& positions_of(const Op& op, std::size_t i) {
  static const Tensor none;
  return op.size() > i ? op.value(i) : none;
}

Variable positions_of(Backward& r, std::size_t i) { return r.input_count() > i ? r.input(i) : Variable(); }

Saves saves_positions(const Op& op, unsigned i) { return op.size() > i ? saves_input(i) : saves_nothing; }

Variable added(const Shape& shape, const Variable& source, const Variable& positions,
               const Shared& selection);

/// The selection of x.
Variable selected(const char* name, const Variable& x, const Variable& positions, const Shared& selection) {
  Op op(name, {}, with({x}, positions));
  return op.record(selection->read(op.value(), positions_of(op, one)),
                   JointRule{saves_positions(op, one), [selection](Backward& r) {
                               r.give(0,
                                      added(r.input_shape(0), r.gradient(), positions_of(r, one), selection));
                             }});
}

/// Zeros of `shape` with source added at the selection.
Variable added(const Shape& shape, const Variable& source, const Variable& positions,
               const Shared& selection) {
  Op op("index_add", {}, with({source}, positions));
  Tensor value = zeros(shape, op.dtype());
  selection->add(value, positions_of(op, one), op.value());
  return op.record(std::move(value),
                   JointRule{saves_positions(op, one), [selection](Backward& r) {
                               r.give(0, selected("index", r.gradient(), positions_of(r, one), selection));
                             }});
}

/// x with the selection replaced.
Variable replaced(const Variable& x, const Variable& source, const Variable& positions,
                  const Shared& selection) {
  Op op("index_put", {}, with({x, source}, positions));
  Tensor value = op.value();
  selection->put(value, positions_of(op, two), op.value(1));
  return op.record(
      std::move(value),
      JointRule{saves_positions(op, two), [selection](Backward& r) {
                  const Variable at = positions_of(r, two);
                  const Variable& g = r.gradient();
                  if (r.needs(0))
                    r.give(0, replaced(g, Variable(zeros(selection->shape(), g.dtype())), at, selection));
                  if (!r.needs(1)) return;
                  const Tensor kept = at.defined() ? selection->last_writers(at.value()) : Tensor();
                  Variable picked = selected("index", g, at, selection);
                  r.give(1, kept.defined() ? where(kept, picked, 0) : picked);
                }});
}

/// What index, index_put and index_add do first.
struct Prepared {
  Prepared(const Operand& operand, const std::vector<IndexItem>& items) : x(operand.as_variable()) {
    Tensor found;
    selection = std::make_shared<const Selection>(x.shape(), items, found);
    if (found.defined()) positions = Variable(found);
  }
  Variable source(const Operand& values) const {
    return detail::spread_to(detail::fitted(values, x), selection->shape(), "the selection");
  }

  Variable x;
  Variable positions;
  Shared selection;
};

}  // namespace

Variable index(const Operand& x, const std::vector<IndexItem>& items) {
  const Scope scope("index", x.place());
  const Prepared given(x, items);
  return selected("index", given.x, given.positions, given.selection);
}

Variable index_put(const Operand& x, const std::vector<IndexItem>& items, const Operand& values) {
  const Scope scope("index_put", x.place());
  const Prepared given(x, items);
  return replaced(given.x, given.source(values), given.positions, given.selection);
}

Variable index_add(const Operand& x, const std::vector<IndexItem>& items, const Operand& values) {
  const Scope scope("index_add", x.place());
  const Prepared given(x, items);
  Op op("index_add", {}, with({given.x, given.source(values)}, given.positions));
  Tensor value = op.value();
  given.selection->add(value, positions_of(op, two), op.value(1));
  return op.record(std::move(value),
                   JointRule{saves_positions(op, two), [selection = given.selection](Backward& r) {
                               r.give(0, r.gradient());
                               if (r.needs(1))
                                 r.give(1, selected("index", r.gradient(), positions_of(r, two), selection));
                             }});
}

Variable index_select(const Operand& x, Index axis, const Operand& index) {
  const Scope scope("index_select", x.place());
  const Variable v = x.as_variable();
  axis = wrap_axis(axis, v.rank());
  const Variable at(kernels::normalize_indices(index.as_variable().value(), v.shape()[axis], axis));
  return selected("index_select", v, at, std::make_shared<const Selection>(v.shape(), axis, at.shape()));
}

Variable masked_fill(const Operand& x, const Operand& mask, const Operand& value) {
  const Scope scope("masked_fill", x.place());
  const Variable v = x.as_variable(), m = mask.as_variable(), fill = detail::fitted(value, v);
  if (m.dtype() != boolean) fail<DTypeError>("expects a boolean mask, got " + describe(m.value()));
  for (const Variable& other : {m, fill})
    if (!broadcasts_to(other.shape(), v.shape()))
      fail<ShapeError>(to_string(other.shape()) + " does not broadcast to " + to_string(v.shape()));
  return where(m, fill, v);
}

Variable masked_select(const Operand& x, const Operand& mask) {
  const Scope scope("masked_select", x.place());
  const Variable v = x.as_variable(), m = mask.as_variable();
  if (m.dtype() != boolean) fail<DTypeError>("expects a boolean mask, got " + describe(m.value()));
  if (m.shape() != v.shape())
    fail<ShapeError>("a mask of shape " + to_string(m.shape()) + " for " + to_string(v.shape()));
  return index(v, {m});
}

}  // namespace xgrad
