// Which operations have run; not installed, but exported for the test program, whose table must cover them.
// Defined in record.cpp.
#pragma once

#include <xgrad/tensor/api.hpp>

#include <string>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::detail {

/// While enabled, every operation called in the process notes its name.
void track_operations(bool enabled);
std::vector<std::string> tracked_operations();

}  // namespace xgrad::detail
XGRAD_API_END
