// Axes merged between convolutions and fully connected layers.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// In which order Flatten lays out the elements of an image (H, W, C).
enum class FlattenOrder {
  as_stored,  ///< row-major, channels last
  pytorch,    ///< that of a flattened (C, H, W): what a Linear behind it has learned in PyTorch
};

struct FlattenOptions {
  FlattenOrder order = FlattenOrder::as_stored;
};

/// Merges axes first ... last into one; by default all but the batch. In PyTorch's order it takes images
/// (N, H, W, C) alone, and throws ShapeError on other ranks.
///   nn::Flatten rows, as_pytorch({.order = nn::FlattenOrder::pytorch});
class Flatten : public Module {
 public:
  explicit Flatten(Index first = 1, Index last = -1) : first_(first), last_(last) {}
  explicit Flatten(FlattenOptions options) : first_(1), last_(-1), order_(options.order) {}
  Variable forward(const Variable& x) override;
  std::string describe() const override;
  Index first() const { return first_; }
  Index last() const { return last_; }
  FlattenOrder order() const { return order_; }

 private:
  Index first_;
  Index last_;
  FlattenOrder order_ = FlattenOrder::as_stored;
};

}  // namespace xgrad::nn
XGRAD_API_END
