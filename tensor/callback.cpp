#include <xgrad/tensor/callback.hpp>

namespace xgrad::detail {

void reject_empty_callback() {
  fail<GraphError>("a function that is undefined was called", "it was default-constructed or moved from");
}

}  // namespace xgrad::detail
