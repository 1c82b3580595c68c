// The integer that counts elements. Apart from shape.hpp, so that loops over arrays need to know no shapes.
#pragma once

#include <cstdint>

namespace xgrad {

/// Counts and positions of elements.
using Index = std::int64_t;

}  // namespace xgrad
