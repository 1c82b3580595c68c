// Convolution and pooling of sequences with channels last, (N, L, C): those of images of height 1.
#pragma once

#include <xgrad/autograd/ops/window.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// Elements added around a sequence: `1` on both sides, `{2, 0}` before and behind, or `Padding1d::same` for
/// a result of the input's length (stride 1; an odd one goes behind).
struct Padding1d {
  enum Automatic { same };
  Padding sides;
  bool automatic = false;

  Padding1d(Index both) : Padding1d(both, both) {}
  Padding1d(Index before, Index behind) : sides{before, behind} {}
  Padding1d(Automatic) : automatic(true) {}

  operator Padding2d() const { return automatic ? Padding2d(Padding2d::same) : Padding2d(Padding{}, sides); }
};
/// "1", "(2, 0)", "same".
[[nodiscard]] std::string to_string(const Padding1d& padding);

/// The kernel must be given.
struct Conv1dOptions {
  Index kernel;
  Index stride = 1;
  Padding1d padding = 0;
  Index dilation = 1;  ///< elements from tap to tap
  Index groups = 1;    ///< channels and outputs in so many parts that do not mix
  bool bias = true;
  DType dtype = float32;
};

/// Cross-correlation of (N, L, in) to (N, L', out) with L' = (L + padding - dilation (kernel - 1) - 1) /
/// stride + 1. The weight (out, kernel, in / groups), in PyTorch (out, in / groups, kernel), and the bias
/// (out) start uniform within 1 / sqrt(kernel in / groups), as there. Throws ValueError on sizes that are not
/// possible.
///   nn::Conv1d same(3, 8, {.kernel = 3, .padding = 1}), valid(3, 8, 3);
class Conv1d : public Module {
 public:
  Conv1d(Index in, Index out, const Conv1dOptions& options, Place place = Place::here());
  Conv1d(Index in, Index out, Index kernel, Place place = Place::here())
      : Conv1d(in, out, Conv1dOptions{.kernel = kernel}, place) {}

  Variable forward(const Variable& x) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;
  Parameter bias;  ///< undefined without bias

 private:
  Conv1dOptions options_;
};

/// The kernel must be given.
struct MaxPool1dOptions {
  Index kernel;
  Index stride = 0;  ///< 0: the kernel's size
  Padding1d padding = 0;
  Index dilation = 1;
};
/// max_pool2d along L: the largest value in each window of (N, L, C). Throws ValueError unless the kernel is
/// at least 1.
class MaxPool1d : public Module {
 public:
  explicit MaxPool1d(const MaxPool1dOptions& options, Place place = Place::here());
  explicit MaxPool1d(Index kernel, Place place = Place::here())
      : MaxPool1d(MaxPool1dOptions{.kernel = kernel}, place) {}
  Variable forward(const Variable& x) override;
  std::string describe() const override;

 private:
  MaxPool1dOptions options_;
};

/// The kernel must be given.
struct AvgPool1dOptions {
  Index kernel;
  Index stride = 0;  ///< 0: the kernel's size
  Padding1d padding = 0;
  bool count_include_pad = true;  ///< divides by the kernel's size at the borders too
};
/// avg_pool2d along L: the mean of each window of (N, L, C). Throws ValueError unless the kernel is at
/// least 1.
class AvgPool1d : public Module {
 public:
  explicit AvgPool1d(const AvgPool1dOptions& options, Place place = Place::here());
  explicit AvgPool1d(Index kernel, Place place = Place::here())
      : AvgPool1d(AvgPool1dOptions{.kernel = kernel}, place) {}
  Variable forward(const Variable& x) override;
  std::string describe() const override;

 private:
  AvgPool1dOptions options_;
};

}  // namespace xgrad::nn
XGRAD_API_END
