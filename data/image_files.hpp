// Image files: PNG and JPEG, and a folder of them as a dataset.
// Invariant: an image is read whole or not at all; sizes are compared with what the file can hold before
// memory is taken.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <array>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::data {

/// The channels that an image gets: those of the file (1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha), 1
/// or 3. Grey of a coloured pixel is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded. Where there is
/// alpha, grey and rgb show the image on a background, composited in the values as they are stored.
enum class ImageMode : std::uint8_t { stored, grey, rgb };
/// "stored", "grey", "rgb".
[[nodiscard]] std::string to_string(ImageMode mode);
std::ostream& operator<<(std::ostream& stream, ImageMode mode);

struct ReadImageOptions {
  ImageMode mode = ImageMode::stored;
  std::uint8_t background = 255;  ///< behind transparent pixels, in each channel
  /// Images of more pixels are refused.
  std::int64_t max_pixels = std::int64_t{1} << 28;
};

/// A PNG or JPEG file as uint8 (H, W, C); which of them it is its first bytes tell, not its name. Palettes
/// become RGB, samples of 1, 2 and 4 bits are scaled to 0 to 255, those of 16 bits rounded; a transparent
/// colour becomes alpha. Gamma, colour profiles and EXIF's orientation are left alone. Throws IoError,
/// FormatError with the text of libpng or libjpeg on a file that is damaged or cut short, NotImplementedError
/// on a JPEG in CMYK and where the library was built without libpng or libjpeg.
Tensor read_image(const std::string& path, const ReadImageOptions& options = {}, Place place = Place::here());

/// Writes (H, W) or (H, W, C) as PNG: grey, grey and alpha, RGB, RGB and alpha for C from 1 to 4. float32 and
/// float64 are from 0 to 1, and rounded to 255ths. The old file stays until the new one is whole and on the
/// disk. Throws ShapeError, DTypeError, ValueError on a number outside [0, 1], IoError, NotImplementedError
/// where the library was built without libpng.
void write_png(const std::string& path, const Tensor& image, Place place = Place::here());

struct ImageFolderOptions {
  ReadImageOptions read = {.mode = ImageMode::rgb};
  /// All images must be of one size, as batches need them; otherwise a transform has to see to that.
  bool equal_sizes = true;
};

/// Images sorted into directories, DIR/class/image.png (or .jpg, .jpeg, in capitals, too), as examples of a
/// DataLoader: (image uint8 (H, W, C), label int64 ()). Classes are sorted by the bytes of their names, and
/// so are the images of each. Other files, and names that begin with a dot, are left out. Files are read when
/// they are asked for.
class ImageFolder {
 public:
  /// Throws IoError when there is no such directory, ValueError when there is no class in it, or a class has
  /// no image.
  explicit ImageFolder(const std::string& directory, const ImageFolderOptions& options = {},
                       Place place = Place::here());

  Index size() const;
  /// By label.
  const std::vector<std::string>& classes() const&;
  std::vector<std::string> classes() const&& { return classes(); }
  /// By example.
  const std::vector<std::string>& paths() const&;
  std::vector<std::string> paths() const&& { return paths(); }
  /// int64 (size,).
  Tensor labels() const;
  /// Throws IndexError out of range, ShapeError naming two files of different shapes when sizes must be
  /// equal, and as read_image().
  [[nodiscard]] std::array<Tensor, 2> get(Index i, Place place = Place::here()) const;

  // Moves are copies, so that none is ever without its body.
  ImageFolder(const ImageFolder&) = default;
  ImageFolder& operator=(const ImageFolder&) = default;
  ~ImageFolder() = default;

  struct Body;  ///< the library's own

 private:
  std::shared_ptr<const Body> body_;
};

}  // namespace xgrad::data
XGRAD_API_END
