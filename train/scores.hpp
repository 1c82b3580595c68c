// Scores: named numbers in order, such as the loss and the metrics of an epoch.
// Invariant: names are unique.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::train {

class Scores {
 public:
  using Item = std::pair<std::string, double>;

  Scores() = default;
  /// Throws ValueError on an empty name.
  Scores(std::initializer_list<Item> items, Place place = Place::here());

  /// Appends, or replaces the number of that name in its place. Throws ValueError on a name that is empty or
  /// holds a zero byte.
  void set(std::string name, double value, Place place = Place::here());
  /// Null when there is none of that name.
  const double* find(std::string_view name) const&;
  const double* find(std::string_view name) const&& = delete;  // the number would be gone: at() copies it
  /// Throws ValueError naming the names there are.
  double at(std::string_view name, Place place = Place::here()) const;

  /// "names", each with a zero byte behind it, and "values", float64.
  [[nodiscard]] StateDict state_dict() const;
  /// Becomes the scores of the state when it is run. Throws ValueError when that is none; nothing is changed
  /// then.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) &;

  const std::vector<Item>& items() const& { return items_; }
  std::vector<Item> items() const&& { return items_; }
  std::size_t size() const { return items_.size(); }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  auto begin() const& { return items_.begin(); }
  auto end() const& { return items_.end(); }
  void begin() const&& = delete;  // the items would be gone: name the Scores first
  void end() const&& = delete;    // the items would be gone: name the Scores first

 private:
  std::vector<Item> items_;
};

/// "loss 0.1234, accuracy 0.9800".
[[nodiscard]] std::string to_string(const Scores& scores);
std::ostream& operator<<(std::ostream& stream, const Scores& scores);

}  // namespace xgrad::train
XGRAD_API_END
