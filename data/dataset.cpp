// Gathering and stacking of examples.
#include <xgrad/data/dataset.hpp>

#include <cstring>

namespace xgrad::data {
namespace {

// One past the last byte of nothing is no address: copies of zero bytes are skipped.
void copy_bytes(std::byte* to, const std::byte* from, Index bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

}  // namespace

Tensor collate(std::span<const Tensor> examples, Place place) {
  const Scope scope("collate", place);
  if (examples.empty()) fail<ValueError>("expects at least one example, got none");
  const Tensor& first = examples.front();
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!examples[i].defined()) fail<GraphError>("example " + std::to_string(i) + " is undefined");
    const std::string text = "example " + std::to_string(i) + " is " + describe(examples[i]) +
                             ", the first one " + describe(first);
    if (examples[i].shape() != first.shape()) fail<ShapeError>(text, "pad or crop the examples to one size");
    if (examples[i].dtype() != first.dtype()) fail<DTypeError>(text);
  }
  Shape shape = first.shape();
  shape.insert(0, static_cast<Index>(examples.size()));
  Tensor batch = Tensor::uninitialized(shape, first.dtype());
  std::byte* out = batch.mutable_raw();
  for (const Tensor& example : examples) {
    copy_bytes(out, example.raw(), example.bytes());
    out += example.bytes();
  }
  return batch;
}

Tensor gather_rows(const Tensor& tensor, const Tensor& indices, Place place) {
  const Scope scope("gather_rows", place);
  if (!tensor.defined() || tensor.rank() == 0) fail<ShapeError>("expects a tensor with at least one axis");
  if (indices.rank() != 1)
    fail<ShapeError>("expects indices with one axis, got the shape " + to_string(indices.shape()));
  const Index rows = tensor.shape()[0];
  const auto wanted = indices.span<Index>();
  for (const Index i : wanted)
    if (i < 0 || i >= rows)
      fail<IndexError>("index " + std::to_string(i) + " is out of range for axis 0 of size " +
                       std::to_string(rows));
  Shape shape = tensor.shape();
  shape[0] = indices.count();
  Tensor result = Tensor::uninitialized(shape, tensor.dtype());
  if (result.count() == 0) return result;
  const Index row = tensor.bytes() / rows;
  std::byte* out = result.mutable_raw();
  for (const Index i : wanted) {
    copy_bytes(out, tensor.raw() + i * row, row);
    out += row;
  }
  return result;
}

namespace detail {

void reject_history(Place place) {
  const Scope scope("TensorDataset", place);
  fail<GraphError>("expects Variables without history, got one that requires a gradient",
                   "give x.detach(), or x.value()");
}

Index common_rows(std::span<const Tensor> tensors, Place place) {
  const Scope scope("TensorDataset", place);
  std::string shapes;
  bool equal = true;
  for (const Tensor& tensor : tensors) {
    if (!tensor.defined()) fail<GraphError>("a tensor is undefined");
    shapes += (shapes.empty() ? "" : ", ") + to_string(tensor.shape());
    equal = equal && tensor.rank() > 0 && tensors[0].rank() > 0 && tensor.shape()[0] == tensors[0].shape()[0];
  }
  if (!equal) fail<ShapeError>("expects first axes of one size, got " + shapes);
  return tensors[0].shape()[0];
}

}  // namespace detail
}  // namespace xgrad::data
