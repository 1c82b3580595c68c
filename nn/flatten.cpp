#include <xgrad/nn/flatten.hpp>

#include <xgrad/autograd/ops/shape.hpp>

namespace xgrad::nn {

Variable Flatten::forward(const Variable& x) { return flatten(at_call(x), first_, last_); }

}  // namespace xgrad::nn
