// Pooling layers on images with channels last, (N, H, W, C): the operations of autograd/ops/pooling.hpp as
// modules.
#pragma once

#include <xgrad/autograd/ops/pooling.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// max_pool2d: nn::MaxPool2d pool(2), nn::MaxPool2d pool({.kernel = 3, .stride = 2}). Throws ValueError
/// unless the kernel is at least 1.
class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(const MaxPool2dOptions& options, Place place = Place::here());
  explicit MaxPool2d(Size2d kernel, Place place = Place::here())
      : MaxPool2d(MaxPool2dOptions{.kernel = kernel}, place) {}
  Variable forward(const Variable& x) override;
  std::string describe() const override;

 private:
  MaxPool2dOptions options_;
};

/// avg_pool2d. Throws ValueError unless the kernel is at least 1.
class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(const AvgPool2dOptions& options, Place place = Place::here());
  explicit AvgPool2d(Size2d kernel, Place place = Place::here())
      : AvgPool2d(AvgPool2dOptions{.kernel = kernel}, place) {}
  Variable forward(const Variable& x) override;
  std::string describe() const override;

 private:
  AvgPool2dOptions options_;
};

/// adaptive_avg_pool2d to the given size, 1 for global average pooling. Throws ValueError unless it is at
/// least 1.
class AdaptiveAvgPool2d : public Module {
 public:
  explicit AdaptiveAvgPool2d(Size2d output, Place place = Place::here());
  Variable forward(const Variable& x) override;
  std::string describe() const override;

 private:
  Size2d output_;
};

}  // namespace xgrad::nn
XGRAD_API_END
