// The update of averages, and their state.
#include <xgrad/nn/average.hpp>

#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/entries.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace xgrad::nn {
namespace {

// decay * average + (1 - decay) * value; a decay of 0 leaves no trace of an infinite average.
Tensor mixed(const Tensor& average, const Tensor& value, double decay) {
  if (!is_floating(value.dtype()) || decay == 0) return value;
  return xgrad::detail::dispatch_floating(value.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor result = Tensor::uninitialized(value.shape(), value.dtype());
    T* const out = result.mutable_data<T>();
    const T* const a = average.data<T>();
    const T* const x = value.data<T>();
    const T keep = static_cast<T>(decay), take = static_cast<T>(1 - decay);
    xgrad::detail::parallel_for(value.count(), xgrad::detail::grain_of(1), [=](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) out[i] = keep * a[i] + take * x[i];
    });
    return result;
  });
}

}  // namespace

ExponentialAverage::ExponentialAverage(const Module& model, ExponentialAverageOptions options, Place place)
    : options_(options) {
  const Scope scope("ExponentialAverage", place);
  if (!(options.decay >= 0 && options.decay < 1))
    fail<ValueError>("decay must be in [0, 1), got " + std::to_string(options.decay));
  average_ = model.state_dict();
}

void ExponentialAverage::update(const Module& model, Place place) {
  const Scope scope("ExponentialAverage", place);
  const StateDict values = model.state_dict();
  xgrad::detail::Entries entries(values);
  for (const auto& [name, average] : average_)
    static_cast<void>(entries.take(name, average.shape(), average.dtype()));
  entries.finish("this average");
  const auto t = static_cast<double>(updates_);
  const double decay = options_.warmup ? std::min(options_.decay, (1 + t) / (10 + t)) : options_.decay;
  StateDict next = average_;
  for (const auto& [name, average] : average_) next.set(name, mixed(average, values.at(name), decay));
  average_ = std::move(next);
  if (updates_ < std::numeric_limits<Index>::max()) ++updates_;
}

void ExponentialAverage::copy_to(Module& model, Place place) const {
  const Scope scope("ExponentialAverage", place);
  model.load_state_dict(average_);
}

StateDict ExponentialAverage::state_dict() const {
  StateDict state{{"updates", scalar(updates_)}};
  for (const auto& [name, average] : average_) state.set("average." + name, average);
  state.set_layout(average_.layout());
  return state;
}

PreparedLoad ExponentialAverage::prepare_load(const StateDict& state, Place place) & {
  const Scope scope("ExponentialAverage", place);
  xgrad::detail::Entries entries(state);
  const Tensor updates = entries.take("updates", {}, int64);
  if (updates.defined() && updates.item<Index>() < 0)
    entries.note("updates: must be at least 0, got " + std::to_string(updates.item<Index>()));
  StateDict next = average_;
  for (const auto& [name, average] : average_)
    if (Tensor loaded = entries.take("average." + name, average.shape(), average.dtype()); loaded.defined())
      next.set(name, std::move(loaded));
  entries.finish("this average");
  return [this, next = std::move(next), count = updates.item<Index>()]() mutable noexcept {
    average_ = std::move(next);
    updates_ = count;
  };
}

}  // namespace xgrad::nn
