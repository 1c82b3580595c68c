// Ordering, and class numbers as vectors. Gradients of ordered values go back to where the values came from.
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/scattered.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/gather.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>

#include <utility>

namespace xgrad {
namespace {

ValueAndIndex recorded(const Op& op, Index axis, std::pair<Tensor, Tensor> found) {
  auto outputs = op.record_many(
      {std::move(found.first), std::move(found.second)},
      JointRule{saves_output(1),
                [axis](Backward& r) {
                  const Variable at(r.output_value(1));
                  r.give(0, detail::scatter_onto_zeros(r.input_shape(0), axis, at, r.gradient()));
                }},
      0b10);
  return {std::move(outputs[0]), std::move(outputs[1])};
}

}  // namespace

ValueAndIndex sort(const Operand& x, Index axis, SortOptions options) {
  Op op("sort", x);
  axis = axis_along(op.shape(), axis);
  return recorded(op, axis, kernels::sort(op.value(), axis, options.descending));
}

Variable argsort(const Operand& x, Index axis, SortOptions options) {
  Op op("argsort", x);
  axis = axis_along(op.shape(), axis);
  return op.constant(kernels::sort(op.value(), axis, options.descending).second);
}

ValueAndIndex topk(const Operand& x, Index k, Index axis, TopkOptions options) {
  Op op("topk", x);
  axis = axis_along(op.shape(), axis);
  const Index size = op.value().rank() == 0 ? 1 : op.shape()[axis];
  if (k < 0 || k > size)
    fail<ValueError>("k must lie in [0, " + std::to_string(size) + "] for axis " + std::to_string(axis) +
                     " of " + to_string(op.shape()) + ", got " + std::to_string(k));
  if (op.value().rank() == 0 && k == 0) return topk(reshape(op[0], {1}), 0, 0, options);
  return recorded(op, axis, kernels::topk(op.value(), k, axis, options.largest));
}

Variable one_hot(const Operand& classes_of, Index classes, DType dtype) {
  Op op("one_hot", classes_of);
  if (classes < 0) fail<ValueError>("expects a number of classes, got " + std::to_string(classes));
  if (!is_integer(op.dtype()))
    fail<DTypeError>("expects class numbers of int64 or uint8, got " + describe(op.value()),
                     "convert with cast(x, int64)");
  const Tensor numbers = op.value().to(int64);
  for (Index number : numbers.span<Index>())
    if (number < 0 || number >= classes)
      fail<IndexError>("class " + std::to_string(number) + " is out of range for " + std::to_string(classes) +
                       " classes");
  Shape shape = op.shape();
  shape.push_back(classes);
  Tensor result = zeros(shape, dtype);
  detail::dispatch(dtype, [&]<class T>(std::type_identity<T>) {
    T* row = result.mutable_data<T>();
    for (Index number : numbers.span<Index>()) {
      row[number] = T(1);
      row += classes;
    }
  });
  return op.constant(std::move(result));
}

}  // namespace xgrad
