// Drawings from a text in memory. Private to data/.
#pragma once

#include <xgrad/data/drawings.hpp>

#include <xgrad/io/input.hpp>

#include <string_view>

namespace xgrad::data::detail {

/// What read_drawings() makes of the text of a file, whose name `input` has; the options are checked already.
Tensor parse_drawings(const io::detail::Input& input, std::string_view text, const DrawingOptions& options);

}  // namespace xgrad::data::detail
