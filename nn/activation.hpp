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

struct ReLU : Elementwise<relu> {};
struct ReLU6 : Elementwise<relu6> {};
struct SELU : Elementwise<selu> {};
struct SiLU : Elementwise<silu> {};
struct Mish : Elementwise<mish> {};
struct Sigmoid : Elementwise<sigmoid> {};
struct LogSigmoid : Elementwise<logsigmoid> {};
struct Tanh : Elementwise<xgrad::tanh> {};
struct Hardsigmoid : Elementwise<hardsigmoid> {};
struct Hardswish : Elementwise<hardswish> {};
struct Softsign : Elementwise<softsign> {};
struct Tanhshrink : Elementwise<tanhshrink> {};

class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double slope = 0.01) : slope_(slope) {}
  Variable forward(const Variable& x) override { return leaky_relu(at_call(x), slope_); }

 private:
  double slope_;
};

class ELU : public Module {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}
  Variable forward(const Variable& x) override { return elu(at_call(x), alpha_); }

 private:
  double alpha_;
};

class CELU : public Module {
 public:
  explicit CELU(double alpha = 1) : alpha_(alpha) {}
  Variable forward(const Variable& x) override { return celu(at_call(x), alpha_); }

 private:
  double alpha_;
};

class GELU : public Module {
 public:
  explicit GELU(GeluForm form = GeluForm::erf) : form_(form) {}
  Variable forward(const Variable& x) override { return gelu(at_call(x), form_); }

 private:
  GeluForm form_;
};

class Softplus : public Module {
 public:
  explicit Softplus(double beta = 1) : beta_(beta) {}
  Variable forward(const Variable& x) override { return softplus(at_call(x), beta_); }

 private:
  double beta_;
};

class Hardtanh : public Module {
 public:
  explicit Hardtanh(double low = -1, double high = 1) : low_(low), high_(high) {}
  Variable forward(const Variable& x) override { return hardtanh(at_call(x), low_, high_); }

 private:
  double low_;
  double high_;
};

class Softshrink : public Module {
 public:
  explicit Softshrink(double lambda = 0.5) : lambda_(lambda) {}
  Variable forward(const Variable& x) override { return softshrink(at_call(x), lambda_); }

 private:
  double lambda_;
};

class Hardshrink : public Module {
 public:
  explicit Hardshrink(double lambda = 0.5) : lambda_(lambda) {}
  Variable forward(const Variable& x) override { return hardshrink(at_call(x), lambda_); }

 private:
  double lambda_;
};

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

class LogSoftmax : public Module {
 public:
  explicit LogSoftmax(Index axis = -1) : axis_(axis) {}
  Variable forward(const Variable& x) override;

 private:
  Index axis_;
};

}  // namespace xgrad::nn
XGRAD_API_END
