// The IDX format of the MNIST data: zero, zero, type, rank, then big-endian sizes and elements.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <string>

XGRAD_API_BEGIN
namespace xgrad::io {

/// Reads an IDX file, raw or gzipped (told by its content). uint8 stays; int8, int16 and int32 become int64,
/// float float32, double float64. Time and memory are linear in the file's size: no more is unpacked than the
/// header declares. Throws FormatError (in a gzipped file the offset counts unpacked bytes, or packed ones
/// where the packing is damaged) and IoError, also when the machine has not the memory.
Tensor read_idx(const std::string& path, Place place = Place::here());

}  // namespace xgrad::io
XGRAD_API_END
