// What messages know of the module whose forward runs on this thread; private to the library, set by nn/.
// Defined in error.cpp.
#pragma once

#include <xgrad/tensor/error.hpp>

namespace xgrad::detail {

/// Returns its dotted path, or ""; null: there are no modules.
extern std::string (*module_path_provider)();
/// Returns the line where it was called, for what has no line of its own.
extern Place (*module_place_provider)();

}  // namespace xgrad::detail
