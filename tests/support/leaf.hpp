// Small helpers that most autograd tests share.
#pragma once

#include <xgrad/autograd/variable.hpp>

#include <exception>
#include <functional>
#include <string>

namespace xgrad::test {

/// A leaf that requires a gradient.
inline Variable leaf(const Tensor& value) { return Variable(value, {.requires_grad = true}); }

/// What f's exception says, or "nothing was thrown".
inline std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace xgrad::test
