// Files of tensors: safetensors, npy and npz, PyTorch's state dictionaries.
// Invariant: a file is read as it was when it was opened, whole or not at all; one is written whole or not at
// all.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::io {

/// safetensors: https://huggingface.co/docs/safetensors, also in several files with an index. npy: one array
/// of NumPy, npz: several of them, packed or not. pytorch: torch.save() of a dictionary of tensors, since
/// PyTorch 1.6.
enum class Format : std::uint8_t { safetensors, npy, npz, pytorch };

/// "safetensors", "npy", "npz", "pytorch".
[[nodiscard]] std::string to_string(Format format);
std::ostream& operator<<(std::ostream& stream, Format format);

/// The format in which save() writes a file of that name. Throws ValueError unless it ends in .safetensors,
/// .npz, .npy, .pt or .pth.
[[nodiscard]] Format format_of_name(const std::string& path, Place place = Place::here());

/// Texts by name, which safetensors keeps beside the tensors.
using Metadata = std::map<std::string, std::string, std::less<>>;

/// A tensor of a file.
struct Entry {
  std::string name;
  Shape shape;
  DType dtype;         ///< of the tensor that is read
  std::string stored;  ///< type in the file: "float16" becomes float32, "int32" int64; else dtype's name
};

struct ReadOptions {
  /// Bytes, as they are stored, that a packed file may unpack to, or tensors that share elements take without
  /// sharing: a small file can hold very many. 0: 64 times the file's size, and at least 64 MiB.
  std::uint64_t max_unpacked = 0;
};

namespace detail {
struct Contents;
struct OpenFile;
}  // namespace detail

/// A file of tensors that is open: names, shapes and types are read at once, elements when they are asked
/// for. A value; copies share the open file, which may be replaced or removed meanwhile.
class File {
 public:
  /// The format is told by the content. Throws IoError, and FormatError when the file is of no known format,
  /// damaged or not whole.
  explicit File(const std::string& path, const ReadOptions& options = {}, Place place = Place::here());

  const std::string& path() const& { return path_; }
  std::string path() const&& { return path_; }
  Format format() const;
  /// In the order of the file.
  const std::vector<Entry>& entries() const&;
  std::vector<Entry> entries() const&& { return entries(); }
  const Metadata& metadata() const&;
  Metadata metadata() const&& { return metadata(); }
  /// PyTorch's for its own files and for safetensors whose metadata say "format": "pt".
  StateDict::Layout layout() const;

  [[nodiscard]] bool contains(std::string_view name) const;
  /// One tensor, without the rest. float16 and bfloat16 become float32, integers int64 but uint8. Throws
  /// ValueError naming the names there are, FormatError on a boolean that is neither 0 nor 1 and on a number
  /// beyond int64.
  [[nodiscard]] Tensor read(std::string_view name, Place place = Place::here()) const;
  /// All of them.
  [[nodiscard]] StateDict read(Place place = Place::here()) const;

 private:
  const detail::Contents& contents() const;

  std::string path_;
  std::shared_ptr<const detail::OpenFile> file_;
};

/// File(path).read(): the format is told by the content. The one tensor of an npy file is called "arr_0".
[[nodiscard]] StateDict load(const std::string& path, const ReadOptions& options = {},
                             Place place = Place::here());

/// Writes by the name's extension: .safetensors, .npz, .npy (one tensor), .pt or .pth. The old file stays
/// until the new one is whole and on the disk, and after an error, unless all that failed was to bring the
/// directory to the disk. Throws IoError; ValueError on another extension, on metadata that the format does
/// not keep, and on a dictionary for PyTorch's format that is in xgrad's order of axes, or in an unknown one
/// and has a tensor of more than two (nn::to_torch() converts a model, set_layout() says what is known).
void save(const std::string& path, const StateDict& dict, const Metadata& metadata = {},
          Place place = Place::here());

/// load() of one format: FormatError on another.
[[nodiscard]] StateDict load_safetensors(const std::string& path, Place place = Place::here());
[[nodiscard]] Tensor load_npy(const std::string& path, Place place = Place::here());
[[nodiscard]] StateDict load_npz(const std::string& path, const ReadOptions& options = {},
                                 Place place = Place::here());
[[nodiscard]] StateDict load_pytorch(const std::string& path, const ReadOptions& options = {},
                                     Place place = Place::here());

/// save() in one format, whatever the path's extension.
void save_safetensors(const std::string& path, const StateDict& dict, const Metadata& metadata = {},
                      Place place = Place::here());
void save_npy(const std::string& path, const Tensor& tensor, Place place = Place::here());
void save_npz(const std::string& path, const StateDict& dict, Place place = Place::here());
void save_pytorch(const std::string& path, const StateDict& dict, Place place = Place::here());

}  // namespace xgrad::io
XGRAD_API_END
