// Small helpers that most autograd tests share.
#pragma once

#include "support/messages.hpp"

#include <xgrad/autograd/variable.hpp>

namespace xgrad::test {

/// A leaf that requires a gradient.
inline Variable leaf(const Tensor& value) { return Variable(value, {.requires_grad = true}); }

}  // namespace xgrad::test
