// JPEG through libjpeg-turbo, the one source that includes it.
#include <xgrad/data/image_bytes.hpp>

#ifdef XGRAD_JPEG
// Its header wants std::size_t and FILE in the global namespace.
#include <cstddef>
#include <cstdio>

#include <jpeglib.h>

#include <jerror.h>

#include <csetjmp>
#endif

namespace xgrad::data::detail {

#ifdef XGRAD_JPEG
namespace {

struct Reading {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back;
  LibraryText error;
  std::uint8_t* row = nullptr;

  Reading() = default;
  // Also of one that was never created: its memory manager is null then.
  ~Reading() { jpeg_destroy_decompress(&jpeg); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
};

[[noreturn]] void leave(j_common_ptr jpeg) {
  auto* reading = static_cast<Reading*>(jpeg->client_data);
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  reading->error.keep(text);
  std::longjmp(reading->back, 1);
}

// Bytes that are passed over, an unknown revision of JFIF, and numbers of a scan that nothing depends on are
// harmless; the other warnings say that pixels are invented.
void on_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR && code != JWRN_NOT_SEQUENTIAL)
    leave(jpeg);
}
void print_nothing(j_common_ptr) {}

// A small file may have very many scans over a large image.
void on_progress(j_common_ptr jpeg) {
  constexpr int most_scans = 500;
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= most_scans) return;
  auto* reading = static_cast<Reading*>(jpeg->client_data);
  reading->error.keep("more than 500 scans");
  std::longjmp(reading->back, 1);
}

bool read_header(Reading& reading, std::string_view bytes) {
  jpeg_decompress_struct& jpeg = reading.jpeg;
  jpeg.err = jpeg_std_error(&reading.errors);
  reading.errors.error_exit = leave;
  reading.errors.emit_message = on_message;
  reading.errors.output_message = print_nothing;
  jpeg.client_data = &reading;
  if (setjmp(reading.back) != 0) return false;
  jpeg_create_decompress(&jpeg);
  reading.progress.progress_monitor = on_progress;
  jpeg.progress = &reading.progress;
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&jpeg, TRUE);
  return true;
}

bool read_pixels(Reading& reading) {
  jpeg_decompress_struct& jpeg = reading.jpeg;
  if (setjmp(reading.back) != 0) return false;
  jpeg_start_decompress(&jpeg);
  const std::size_t row = std::size_t{jpeg.output_width} * static_cast<std::size_t>(jpeg.output_components);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW rows[] = {reading.row + jpeg.output_scanline * row};
    jpeg_read_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

}  // namespace

Tensor read_jpeg(const ImageBytes& image, std::int64_t max_pixels) {
  Reading reading;
  jpeg_decompress_struct& jpeg = reading.jpeg;
  const auto reject = [&] {
    const std::size_t left = jpeg.src != nullptr ? jpeg.src->bytes_in_buffer : 0;
    image.reject("libjpeg: " + std::string(reading.error.text),
                 left <= image.bytes.size() ? image.bytes.size() - left : 0);
  };
  if (!read_header(reading, image.bytes)) reject();
  if (jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK)
    fail<NotImplementedError>(image.path + ": the JPEG is in CMYK, whose colours depend on a profile",
                              "convert it to RGB");
  if (jpeg.num_components != 1 && jpeg.num_components != 3)
    image.reject("expects a JPEG of 1 or 3 components, got " + std::to_string(jpeg.num_components));
  // Huffman codes take at least a bit for each block of 64; arithmetic ones take less where nothing happens.
  constexpr std::uint64_t of_huffman = 512, of_arithmetic = 64 * of_huffman;
  image.check_size(jpeg.image_height, jpeg.image_width, jpeg.image_width,
                   jpeg.arith_code ? of_arithmetic : of_huffman, max_pixels);
  jpeg.out_color_space = jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  // The same pixels on every processor.
  jpeg.dct_method = JDCT_ISLOW;
  Tensor result =
      Tensor::uninitialized({static_cast<Index>(jpeg.image_height), static_cast<Index>(jpeg.image_width),
                             static_cast<Index>(jpeg.num_components)},
                            uint8);
  reading.row = result.mutable_data<std::uint8_t>();
  if (!read_pixels(reading)) reject();
  return result;
}

#else
Tensor read_jpeg(const ImageBytes&, std::int64_t) {
  fail<NotImplementedError>("JPEG files need libjpeg, and the library was built without",
                            "install Debian's libjpeg62-turbo-dev, then build again");
}
#endif

}  // namespace xgrad::data::detail
