// PNG through libpng, the one source that includes it.
#include <xgrad/data/image_bytes.hpp>

#include <vector>

#ifdef XGRAD_PNG
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <exception>
#endif

namespace xgrad::data::detail {

#ifdef XGRAD_PNG
namespace {

// ------------------------------------------------------------------------------------------------- reading

struct Reading {
  std::string_view bytes;
  std::size_t at = 0;
  LibraryText error = {};

  png_structp png = nullptr;
  png_infop info = nullptr;
  png_uint_32 width = 0, height = 0;
  int depth = 0, colour = 0;  // as they are stored

  explicit Reading(std::string_view its_bytes) : bytes(its_bytes) {}
  ~Reading() { png_destroy_read_struct(&png, &info, nullptr); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
};

void ignore(png_structp, png_const_charp) {}

[[noreturn]] void on_read_error(png_structp png, png_const_charp text) {
  static_cast<Reading*>(png_get_error_ptr(png))->error.keep(text);
  png_longjmp(png, 1);
}

void give_bytes(png_structp png, png_bytep out, std::size_t count) {
  auto* reading = static_cast<Reading*>(png_get_io_ptr(png));
  if (count > reading->bytes.size() - reading->at) {
    reading->at = reading->bytes.size();
    png_error(png, "the file ends early");
  }
  std::memcpy(out, reading->bytes.data() + reading->at, count);
  reading->at += count;
}

// Reads what stands before the pixels, and says how these are wanted: as bytes.
bool read_header(Reading& reading) {
  png_structp png = reading.png;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_read_fn(png, &reading, give_bytes);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  // Of profiles, texts and the like only check sums are read: libpng takes memory for what they declare.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_chunk_malloc_max(png, reading.bytes.size());
  png_read_info(png, reading.info);
  png_get_IHDR(png, reading.info, &reading.width, &reading.height, &reading.depth, &reading.colour, nullptr,
               nullptr, nullptr);
  if (reading.depth == 16) png_set_scale_16(png);
  // Palettes, few bits and a transparent colour.
  png_set_expand(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, reading.info);
  return true;
}

bool read_pixels(Reading& reading, png_bytep* rows) {
  if (setjmp(png_jmpbuf(reading.png)) != 0) return false;
  png_read_image(reading.png, rows);
  png_read_end(reading.png, nullptr);
  return true;
}

}  // namespace

Tensor read_png(const ImageBytes& image, std::int64_t max_pixels) {
  Reading reading(image.bytes);
  reading.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reading, on_read_error, ignore);
  if (reading.png == nullptr) throw std::bad_alloc();
  reading.info = png_create_info_struct(reading.png);
  if (reading.info == nullptr) throw std::bad_alloc();
  const auto reject = [&] { image.reject("libpng: " + std::string(reading.error.text), reading.at); };

  if (!read_header(reading)) reject();
  const Index height = reading.height, width = reading.width;
  const Index channels = png_get_channels(reading.png, reading.info);
  constexpr int of_colour[] = {1, 0, 3, 1, 2, 0, 4};  // channels as they are stored, by colour type
  const auto bits = static_cast<std::uint64_t>(of_colour[reading.colour] * reading.depth);
  constexpr std::uint64_t of_deflate = 1032;
  image.check_size(reading.height, reading.width, (reading.width * bits + 7) / 8, of_deflate, max_pixels);
  if (png_get_rowbytes(reading.png, reading.info) != static_cast<std::size_t>(width * channels))
    image.reject("libpng gives rows of another size than the image has");

  Tensor result = Tensor::uninitialized({height, width, channels}, uint8);
  std::vector<png_bytep> rows;
  for (Index row = 0; row < height; ++row)
    rows.push_back(result.mutable_data<std::uint8_t>() + row * width * channels);
  if (!read_pixels(reading, rows.data())) reject();
  return result;
}

// ------------------------------------------------------------------------------------------------- writing

namespace {

struct Writing {
  std::string bytes = {};
  std::exception_ptr thrown = nullptr;
  LibraryText error = {};
  png_structp png = nullptr;
  png_infop info = nullptr;

  Writing() = default;
  ~Writing() { png_destroy_write_struct(&png, &info); }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  bool take(const char* from, std::size_t count) noexcept {
    try {
      bytes.append(from, count);
      return true;
    } catch (...) {
      thrown = std::current_exception();
      return false;
    }
  }
};

[[noreturn]] void on_write_error(png_structp png, png_const_charp text) {
  static_cast<Writing*>(png_get_error_ptr(png))->error.keep(text);
  png_longjmp(png, 1);
}

void take_bytes(png_structp png, png_bytep from, std::size_t count) {
  if (!static_cast<Writing*>(png_get_io_ptr(png))->take(reinterpret_cast<const char*>(from), count))
    png_error(png, "no memory");
}
void flush(png_structp) {}

bool write(Writing& writing, png_uint_32 height, png_uint_32 width, int colour, png_bytep* rows) {
  if (setjmp(png_jmpbuf(writing.png)) != 0) return false;
  png_set_write_fn(writing.png, &writing, take_bytes, flush);
  png_set_IHDR(writing.png, writing.info, width, height, 8, colour, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writing.png, writing.info);
  png_write_image(writing.png, rows);
  png_write_end(writing.png, nullptr);
  return true;
}

}  // namespace

std::string png_of(const Tensor& image) {
  constexpr int of_channels[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGB_ALPHA};
  Writing writing;
  writing.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writing, on_write_error, ignore);
  if (writing.png == nullptr) throw std::bad_alloc();
  writing.info = png_create_info_struct(writing.png);
  if (writing.info == nullptr) throw std::bad_alloc();
  const Index height = image.size(0), width = image.size(1), channels = image.size(2);
  std::vector<png_bytep> rows;
  // libpng promises not to write to them, and asks for no const.
  auto* pixels = const_cast<png_bytep>(image.data<std::uint8_t>());
  for (Index row = 0; row < height; ++row) rows.push_back(pixels + row * width * channels);
  const bool good = write(writing, static_cast<png_uint_32>(height), static_cast<png_uint_32>(width),
                          of_channels[channels - 1], rows.data());
  if (writing.thrown) std::rethrow_exception(writing.thrown);
  if (!good) fail<ValueError>("libpng: " + std::string(writing.error.text));
  return std::move(writing.bytes);
}

#else
namespace {

[[noreturn]] void reject_png() {
  fail<NotImplementedError>("PNG files need libpng, and the library was built without",
                            "install Debian's libpng-dev, then build again");
}

}  // namespace

Tensor read_png(const ImageBytes&, std::int64_t) { reject_png(); }
std::string png_of(const Tensor&) { reject_png(); }
#endif

}  // namespace xgrad::data::detail
