// What a reader of one format hands to File: the names in a file, and how each tensor is read.
#pragma once

#include <xgrad/io/element_type.hpp>
#include <xgrad/io/file.hpp>
#include <xgrad/io/input.hpp>
#include <xgrad/io/sink.hpp>

#include <memory>
#include <optional>

namespace xgrad::io::detail {

struct Contents {
  Format format{};
  std::vector<Entry> entries = {};
  Metadata metadata = {};
  StateDict::Layout layout = StateDict::Layout::unknown;
  /// The tensor of entries[i].
  Callback<Tensor(std::size_t)> read = {};
};

/// Safetensors keeps the layout in its metadata, under "format": PyTorch's users write "pt".
inline constexpr std::string_view format_key = "format";
/// "pt", "xgrad", or nothing for an unknown layout; and the layout of such a name.
std::string_view name_of(StateDict::Layout layout);
StateDict::Layout layout_of(std::string_view name);

using SharedInput = std::shared_ptr<const Input>;

/// Readers: throw FormatError on a file that is not of the format; everything that is declared has been
/// compared with the file's size. Writers: `dict` has been checked by save().
Contents open_safetensors(const SharedInput& input);
void write_safetensors(Sink& sink, const StateDict& dict, const Metadata& metadata);
Contents open_npy(const SharedInput& input);
void write_npy(Sink& sink, const Tensor& tensor);
Contents open_npz(const SharedInput& input, const ReadOptions& options);
void write_npz(Sink& sink, const StateDict& dict);
/// Whether a zip archive is a file of PyTorch's rather than of NumPy's.
bool holds_pytorch(const SharedInput& input);
Contents open_pytorch(const SharedInput& input, const ReadOptions& options);
void write_pytorch(Sink& sink, const StateDict& dict);
/// An index of a checkpoint in several files, which `open` opens.
Contents open_index(const SharedInput& input, const Callback<Contents(const std::string& path)>& open);

/// The tensor of an IDX file, which may be gzipped.
Tensor read_idx(const Input& input);

/// Positions of the entries in the order of their names, and the entry of a name.
std::vector<std::size_t> order_by_name(const std::vector<Entry>& entries);
std::optional<std::size_t> find_entry(const std::vector<Entry>& entries,
                                      const std::vector<std::size_t>& by_name, std::string_view name);

/// Bytes of a tensor whose elements take `size` bytes each. Nothing where no Tensor can have the shape: the
/// product of its sizes, leaving out those of 0, is too large.
std::optional<std::uint64_t> bytes_of(const Shape& shape, std::uint64_t size);

/// Tensors whose elements stand unpacked in the file, `offset` bytes from its start.
Tensor read_elements_at(const Input& input, const ElementType& type, const Shape& shape, std::uint64_t offset,
                        bool swapped = false);

}  // namespace xgrad::io::detail
