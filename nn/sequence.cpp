#include <xgrad/nn/sequence.hpp>

#include <xgrad/autograd/ops/shape.hpp>

#include <algorithm>

namespace xgrad::nn {

PaddedSequences pad_sequence(const std::vector<Variable>& sequences, PadSequenceOptions options,
                             Place place) {
  const Scope scope("pad_sequence", place);
  if (sequences.empty()) fail<ValueError>("expects at least one sequence");
  Index longest = 0;
  std::vector<std::int64_t> lengths;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const Variable& x = sequences[i];
    const std::string name = "sequence " + std::to_string(i);
    if (!x.defined()) fail<GraphError>(name + " is undefined");
    bool fits = x.rank() > 0 && x.rank() == sequences[0].rank();
    for (Index axis = 1; fits && axis < x.rank(); ++axis) fits = x.size(axis) == sequences[0].size(axis);
    if (!fits)
      fail<ShapeError>("expects sequences (T, ...) that differ in their first axis alone, got " +
                       to_string(x.shape()) + " for " + name +
                       (i > 0 ? ", after " + to_string(sequences[0].shape()) : ""));
    if (x.dtype() != sequences[0].dtype())
      fail<DTypeError>("expects sequences of one dtype, got " + xgrad::describe(x.value()) + " for " + name +
                       ", after " + xgrad::describe(sequences[0].value()));
    lengths.push_back(x.size(0));
    longest = std::max(longest, x.size(0));
  }
  std::vector<Variable> padded;
  for (const Variable& x : sequences) {
    std::vector<Padding> padding(static_cast<std::size_t>(x.rank()));
    padding[0].after = longest - x.size(0);
    padded.push_back(padding[0].after == 0 ? x : pad(x, padding, {.value = options.padding_value}));
  }
  return {stack(padded, options.batch_first ? 0 : 1),
          Tensor::from(lengths, {static_cast<Index>(lengths.size())})};
}

}  // namespace xgrad::nn
