// Ctrl-C as a wish to end a run, not the program.
#pragma once

#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::train {

/// Whether SIGINT came while an InterruptScope lived: `fit(..., {.stop = train::interrupted})`.
[[nodiscard]] bool interrupted();

/// In its lifetime the first SIGINT is noted, and the program goes on; a second one does what it did before.
/// Scopes may nest; the outermost one forgets an earlier interrupt.
class [[nodiscard]] InterruptScope {
 public:
  [[nodiscard]] InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
};

}  // namespace xgrad::train
XGRAD_API_END
