// Activations as modules, for Sequential. The formulas are those of autograd/ops/math.hpp.
#pragma once

#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// The module form of an elementwise operation without options: struct Cosine : Elementwise<cos> {};
template <Variable (*f)(const Operand&)>
struct Elementwise : Module {
  Variable forward(const Variable& x) override { return f(at_call(x)); }
};

/// max(x, 0).
struct ReLU : Elementwise<relu> {};
/// min(max(x, 0), 6).
struct ReLU6 : Elementwise<relu6> {};
/// The self-normalising ELU of Klambauer et al. 2017.
struct SELU : Elementwise<selu> {};
/// x sigmoid(x); swish.
struct SiLU : Elementwise<silu> {};
/// x tanh(softplus(x)); Misra 2019.
struct Mish : Elementwise<mish> {};
/// 1 / (1 + exp(-x)).
struct Sigmoid : Elementwise<sigmoid> {};
/// log(sigmoid(x)).
struct LogSigmoid : Elementwise<logsigmoid> {};
/// tanh(x).
struct Tanh : Elementwise<xgrad::tanh> {};
/// relu6(x + 3) / 6.
struct Hardsigmoid : Elementwise<hardsigmoid> {};
/// x hardsigmoid(x).
struct Hardswish : Elementwise<hardswish> {};
/// x / (1 + |x|).
struct Softsign : Elementwise<softsign> {};
/// x - tanh(x).
struct Tanhshrink : Elementwise<tanhshrink> {};

/// x where x > 0, slope x elsewhere.
class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double slope = 0.01) : slope_(slope) {}
  Variable forward(const Variable& x) override { return leaky_relu(at_call(x), slope_); }

 private:
  double slope_;
};

/// x where x > 0, alpha (exp(x) - 1) elsewhere.
class ELU : public Module {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}
  Variable forward(const Variable& x) override { return elu(at_call(x), alpha_); }

 private:
  double alpha_;
};

/// x where x > 0, alpha (exp(x / alpha) - 1) elsewhere.
class CELU : public Module {
 public:
  explicit CELU(double alpha = 1) : alpha_(alpha) {}
  Variable forward(const Variable& x) override { return celu(at_call(x), alpha_); }

 private:
  double alpha_;
};

/// x Phi(x), with the normal distribution function Phi or its approximation by tanh; Hendrycks and Gimpel
/// 2016.
class GELU : public Module {
 public:
  explicit GELU(GeluForm form = GeluForm::erf) : form_(form) {}
  Variable forward(const Variable& x) override { return gelu(at_call(x), form_); }

 private:
  GeluForm form_;
};

/// log(1 + exp(beta x)) / beta.
class Softplus : public Module {
 public:
  explicit Softplus(double beta = 1) : beta_(beta) {}
  Variable forward(const Variable& x) override { return softplus(at_call(x), beta_); }

 private:
  double beta_;
};

/// x within [low, high].
class Hardtanh : public Module {
 public:
  explicit Hardtanh(double low = -1, double high = 1) : low_(low), high_(high) {}
  Variable forward(const Variable& x) override { return hardtanh(at_call(x), low_, high_); }

 private:
  double low_;
  double high_;
};

/// x moved towards 0 by lambda; 0 within it.
class Softshrink : public Module {
 public:
  explicit Softshrink(double lambda = 0.5) : lambda_(lambda) {}
  Variable forward(const Variable& x) override { return softshrink(at_call(x), lambda_); }

 private:
  double lambda_;
};

/// x where |x| > lambda, 0 elsewhere.
class Hardshrink : public Module {
 public:
  explicit Hardshrink(double lambda = 0.5) : lambda_(lambda) {}
  Variable forward(const Variable& x) override { return hardshrink(at_call(x), lambda_); }

 private:
  double lambda_;
};

/// x where x > threshold, `value` elsewhere.
class Threshold : public Module {
 public:
  Threshold(double threshold, double value) : threshold_(threshold), value_(value) {}
  Variable forward(const Variable& x) override { return xgrad::threshold(at_call(x), threshold_, value_); }

 private:
  double threshold_;
  double value_;
};

/// exp(x) / sum(exp(x)) along an axis.
class Softmax : public Module {
 public:
  explicit Softmax(Index axis = -1) : axis_(axis) {}
  Variable forward(const Variable& x) override;

 private:
  Index axis_;
};

/// log(softmax(x)) along an axis.
class LogSoftmax : public Module {
 public:
  explicit LogSoftmax(Index axis = -1) : axis_(axis) {}
  Variable forward(const Variable& x) override;

 private:
  Index axis_;
};

}  // namespace xgrad::nn
XGRAD_API_END
