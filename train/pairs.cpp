// Outputs and targets as plain numbers.
#include <xgrad/train/pairs.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

namespace xgrad::train::detail {
namespace {

template <class To>
std::vector<To> copied(const Tensor& tensor) {
  const auto of = [&]<class T>(const T* from) {
    std::vector<To> numbers(static_cast<std::size_t>(tensor.count()));
    std::transform(from, from + tensor.count(), numbers.begin(), [](T x) { return static_cast<To>(x); });
    return numbers;
  };
  switch (tensor.dtype()) {
    case DType::float32:
      return of(tensor.data<float>());
    case DType::float64:
      return of(tensor.data<double>());
    case DType::int64:
      return of(tensor.data<std::int64_t>());
    case DType::uint8:
      return of(tensor.data<std::uint8_t>());
    case DType::boolean:
      return of(tensor.data<bool>());
  }
  __builtin_unreachable();
}

bool floating(const Tensor& tensor) { return tensor.dtype() == float32 || tensor.dtype() == float64; }

Shape without_last(const Shape& shape) {
  std::vector<Index> sizes(shape.begin(), shape.end());
  sizes.pop_back();
  return Shape(sizes);
}

[[noreturn]] void reject_shapes(const Tensor& output, const Tensor& target, const std::string& expected) {
  fail<ShapeError>("outputs " + to_string(output.shape()) + " do not fit targets " +
                   to_string(target.shape()) + ": " + expected);
}

}  // namespace

std::vector<double> numbers_of(const Tensor& tensor) { return copied<double>(tensor); }

std::vector<Index> labels_of(const Tensor& tensor) {
  if (floating(tensor)) fail<DTypeError>("labels must be int64, uint8 or boolean, got " + describe(tensor));
  return copied<Index>(tensor);
}

void check_output(const Tensor& output) {
  if (!floating(output)) fail<DTypeError>("outputs must be float32 or float64, got " + describe(output));
}

void check_same(const Tensor& output, const Tensor& target) {
  const Shape &a = output.shape(), &b = target.shape();
  const auto is_column_of = [](const Shape& column, const Shape& shape) {
    return column.rank() == shape.rank() + 1 && column[column.rank() - 1] == 1 &&
           without_last(column) == shape;
  };
  if (a != b && !is_column_of(a, b) && !is_column_of(b, a))
    reject_shapes(output, target, "expects equal shapes, but for a last axis of 1");
}

void check_column(const Tensor& output, const Tensor& target) {
  check_same(output, target);
  if (output.rank() < 1 || output.rank() > 2 || (output.rank() == 2 && output.size(1) != 1))
    reject_shapes(output, target, "expects (N) or (N, 1), one number for each example");
}

void check_labels(const std::vector<Index>& labels, Index classes, std::optional<Index> ignore_index) {
  for (std::size_t i = 0; i < labels.size(); ++i)
    if ((labels[i] < 0 || labels[i] >= classes) && labels[i] != ignore_index)
      fail<IndexError>("the target at position " + std::to_string(i) + " is " + std::to_string(labels[i]) +
                       ", which is none of " + std::to_string(classes) + " classes");
}

Rows rows_of(const Tensor& output, const Tensor& target, std::optional<Index> ignore_index) {
  check_output(output);
  if (output.rank() < 2 || without_last(output.shape()) != target.shape())
    reject_shapes(output, target, "expects (N, ..., classes) and (N, ...)");
  Rows rows{numbers_of(output), labels_of(target), output.size(-1)};
  check_labels(rows.labels, rows.classes, ignore_index);
  return rows;
}

std::vector<double> binary_of(const Tensor& target) {
  std::vector<double> numbers = numbers_of(target);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (numbers[i] != 0 && numbers[i] != 1)
      fail<ValueError>("the target at position " + std::to_string(i) + " is " + std::to_string(numbers[i]) +
                       ", which is neither 0 nor 1");
  return numbers;
}

void check_threshold(double threshold, bool logits) {
  if (!std::isfinite(threshold) || (logits && (threshold <= 0 || threshold >= 1)))
    fail<ValueError>("the threshold must be " + std::string(logits ? "between 0 and 1" : "finite") +
                     ", got " + std::to_string(threshold));
}

double boundary(double threshold, bool logits) {
  return logits ? std::log(threshold) - std::log1p(-threshold) : threshold;
}

void check_state(const std::vector<double>& numbers, std::size_t count) {
  if (numbers.size() != count)
    fail<ValueError>("expects a state of " + std::to_string(count) + " numbers, got " +
                     std::to_string(numbers.size()));
}

void check_counts(const std::vector<double>& numbers, std::size_t count) {
  check_state(numbers, count);
  for (const double number : numbers)
    if (!(number >= 0) || number != std::floor(number) || std::isinf(number))
      fail<ValueError>("expects a state of counts, got " + std::to_string(number));
}

}  // namespace xgrad::train::detail
