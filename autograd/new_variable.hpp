// Variables on new states, in recycled memory; private to the library.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/memory_blocks.hpp>

#include <new>
#include <utility>

namespace xgrad::detail {

/// Access::make for the callers that every operation has.
inline Variable new_variable(Tensor&& value, Ref<Node>&& node = {}, std::uint32_t output = 0) {
  void* block = memory::allocate_quickly(sizeof(VariableState), memory::Use::values);
  if (block == nullptr) block = memory::allocate(sizeof(VariableState), memory::Use::values);
  return Access::adopt(::new (block) VariableState(std::move(value), std::move(node), output));
}

/// Another variable of the same value and history: writing to either leaves the other as it is.
inline Variable own_handle(const Variable& variable) {
  const VariableState& state = *Access::state(variable);
  return new_variable(Tensor(state.value), Ref<Node>(state.node), state.output);
}

}  // namespace xgrad::detail
