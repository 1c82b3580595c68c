// `xgrad convert`: a file of tensors in another format.
#pragma once

#include "options.hpp"

#include <string>
#include <vector>

/// Writes `to` from `from`. Returns what the new file does not say that the old one did, or says otherwise: a
/// line each.
std::vector<std::string> convert(const ConvertOptions& options);
