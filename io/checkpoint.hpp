// Checkpoint: all of a run in one file, so that a killed run goes on as if nothing had happened.
// Invariant: loading changes every part or none.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/convert.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::io {

/// What has a state: modules, optimizers, schedules, generators, data loaders, and classes of your own with
/// these two members. prepare_load() throws ValueError naming every mismatch.
template <class T>
concept Stateful = requires(T& part, const StateDict& state) {
  { std::as_const(part).state_dict() } -> std::convertible_to<StateDict>;
  { part.prepare_load(state) } -> std::convertible_to<PreparedLoad>;
};

namespace detail {

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, long double>;
/// The type that a value of the user's is kept as.
template <class T>
using Kept = std::conditional_t<!Number<T> || std::same_as<T, bool>, T,
                                std::conditional_t<std::is_integral_v<T>, std::int64_t, double>>;

Tensor kept(bool value);
Tensor kept(std::int64_t value);
Tensor kept(double value);
Tensor kept(const std::string& value);
Tensor kept(const std::vector<double>& value);
Tensor kept(const Tensor& value);
/// The value that a tensor keeps. Throws ValueError on a tensor of another type or shape.
void restore(const Tensor& from, bool& value);
void restore(const Tensor& from, std::int64_t& value);
void restore(const Tensor& from, double& value);
void restore(const Tensor& from, std::string& value);
void restore(const Tensor& from, std::vector<double>& value);
void restore(const Tensor& from, Tensor& value);
[[noreturn]] void reject_range(Scalar number);

}  // namespace detail

/// Values of your own that a checkpoint keeps: numbers, bool, std::string, a std::vector<double>, such as a
/// history of losses, and a Tensor, whose shape and type may be others when it is loaded.
template <class T>
concept KeptValue = detail::Number<T> || std::same_as<T, std::string> ||
    std::same_as<T, std::vector<double>> || std::same_as<T, Tensor>;

/// The parts of a run by name. It refers to them: they must outlive it and stay where they are.
///   io::Checkpoint run;
///   run.add("model", model).add("optimizer", optimizer);
///   run.add("loader", loader).add("random", default_generator());
///   run.add("best", best_accuracy);
///   run.save("run.safetensors");
class Checkpoint {
 public:
  /// Throws ValueError when the name is none of a StateDict's, or is in use: "model" beside "model.fc", too.
  template <Stateful T>
  Checkpoint& add(std::string name, T& part, Place place = Place::here()) {
    return add({name, false,
                [name, &part](StateDict& state) {
                  state.merge(StateDict(std::as_const(part).state_dict()).with_prefix(name));
                },
                [name, &part](const StateDict& state) {
                  return PreparedLoad(part.prepare_load(state.without_prefix(name)));
                }},
               place);
  }
  /// A whole number that int64 has no room for throws ValueError when it is saved, one that T has no room for
  /// when it is loaded.
  template <KeptValue T>
  Checkpoint& add(std::string name, T& value, Place place = Place::here()) {
    return add({name, true,
                [name, &value](StateDict& state) {
                  if constexpr (std::is_integral_v<T>)
                    if (!xgrad::detail::fits<detail::Kept<T>>(value)) detail::reject_range(value);
                  state.set(name, detail::kept(static_cast<const detail::Kept<T>&>(value)));
                },
                [name, &value](const StateDict& state) {
                  detail::Kept<T> loaded{};
                  detail::restore(state.at(name), loaded);
                  if constexpr (detail::Number<T>)
                    if (!xgrad::detail::fits<T>(loaded)) detail::reject_range(loaded);
                  return PreparedLoad([&value, loaded = std::move(loaded)]() mutable noexcept {
                    value = static_cast<T>(std::move(loaded));
                  });
                }},
               place);
  }

  /// The state of all parts: "model.fc.weight", "optimizer.state.0.step", "best", ...
  [[nodiscard]] StateDict state_dict(Place place = Place::here()) const;
  /// Throws ValueError listing every mismatch of every part, and what is missing or belongs to none.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here());

  /// Writes all parts into a safetensors file, as io::save() does. Throws ValueError on the extension of
  /// another format.
  void save(const std::string& path, Place place = Place::here()) const;
  /// Restores what save() wrote, bitwise. Throws IoError; FormatError when the file is no checkpoint or
  /// damaged, in its elements, too; ValueError as prepare_load(). Nothing is changed then, nor when memory
  /// runs out.
  void load(const std::string& path, Place place = Place::here());

 private:
  struct Part {
    std::string name;
    bool value;  // one tensor, of the part's own name
    Callback<void(StateDict& state)> save;
    Callback<PreparedLoad(const StateDict& state)> prepare;

    bool owns(std::string_view tensor) const;
  };
  Checkpoint& add(Part part, Place place);

  std::vector<Part> parts_;
};

}  // namespace xgrad::io
XGRAD_API_END
