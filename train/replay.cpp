// Epochs begun anew.
#include <xgrad/train/replay.hpp>

#include <xgrad/io/checkpoint.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/fnv.hpp>

#include <algorithm>
#include <utility>

namespace xgrad::train::detail {
namespace {

constexpr const char* remedy = "give the loader state_dict() and prepare_load(), as data::DataLoader has";

// Going on from a sum. Of a large tensor, elements at equal distances: every batch of a run is looked at.
std::uint64_t checksum(std::uint64_t before, const Tensor& tensor) {
  constexpr Index at_most = 256;
  const Index count = tensor.count(), size = element_size(tensor.dtype());
  const Index looked_at = std::min(count, at_most);
  xgrad::detail::Fnv1a sum(before);
  for (Index i = 0; i < looked_at; ++i)
    sum.add(tensor.raw() + i * count / looked_at * size, static_cast<std::size_t>(size));
  sum.add(static_cast<std::uint64_t>(count));
  return sum.value();
}

}  // namespace

void Replay::begin(Index known) {
  known_ = known;
  passed_ = 0;
  sum_ = xgrad::detail::Fnv1a().value();
  if (known == 0) {
    at_start_ = default_generator();
  } else {
    resumed_ = default_generator();
    default_generator() = at_start_;
  }
}

bool Replay::passes(const std::vector<Tensor>& tensors, Place place) {
  for (const Tensor& tensor : tensors) sum_ = checksum(sum_, tensor);
  if (passed_ == known_) return false;
  if (passed_++ == 0) drawn_ = default_generator().position();
  if (passed_ < known_) return true;
  const bool drawn_since = default_generator().position() != drawn_;
  default_generator() = resumed_;
  if (drawn_since)
    xgrad::detail::fail_at<ValueError>(
        place, "fit: the loader draws random numbers for each batch: a run cannot go on within its epoch",
        remedy);
  if (static_cast<Index>(sum_) != expected_)
    xgrad::detail::fail_at<ValueError>(
        place, "fit: the loader gives other batches than those the interrupted epoch began with", remedy);
  return true;
}

void Replay::end(Place place) const {
  if (passed_ < known_) {
    default_generator() = resumed_;
    xgrad::detail::fail_at<ValueError>(
        place, "fit: the loader gives other batches than those the interrupted epoch began with: " +
                   std::to_string(passed_) + " instead of at least " + std::to_string(known_));
  }
}

StateDict Replay::state_dict() const {
  StateDict state{{"batches", scalar(static_cast<Index>(sum_))}};
  state.merge(StateDict(at_start_.state_dict()).with_prefix("random"));
  return state;
}

PreparedLoad Replay::prepare_load(const StateDict& state, Place place) {
  const Scope scope("fit", place);
  Replay loaded;
  io::detail::restore(state.at("batches"), loaded.expected_);
  loaded.at_start_.prepare_load(state.without_prefix("random")).run();
  return [this, loaded = std::move(loaded)]() mutable noexcept { *this = std::move(loaded); };
}

}  // namespace xgrad::train::detail
