// Padding and cropping. Constant padding is linear up to its constant; its adjoint pads with zeros by the
// negated amounts. The other modes read x at computed positions.
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/views.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cmath>

namespace xgrad {
namespace {

std::string describe(const Padding& amounts) {
  return "(" + std::to_string(amounts.before) + ", " + std::to_string(amounts.after) + ")";
}

Shape padded_shape(const Shape& shape, const std::vector<Padding>& padding) {
  constexpr Index limit = Index{1} << 61;
  Shape result = shape;
  for (Index axis = 0; axis < shape.rank(); ++axis) {
    const Padding& amounts = padding[static_cast<std::size_t>(axis)];
    const bool fits = amounts.before >= -limit && amounts.before <= limit && amounts.after >= -limit &&
                      amounts.after <= limit && shape[axis] <= limit;
    if (fits) result[axis] += amounts.before + amounts.after;
    if (!fits || result[axis] < 0)
      fail<ShapeError>("axis " + std::to_string(axis) + " of " + to_string(shape) + " cannot be padded by " +
                       describe(amounts));
  }
  return result;
}

Variable pad_constant(const Variable& x, const std::vector<Padding>& padding, double constant) {
  Op op("pad", {}, {x});
  const Shape shape = padded_shape(op.shape(), padding);
  if (!is_floating(op.dtype()) && constant != std::trunc(constant))
    fail<ValueError>("the value " + std::to_string(constant) + " is no " +
                     std::string(to_string(op.dtype())));
  kernels::View from = detail::whole(op.shape()), to = detail::whole(shape);
  for (Index axis = 0; axis < shape.rank(); ++axis) {
    const Index before = padding[static_cast<std::size_t>(axis)].before;
    const Index begin = std::max<Index>(0, -before);
    const Index count = std::max<Index>(0, std::min(op.shape()[axis], shape[axis] - before) - begin);
    if (count == 0) from.shape[axis] = to.shape[axis] = 0;
    if (count > 0) {
      from = detail::restricted(from, axis, {begin, 1, count});
      to = detail::restricted(to, axis, {begin + before, 1, count});
    }
  }
  const bool crops_only = to.shape == shape;
  Tensor value = crops_only ? detail::read(op.value(), from) : full(shape, constant, op.dtype());
  if (!crops_only && to.shape.count() > 0) kernels::write(value, to, detail::read(op.value(), from));
  return op.record(std::move(value), Rule{saves_nothing, [padding](Backward& r) {
                                            std::vector<Padding> inverse;
                                            for (const Padding& p : padding)
                                              inverse.push_back({-p.before, -p.after});
                                            return pad_constant(r.gradient(), inverse, 0);
                                          }});
}

/// Where the elements of a padded axis come from.
Tensor sources(Index size, const Padding& amounts, PadMode mode) {
  Tensor positions = Tensor::uninitialized({size + amounts.before + amounts.after}, int64);
  Index* out = positions.mutable_data<Index>();
  for (Index i = 0; i < positions.count(); ++i) {
    const Index at = i - amounts.before;
    if (mode == PadMode::replicate)
      out[i] = std::clamp<Index>(at, 0, size - 1);
    else
      out[i] = at < 0 ? -at : at < size ? at : 2 * (size - 1) - at;
  }
  return positions;
}

}  // namespace

Variable pad(const Operand& x, const std::vector<Padding>& padding, PadOptions options) {
  const Scope scope("pad", x.place());
  Variable v = x.as_variable();
  if (static_cast<Index>(padding.size()) != v.rank())
    fail<ShapeError>("expects one pair of amounts for each axis of " + to_string(v.shape()) + ", got " +
                     std::to_string(padding.size()));
  if (options.mode == PadMode::constant) return pad_constant(v, padding, options.value);

  padded_shape(v.shape(), padding);
  const bool reflect = options.mode == PadMode::reflect;
  for (Index axis = 0; axis < v.rank(); ++axis) {
    const Padding& amounts = padding[static_cast<std::size_t>(axis)];
    const Index size = v.shape()[axis];
    if (amounts.before < 0 || amounts.after < 0)
      fail<ValueError>("only constant mode crops, got " + describe(amounts) + " for axis " +
                       std::to_string(axis));
    const Index most = std::max(amounts.before, amounts.after);
    if (most > 0 && (reflect ? most >= size : size == 0))
      fail<ShapeError>(std::string(reflect ? "reflect" : "replicate") + " by " + describe(amounts) +
                       " needs at least " + std::to_string(reflect ? most + 1 : 1) + " elements, axis " +
                       std::to_string(axis) + " of " + to_string(v.shape()) + " has " + std::to_string(size));
  }
  for (Index axis = 0; axis < v.rank(); ++axis) {
    const Padding& amounts = padding[static_cast<std::size_t>(axis)];
    if (amounts.before > 0 || amounts.after > 0)
      v = index_select(v, axis, sources(v.shape()[axis], amounts, options.mode));
  }
  return v;
}

}  // namespace xgrad
