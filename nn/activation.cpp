#include <xgrad/nn/activation.hpp>

#include <xgrad/autograd/ops/reduce.hpp>

namespace xgrad::nn {

Variable Softmax::forward(const Variable& x) { return softmax(at_call(x), axis_); }
Variable LogSoftmax::forward(const Variable& x) { return log_softmax(at_call(x), axis_); }

}  // namespace xgrad::nn
