// Scaling of features by what training data say about them.
// Invariant: fit() alone looks at data for that; a scaler is saved with its model, and gives the same numbers
// again.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/state_dict.hpp>
#include <xgrad/tensor/tensor.hpp>

XGRAD_API_BEGIN
namespace xgrad::data {

/// (x - mean) / deviation for every feature, the last axis: what scikit-learn's StandardScaler does, with the
/// population deviation. A feature that is constant, to rounding, has deviation 1.
///   data::StandardScaler scaler;
///   scaler.fit(train);  // never with validation or test data
///   const Tensor x = scaler.transform(test);
class StandardScaler {
 public:
  /// Of float32 or float64 (..., F), in double precision. Throws ShapeError below two axes and on no
  /// features, DTypeError on another type, ValueError on no rows, and on NaN or infinity naming the column
  /// and row. Nothing is changed then.
  void fit(const Tensor& x, Place place = Place::here());
  /// In x's type and shape; NaN stays NaN. Throws ValueError before fit() and where the result for a finite
  /// number has no room in the type, ShapeError on another number of features, DTypeError as fit().
  Tensor transform(const Tensor& x, Place place = Place::here()) const;
  Tensor inverse_transform(const Tensor& x, Place place = Place::here()) const;

  bool fitted() const { return mean_.count() > 0; }
  /// float64 (F,); of no elements before fit().
  Tensor mean() const { return mean_; }
  Tensor scale() const { return scale_; }

  /// "mean" and "scale".
  [[nodiscard]] StateDict state_dict() const;
  /// What load_state_dict() does, checked: a scaler that was not fitted takes any number of features, another
  /// one its own. Throws ValueError listing every mismatch, and on numbers that no fit() gives.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) &;
  void load_state_dict(const StateDict& state, Place place = Place::here()) {
    prepare_load(state, place).run();
  }

  StandardScaler();

 private:
  Tensor mean_, scale_;
};

struct MinMaxOptions {
  double low = 0;
  double high = 1;
  bool clip = false;  ///< keeps transform() within [low, high] for data beyond those of fit()
};

/// Every feature, the last axis, from its least and greatest value to [low, high], as scikit-learn's
/// MinMaxScaler. A feature that is constant, to rounding, is moved to `low` and not scaled.
class MinMaxScaler {
 public:
  /// Throws ValueError unless low < high and both and their distance are finite.
  explicit MinMaxScaler(const MinMaxOptions& options = {}, Place place = Place::here());

  /// As StandardScaler's.
  void fit(const Tensor& x, Place place = Place::here());
  Tensor transform(const Tensor& x, Place place = Place::here()) const;
  /// Of numbers that were clipped, the bound.
  Tensor inverse_transform(const Tensor& x, Place place = Place::here()) const;

  bool fitted() const { return minimum_.count() > 0; }
  /// float64 (F,); of no elements before fit(). The range of a constant feature is 1.
  Tensor minimum() const { return minimum_; }
  Tensor range() const { return range_; }
  const MinMaxOptions& options() const& { return options_; }
  MinMaxOptions options() const&& { return options_; }

  /// "minimum", "range" and the options: "low", "high", "clip".
  [[nodiscard]] StateDict state_dict() const;
  /// As StandardScaler's; the options must be the same.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) &;
  void load_state_dict(const StateDict& state, Place place = Place::here()) {
    prepare_load(state, place).run();
  }

 private:
  MinMaxOptions options_;
  Tensor minimum_, range_;
};

}  // namespace xgrad::data
XGRAD_API_END
