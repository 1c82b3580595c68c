// What metrics read from outputs and targets, checked; private to train/.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <optional>
#include <vector>

namespace xgrad::train::detail {

/// Elements as doubles, of any dtype. Throws GraphError on an undefined tensor.
std::vector<double> numbers_of(const Tensor& tensor);
/// Elements of an integer type. Throws DTypeError on another one.
std::vector<Index> labels_of(const Tensor& tensor);

/// Throws DTypeError unless the output is floating.
void check_output(const Tensor& output);
/// Throws ShapeError unless the shapes are equal, or are where a last axis of 1 is left out.
void check_same(const Tensor& output, const Tensor& target);
/// Throws ShapeError unless the output is (N) or (N, 1) and the target, too.
void check_column(const Tensor& output, const Tensor& target);

/// Outputs (N, ..., K) as rows of K numbers, and a label for each.
struct Rows {
  std::vector<double> numbers;
  std::vector<Index> labels;
  Index classes = 0;

  Index size() const { return static_cast<Index>(labels.size()); }
  const double* row(Index i) const { return numbers.data() + i * classes; }
};
/// Throws ShapeError where the target has not the shape of the rows, IndexError on a label that is neither a
/// class nor ignored.
Rows rows_of(const Tensor& output, const Tensor& target, std::optional<Index> ignore_index);
/// Throws IndexError naming the first label that is no class, and its position.
void check_labels(const std::vector<Index>& labels, Index classes, std::optional<Index> ignore_index);

/// Targets of two classes, 0 or 1. Throws ValueError on another one.
std::vector<double> binary_of(const Tensor& target);
void check_threshold(double threshold, bool logits);
/// The number above which an output answers 1.
double boundary(double threshold, bool logits);
/// Throws ValueError unless there are `count` numbers; check_counts also where one is no count.
void check_state(const std::vector<double>& numbers, std::size_t count);
void check_counts(const std::vector<double>& numbers, std::size_t count);

}  // namespace xgrad::train::detail
