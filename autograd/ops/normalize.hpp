// Normalisation: x less its mean, over its deviation, times a weight, plus a bias. `weight` and `bias` may be
// undefined (1 and 0). The variance divides by the count. Differentiable to any order in x, weight and bias.
// Constant data give the bias, and NaN where eps is 0. Statistics are right over the whole range of the
// dtype. DTypeError where x, weight and bias are not of one floating type; integers become float32.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

#include <optional>

XGRAD_API_BEGIN
namespace xgrad {

struct NormalizeOptions {
  double eps = 1e-5;  ///< added to the variance
};

/// (x - mean) / sqrt(var + eps) * weight + bias over the last axes, whose sizes are `normalized_shape`;
/// weight and bias have that shape (Ba, Kiros and Hinton, "Layer normalization", 2016). Throws ShapeError
/// when x does not end in it.
Variable layer_norm(const Operand& x, const Shape& normalized_shape, const Variable& weight = {},
                    const Variable& bias = {}, NormalizeOptions options = {});

struct RMSNormOptions {
  std::optional<double> eps = {};  ///< default: the dtype's epsilon
};

/// x / sqrt(mean(x^2) + eps) * weight over the last axes (Zhang and Sennrich, "Root mean square layer
/// normalization", 2019).
Variable rms_norm(const Operand& x, const Shape& normalized_shape, const Variable& weight = {},
                  RMSNormOptions options = {});

/// x (N, ..., C) normalised per sample over the axes between and over groups of C / groups neighbouring
/// channels; weight and bias (C) (Wu and He, "Group normalization", 2018). Throws ValueError when C is not a
/// multiple of `groups`.
Variable group_norm(const Operand& x, Index groups, const Variable& weight = {}, const Variable& bias = {},
                    NormalizeOptions options = {});

/// A batch normalised with its own statistics, and these, of shape (C).
struct [[nodiscard]] BatchNormalized {
  Variable output;
  Tensor mean, variance;
};
/// x (N, ..., C) normalised per channel over all axes but the last; weight and bias (C) (Ioffe and Szegedy,
/// "Batch normalization", 2015). Throws ValueError on a single value per channel. An empty batch gives
/// statistics of 0.
BatchNormalized batch_norm_training(const Operand& x, const Variable& weight = {}, const Variable& bias = {},
                                    NormalizeOptions options = {});
/// The same with given statistics (C), which are constants, converted to the dtype of x.
Variable batch_norm(const Operand& x, const Tensor& mean, const Tensor& variance, const Variable& weight = {},
                    const Variable& bias = {}, NormalizeOptions options = {});

}  // namespace xgrad
XGRAD_API_END
