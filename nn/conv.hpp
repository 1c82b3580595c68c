// Convolutional layers on images with channels last, (N, H, W, C).
#pragma once

#include <xgrad/autograd/ops/conv.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// The operation's options and defaults, with what a layer has besides. The kernel must be given.
struct Conv2dOptions {
  Size2d kernel;
  Size2d stride = xgrad::Conv2dOptions().stride;
  Padding2d padding = xgrad::Conv2dOptions().padding;
  Size2d dilation = xgrad::Conv2dOptions().dilation;
  Index groups = xgrad::Conv2dOptions().groups;
  bool bias = true;
  DType dtype = float32;

  operator xgrad::Conv2dOptions() const { return {stride, padding, dilation, groups}; }
};

/// conv2d: (N, H, W, in) to (N, H', W', out). The weight (out, kh, kw, in / groups) and the bias (out) start
/// uniform within 1 / sqrt(kh kw in / groups), as in PyTorch. Throws ValueError on sizes that are not
/// possible.
///   nn::Conv2d same(3, 8, {.kernel = 3, .padding = 1}), valid(3, 8, 3);
class Conv2d : public Module {
 public:
  Conv2d(Index in, Index out, const Conv2dOptions& options, Place place = Place::here());
  Conv2d(Index in, Index out, Size2d kernel, Place place = Place::here())
      : Conv2d(in, out, Conv2dOptions{.kernel = kernel}, place) {}

  Variable forward(const Variable& x) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;
  Parameter bias;  ///< undefined without bias

 private:
  xgrad::Conv2dOptions options_;
};

/// As Conv2dOptions.
struct ConvTranspose2dOptions {
  Size2d kernel;
  Size2d stride = xgrad::ConvTranspose2dOptions().stride;
  Padding2d padding = xgrad::ConvTranspose2dOptions().padding;
  Size2d output_padding = xgrad::ConvTranspose2dOptions().output_padding;
  Size2d dilation = xgrad::ConvTranspose2dOptions().dilation;
  Index groups = xgrad::ConvTranspose2dOptions().groups;
  bool bias = true;
  DType dtype = float32;

  operator xgrad::ConvTranspose2dOptions() const {
    return {stride, padding, output_padding, dilation, groups};
  }
};

/// conv_transpose2d: (N, H, W, in) to (N, H', W', out). The weight (in, kh, kw, out / groups) and the bias
/// (out) start uniform within 1 / sqrt(kh kw out / groups), as in PyTorch. Throws ValueError on sizes that
/// are not possible.
class ConvTranspose2d : public Module {
 public:
  ConvTranspose2d(Index in, Index out, const ConvTranspose2dOptions& options, Place place = Place::here());
  ConvTranspose2d(Index in, Index out, Size2d kernel, Place place = Place::here())
      : ConvTranspose2d(in, out, ConvTranspose2dOptions{.kernel = kernel}, place) {}

  Variable forward(const Variable& x) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;
  Parameter bias;  ///< undefined without bias

 private:
  xgrad::ConvTranspose2dOptions options_;
};

}  // namespace xgrad::nn
XGRAD_API_END
