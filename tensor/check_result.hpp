// The outcome of a check that explains itself: of allclose, gradcheck, check_parameters.
// Printed by compare.cpp.
#pragma once

#include <xgrad/tensor/api.hpp>

#include <iosfwd>
#include <string>

XGRAD_API_BEGIN
namespace xgrad {

/// Converts to bool; `text` says what was found.
struct [[nodiscard]] CheckResult {
  bool passed = false;
  std::string text;
  explicit operator bool() const { return passed; }
};
/// `text`, or "passed" and "failed" where it is empty.
std::ostream& operator<<(std::ostream& stream, const CheckResult& result);

}  // namespace xgrad
XGRAD_API_END
