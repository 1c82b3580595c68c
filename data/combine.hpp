// Datasets made of others: a choice of examples, several one after another, examples transformed, windows of
// a series. Invariant: each is a Dataset itself, so they compose in any order. Members are held by value: a
// dataset of tensors shares their elements.
#pragma once

#include <xgrad/data/dataset.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

XGRAD_API_BEGIN
namespace xgrad::data {

namespace detail {

/// Throws IndexError, under a Scope of that name, unless 0 <= i < size.
void check_example(const char* name, Index i, Index size, Place place);
/// Throws ShapeError, DTypeError or IndexError unless they are int64 (n,) in [0, size).
void check_indices(const char* name, const Tensor& indices, Index size, Place place);

/// The only row of a batch of one example.
Tensor only_row(const Tensor& batch);
template <std::size_t N>
std::array<Tensor, N> only_row(const std::array<Tensor, N>& batch) {
  std::array<Tensor, N> example;
  for (std::size_t k = 0; k < N; ++k) example[k] = only_row(batch[k]);
  return example;
}

template <class D>
concept GivesExamples = requires(const D& dataset, Index i) {
  { dataset.size() } -> std::convertible_to<Index>;
  dataset.get(i);
};
template <class D>
concept GathersRows = BatchDataset<D> && requires(const D& dataset, const Tensor& indices) {
  only_row(dataset.gather(indices));
};

/// What has single examples, or batches that have rows.
template <class D>
concept HasExamples = GivesExamples<D> || GathersRows<D>;

template <HasExamples D>
auto example_of(const D& dataset, Index i) {
  if constexpr (GivesExamples<D>)
    return dataset.get(i);
  else
    return only_row(dataset.gather(full({1}, i, int64)));
}
template <class D>
using MemberExample = decltype(example_of(std::declval<const D&>(), Index{}));

}  // namespace detail

/// Some examples of a dataset, in the order of `indices`, which may repeat:
/// `Subset validation(dataset, parts.validation);`.
template <class D>
requires(detail::HasExamples<D> || BatchDataset<D>) class Subset {
 public:
  /// Throws ShapeError or DTypeError unless `indices` is int64 (n,), IndexError naming the first that is no
  /// example.
  Subset(D dataset, Tensor indices, Place place = Place::here())
      : dataset_(std::move(dataset)), indices_(std::move(indices)) {
    detail::check_indices("Subset", indices_, dataset_.size(), place);
  }

  Index size() const { return indices_.count(); }
  /// Throws IndexError out of range.
  [[nodiscard]] auto get(Index i, Place place = Place::here()) const requires detail::HasExamples<D> {
    detail::check_example("Subset::get", i, size(), place);
    return detail::example_of(dataset_, indices_.data<Index>()[i]);
  }
  [[nodiscard]] auto gather(const Tensor& positions,
                            Place place = Place::here()) const requires BatchDataset<D> {
    detail::check_indices("Subset::gather", positions, size(), place);
    return dataset_.gather(gather_rows(indices_, positions, place));
  }
  /// The positions in dataset().
  const Tensor& indices() const& { return indices_; }
  Tensor indices() const&& { return indices_; }
  const D& dataset() const& { return dataset_; }
  const D& dataset() const&& = delete;  // it would be gone: name the Subset first

 private:
  D dataset_;
  Tensor indices_;
};

/// The examples of several datasets, one dataset after another: `Concat all(drawings, photographs);`. All
/// have examples of one type; shapes are compared when a batch is made.
template <class... D>
requires(sizeof...(D) > 0 && (detail::HasExamples<D> && ...)) class Concat {
  using Example = detail::MemberExample<std::tuple_element_t<0, std::tuple<D...>>>;
  static_assert((std::same_as<Example, detail::MemberExample<D>> && ...),
                "datasets that are joined have examples of one type");

 public:
  explicit Concat(D... datasets) : datasets_(std::move(datasets)...) {
    std::apply([this](const D&... all) { size_ = (Index{0} + ... + static_cast<Index>(all.size())); },
               datasets_);
  }

  Index size() const { return size_; }
  /// Throws IndexError out of range.
  [[nodiscard]] Example get(Index i, Place place = Place::here()) const {
    detail::check_example("Concat::get", i, size_, place);
    return find<0>(i);
  }

 private:
  template <std::size_t K>
  Example find(Index i) const {
    const auto& dataset = std::get<K>(datasets_);
    if constexpr (K + 1 < sizeof...(D))
      if (i >= dataset.size()) return find<K + 1>(i - dataset.size());
    return detail::example_of(dataset, i);
  }

  std::tuple<D...> datasets_;
  Index size_ = 0;
};

/// A dataset whose examples pass through `f`, one by one, each time they are read:
///   data::Map augmented(dataset, data::on_image(data::horizontal_flip()));
/// f takes an example, a Tensor or a std::array of Tensors, and returns one. With workers it is called by
/// several threads at once. In a DataLoader, the random numbers that it draws from the default generator are
/// given by seed, epoch and the example's position.
template <detail::HasExamples D, class F>
requires std::invocable<const F&, detail::MemberExample<D>>
class Map {
 public:
  Map(D dataset, F f) : dataset_(std::move(dataset)), f_(std::move(f)) {}

  Index size() const { return dataset_.size(); }
  /// Throws IndexError out of range, and what f throws.
  [[nodiscard]] auto get(Index i, Place place = Place::here()) const {
    detail::check_example("Map::get", i, size(), place);
    return f_(detail::example_of(dataset_, i));
  }
  const D& dataset() const& { return dataset_; }
  const D& dataset() const&& = delete;  // it would be gone: name the Map first

 private:
  D dataset_;
  F f_;
};

struct WindowOptions {
  Index input = 1;    ///< values that a window gives
  Index horizon = 1;  ///< values after them, which are to be told
  Index stride = 1;   ///< from the beginning of one window to that of the next
};

/// Windows of a series (T,) or (T, F), as examples {input, target} of the shapes (input, ...) and
/// (horizon, ...). Window i begins at i * stride; what is left at the end is too short for one.
class SeriesWindows {
 public:
  /// Throws ShapeError on another rank, ValueError on options below 1 and on a series that is shorter than
  /// one window.
  explicit SeriesWindows(Tensor series, const WindowOptions& options = {}, Place place = Place::here());

  Index size() const { return size_; }
  /// Throws IndexError out of range.
  [[nodiscard]] std::array<Tensor, 2> get(Index i, Place place = Place::here()) const;
  /// Where window i begins in the series; its target begins `input` later.
  Index start(Index i) const { return i * options_.stride; }

 private:
  Tensor series_;
  WindowOptions options_;
  Index size_ = 0;
};

}  // namespace xgrad::data
XGRAD_API_END
