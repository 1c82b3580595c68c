// Sequences of different lengths as one batch.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>

#include <concepts>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::nn {

struct PadSequenceOptions {
  bool batch_first = false;  ///< (N, T, ...) instead of (T, N, ...)
  double padding_value = 0;
};
/// Sequences of one length, with the lengths that they had: what the recurrent layers' run() takes.
struct [[nodiscard]] PaddedSequences {
  Variable padded;
  Tensor lengths;  ///< int64, (N,)
};

/// Sequences (T_i, ...) that differ in their first axis, padded at the end to the longest. Gradients go back
/// to each. Throws ValueError on an empty list, ShapeError naming the first that does not fit, DTypeError
/// unless all have one dtype.
PaddedSequences pad_sequence(const std::vector<Variable>& sequences, PadSequenceOptions options = {},
                             Place place = Place::here());
template <std::same_as<Tensor> T>
PaddedSequences pad_sequence(const std::vector<T>& sequences, PadSequenceOptions options = {},
                             Place place = Place::here()) {
  return pad_sequence(std::vector<Variable>(sequences.begin(), sequences.end()), options, place);
}

}  // namespace xgrad::nn
XGRAD_API_END
