// Images in memory and their PNG and JPEG forms: png.cpp alone includes libpng, jpeg.cpp libjpeg. Private to
// data/. Both libraries leave by longjmp() when they fail: the functions that call setjmp() own nothing, and
// their errors become exceptions behind them.
#pragma once

#include <xgrad/data/image_files.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace xgrad::data::detail {

/// A file that is being read.
struct ImageBytes {
  const std::string& path;
  std::string_view bytes;

  /// Throws FormatError that names the file.
  [[noreturn]] void reject(const std::string& text, std::size_t offset = 0) const;
  /// Throws FormatError when there are more pixels than `max_pixels`, or more bytes, as they are stored, than
  /// `best_ratio` times the file's.
  void check_size(std::uint64_t height, std::uint64_t width, std::uint64_t bytes_of_row,
                  std::uint64_t best_ratio, std::int64_t max_pixels) const;
};

/// uint8 (H, W, C), with the channels of the file.
Tensor read_png(const ImageBytes& image, std::int64_t max_pixels);
Tensor read_jpeg(const ImageBytes& image, std::int64_t max_pixels);
/// `image` is uint8 (H, W, C), C from 1 to 4.
std::string png_of(const Tensor& image);

/// What a library has to say, kept by its callback, which must not throw. Room for the longest of both.
struct LibraryText {
  char text[256] = "";

  void keep(const char* message) {
    std::size_t size = 0;
    while (message != nullptr && message[size] != '\0' && size + 1 < sizeof text) ++size;
    for (std::size_t i = 0; i < size; ++i) text[i] = message[i];
    text[size] = '\0';
  }
};

/// The same as read_image() of bytes in memory.
Tensor decode_image(const ImageBytes& image, const ReadImageOptions& options);

}  // namespace xgrad::data::detail
