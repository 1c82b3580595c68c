// What a checkpoint's file holds; private to io/.
#pragma once

#include <xgrad/tensor/state_dict.hpp>

#include <string>

namespace xgrad::io::detail {

/// The tensors of a checkpoint, all of which its checksum has been compared with. Throws IoError; FormatError
/// on a file that is no checkpoint or is damaged.
StateDict read_checkpoint(const std::string& path);

}  // namespace xgrad::io::detail
