// Datasets: anything with a size that gives examples, one by one or many at once.
// Invariant: reading a dataset does not change it, so a loader may read it from another thread.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::data {

/// Stacks equal tensors along a new first axis. Throws ValueError on an empty list, ShapeError or DTypeError
/// naming the first one that differs.
Tensor collate(std::span<const Tensor> examples, Place place = Place::here());
/// Stacks examples of several tensors, tensor by tensor.
template <std::size_t N>
[[nodiscard]] std::array<Tensor, N> collate(std::span<const std::array<Tensor, N>> examples,
                                            Place place = Place::here()) {
  std::array<Tensor, N> batch;
  std::vector<Tensor> column(examples.size());
  for (std::size_t k = 0; k < N; ++k) {
    for (std::size_t i = 0; i < examples.size(); ++i) column[i] = examples[i][k];
    batch[k] = collate(std::span<const Tensor>(column), place);
  }
  return batch;
}

/// Rows of the first axis, copied in the order of `indices` (int64, one axis). Throws IndexError out of
/// range.
Tensor gather_rows(const Tensor& tensor, const Tensor& indices, Place place = Place::here());

/// A dataset that makes a batch of any type itself: gather(indices) with an int64 tensor of one axis.
template <class D>
concept BatchDataset = requires(const D& dataset, const Tensor& indices) {
  { dataset.size() } -> std::convertible_to<Index>;
  dataset.gather(indices);
};

/// A dataset of single examples: get(i) returns a Tensor or a std::array of Tensors, which are collated.
template <class D>
concept ExampleDataset = requires(const D& dataset, Index i) {
  { dataset.size() } -> std::convertible_to<Index>;
  collate(std::span<const std::remove_cvref_t<decltype(dataset.get(i))>>());
};

/// What a DataLoader reads. gather() is preferred where both are offered.
template <class D>
concept Dataset = BatchDataset<D> || ExampleDataset<D>;

/// The batch of the examples at `indices`.
template <Dataset D>
[[nodiscard]] auto make_batch(const D& dataset, const Tensor& indices) {
  if constexpr (BatchDataset<D>) {
    return dataset.gather(indices);
  } else {
    std::vector<std::remove_cvref_t<decltype(dataset.get(Index{}))>> examples;
    for (const Index i : indices.span<Index>()) examples.push_back(dataset.get(i));
    return collate(std::span(std::as_const(examples)));
  }
}

namespace detail {

/// The common size of the first axis. Throws ShapeError naming the shapes.
Index common_rows(std::span<const Tensor> tensors, Place place);

/// A Variable, of which datasets need not know more.
template <class V>
concept Recorded = requires(const V& variable, Place place) {
  { variable.value(place) } -> std::same_as<const Tensor&>;
  { variable.requires_grad(place) } -> std::same_as<bool>;
};
template <class T>
concept TensorOrRecorded = std::same_as<T, Tensor> || Recorded<T>;

[[noreturn]] void reject_history(Place place);
inline const Tensor& without_history(const Tensor& tensor, Place) { return tensor; }
/// The value. Throws GraphError when the Variable requires a gradient, which no batch would ever give it.
template <Recorded V>
const Tensor& without_history(const V& variable, Place place) {
  if (variable.requires_grad(place)) reject_history(place);
  return variable.value(place);
}

/// A Tensor that knows the line where it became an argument.
struct PlacedTensor {
  template <TensorOrRecorded T>
  PlacedTensor(const T& tensor, const char* file = __builtin_FILE(), int line = __builtin_LINE())
      : value(without_history(tensor, {file, line})), place{file, line} {}
  Tensor value;
  Place place;
};

}  // namespace detail

/// Tensors, or Variables without history, whose rows belong together: `TensorDataset dataset(images,
/// labels);`. Holding them copies nothing.
template <std::size_t N>
class TensorDataset {
 public:
  /// Throws ShapeError when the first axes differ or a tensor has none, GraphError on a Variable that
  /// requires a gradient.
  template <detail::TensorOrRecorded... T>
  requires(sizeof...(T) + 1 == N) explicit TensorDataset(detail::PlacedTensor first, const T&... others)
      : tensors_{std::move(first.value), detail::without_history(others, first.place)...},
        size_(detail::common_rows(tensors_, first.place)) {}

  Index size() const { return size_; }
  /// The rows of one example, without the first axis. Throws IndexError out of range.
  [[nodiscard]] std::array<Tensor, N> get(Index i, Place place = Place::here()) const {
    const Scope scope("TensorDataset::get", place);
    if (i < 0 || i >= size_)
      fail<IndexError>("example " + std::to_string(i) + " is outside [0, " + std::to_string(size_) + ")");
    std::array<Tensor, N> example;
    for (std::size_t k = 0; k < N; ++k) {
      const Tensor row = tensors_[k].rows(i, i + 1);
      Shape shape = row.shape();
      shape.erase(0);
      example[k] = row.reshape(shape);
    }
    return example;
  }
  [[nodiscard]] std::array<Tensor, N> gather(const Tensor& indices, Place place = Place::here()) const {
    std::array<Tensor, N> batch;
    for (std::size_t k = 0; k < N; ++k) batch[k] = gather_rows(tensors_[k], indices, place);
    return batch;
  }
  const std::array<Tensor, N>& tensors() const& { return tensors_; }
  std::array<Tensor, N> tensors() const&& { return tensors_; }

 private:
  std::array<Tensor, N> tensors_;
  Index size_;
};

template <class... T>
TensorDataset(T...) -> TensorDataset<sizeof...(T)>;

}  // namespace xgrad::data
XGRAD_API_END
