// Dropout (Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014).
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// Each element of x set to 0 with probability p, infinities and NaN included, the others divided by 1 - p:
/// the expected value is kept. Draws from the thread's default generator. Throws ValueError unless 0 <= p <=
/// 1, DTypeError unless x is floating.
Variable dropout(const Operand& x, double p = 0.5);

/// dropout() in training mode, identity in evaluation.
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5, Place place = Place::here());
  Variable forward(const Variable& x) override;
  std::string describe() const override;
  double p() const { return p_; }

 private:
  double p_;
};

/// dropout() of whole channels of sequences (N, L, C): each example's channel is dropped or kept as one.
/// Throws as dropout does, ShapeError unless x has three axes.
Variable dropout1d(const Operand& x, double p = 0.5);
/// The same for images (N, H, W, C), of four axes.
Variable dropout2d(const Operand& x, double p = 0.5);

/// dropout1d() in training mode, identity in evaluation.
class Dropout1d : public Module {
 public:
  explicit Dropout1d(double p = 0.5, Place place = Place::here());
  Variable forward(const Variable& x) override;
  std::string describe() const override;
  double p() const { return p_; }

 private:
  double p_;
};

/// dropout2d() in training mode, identity in evaluation.
class Dropout2d : public Module {
 public:
  explicit Dropout2d(double p = 0.5, Place place = Place::here());
  Variable forward(const Variable& x) override;
  std::string describe() const override;
  double p() const { return p_; }

 private:
  double p_;
};

}  // namespace xgrad::nn
XGRAD_API_END
