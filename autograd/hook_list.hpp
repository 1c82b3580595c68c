// The hooks of a node; private to the library.
#pragma once

#include <xgrad/autograd/variable.hpp>

namespace xgrad::detail {

struct Hook {
  std::uint64_t id;
  std::uint32_t output;
  Callback<Variable(const Variable&)> function;
};

/// In order of registration. A run holds those that it calls, so that one may remove itself.
struct HookList {
  std::vector<std::shared_ptr<const Hook>> hooks;
};

}  // namespace xgrad::detail
