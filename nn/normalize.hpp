// Normalisation layers over autograd/ops/normalize.hpp; channels are the last axis. Weights start at 1,
// biases at 0.
#pragma once

#include <xgrad/autograd/ops/normalize.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

#include <optional>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// Which axes PyTorch's layer has where the one here normalises several, (H, W, C) say. Neither can be told
/// from the other by a layer alone: images have their channels first there, sequences (T, features) are the
/// same.
enum class PytorchAxes {
  unknown,         ///< load_torch goes by the shapes and throws where they fit both ways; to_torch throws
  same,            ///< the axes as here
  channels_first,  ///< the last one here comes first: (C, H, W)
};

struct LayerNormOptions {
  double eps = NormalizeOptions().eps;
  bool elementwise_affine = true;  ///< has a weight
  bool bias = true;                ///< has a bias, when affine
  DType dtype = float32;
  PytorchAxes pytorch_axes = PytorchAxes::unknown;  ///< of weight and bias over several axes
};

/// layer_norm over the last axes, of sizes `normalized_shape`: LayerNorm(512), LayerNorm({16, 512}).
class LayerNorm : public Module {
 public:
  explicit LayerNorm(const Shape& normalized_shape, LayerNormOptions options = {},
                     Place place = Place::here());
  explicit LayerNorm(Index size, LayerNormOptions options = {}, Place place = Place::here())
      : LayerNorm(Shape{size}, options, place) {}
  Variable forward(const Variable& x) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;
  Parameter bias;

 private:
  Shape normalized_shape_;
  double eps_;
  PytorchAxes pytorch_axes_;
};

struct RMSNormOptions {
  std::optional<double> eps = {};  ///< the dtype's epsilon unless given
  bool elementwise_affine = true;  ///< has a weight
  DType dtype = float32;
  PytorchAxes pytorch_axes = PytorchAxes::unknown;  ///< of a weight over several axes
};

/// rms_norm over the last axes.
class RMSNorm : public Module {
 public:
  explicit RMSNorm(const Shape& normalized_shape, RMSNormOptions options = {}, Place place = Place::here());
  explicit RMSNorm(Index size, RMSNormOptions options = {}, Place place = Place::here())
      : RMSNorm(Shape{size}, options, place) {}
  Variable forward(const Variable& x) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;

 private:
  Shape normalized_shape_;
  std::optional<double> eps_;
  PytorchAxes pytorch_axes_;
};

struct GroupNormOptions {
  double eps = NormalizeOptions().eps;
  bool affine = true;  ///< has weight and bias
  DType dtype = float32;
};

/// group_norm of x (N, ..., channels). Throws ValueError when `groups` does not divide `channels`.
class GroupNorm : public Module {
 public:
  GroupNorm(Index groups, Index channels, GroupNormOptions options = {}, Place place = Place::here());
  Variable forward(const Variable& x) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;
  Parameter bias;

 private:
  Index groups_, channels_;
  double eps_;
};

struct BatchNormOptions {
  double eps = NormalizeOptions().eps;
  std::optional<double> momentum = 0.1;  ///< weight of the new batch; nothing: the mean of all batches
  bool affine = true;                    ///< has weight and bias
  bool track_running_stats = true;       ///< without, evaluation too uses the batch's own statistics
  DType dtype = float32;
};

/// Batch normalisation for any number of axes between batch and channels; what BatchNorm1d and BatchNorm2d
/// share. In training x is normalised with its own statistics, which move the running ones (these take the
/// variance over n - 1); in evaluation with the running ones. Momentum 1 takes the new statistics as they
/// are, momentum 0 keeps the old ones, whatever the other's value. An empty batch moves nothing, nor does the
/// second computation of checkpoint().
class BatchNorm : public Module {
 public:
  Variable forward(const Variable& x) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;
  Parameter bias;
  Buffer running_mean;         ///< starts at 0
  Buffer running_var;          ///< starts at 1
  Buffer num_batches_tracked;  ///< int64; stays at its largest value

 protected:
  BatchNorm(const char* name, Index channels, const BatchNormOptions& options, Place place);
  /// Throws ShapeError when x has the wrong number of axes.
  virtual void check(const Variable& x) const = 0;

 private:
  void track(const Tensor& mean, const Tensor& variance, Index count);

  Index channels_;
  double eps_;
  std::optional<double> momentum_;
};

/// For (N, channels) and (N, L, channels).
class BatchNorm1d : public BatchNorm {
 public:
  explicit BatchNorm1d(Index channels, BatchNormOptions options = {}, Place place = Place::here())
      : BatchNorm("BatchNorm1d", channels, options, place) {}

 protected:
  void check(const Variable& x) const override;
};

/// For images (N, H, W, channels).
class BatchNorm2d : public BatchNorm {
 public:
  explicit BatchNorm2d(Index channels, BatchNormOptions options = {}, Place place = Place::here())
      : BatchNorm("BatchNorm2d", channels, options, place) {}

 protected:
  void check(const Variable& x) const override;
};

}  // namespace xgrad::nn
XGRAD_API_END
