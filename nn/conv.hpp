// Convolutional layers on images with channels last, (N, H, W, C).
#pragma once

#include <xgrad/autograd/ops/conv.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

struct Conv2dOptions {
  Size2d kernel = 0;
  Size2d stride = 1;
  Padding2d padding = 0;
  Size2d dilation = 1;
  Index groups = 1;
  bool bias = true;
  DType dtype = float32;
};

/// conv2d: (N, H, W, in) to (N, H', W', out). The weight (out, kh, kw, in / groups) and the bias (out) start
/// uniform within 1 / sqrt(kh kw in / groups), as in PyTorch. Throws ValueError on sizes that are not
/// possible.
///   nn::Conv2d layer(3, 8, {.kernel = 3, .padding = 1});
class Conv2d : public Module {
 public:
  Conv2d(Index in, Index out, const Conv2dOptions& options, Place place = Place::here());

  Variable forward(const Variable& x) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;
  Parameter bias;  ///< undefined without bias

 private:
  ConvOptions options_;
};

struct ConvTranspose2dOptions {
  Size2d kernel = 0;
  Size2d stride = 1;
  Padding2d padding = 0;
  Size2d output_padding = 0;
  Size2d dilation = 1;
  Index groups = 1;
  bool bias = true;
  DType dtype = float32;
};

/// conv_transpose2d: (N, H, W, in) to (N, H', W', out). The weight (in, kh, kw, out / groups) and the bias
/// (out) start uniform within 1 / sqrt(kh kw out / groups), as in PyTorch. Throws ValueError on sizes that
/// are not possible.
class ConvTranspose2d : public Module {
 public:
  ConvTranspose2d(Index in, Index out, const ConvTranspose2dOptions& options, Place place = Place::here());

  Variable forward(const Variable& x) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;
  Parameter bias;  ///< undefined without bias

 private:
  ConvTransposeOptions options_;
};

}  // namespace xgrad::nn
XGRAD_API_END
