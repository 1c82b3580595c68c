#include <xgrad/autograd/modes.hpp>

namespace xgrad::detail {

constinit thread_local Modes modes;

}  // namespace xgrad::detail
