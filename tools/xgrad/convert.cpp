#include "convert.hpp"

#include "text.hpp"

#include <xgrad/io/file.hpp>
#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

namespace {

using xgrad::StateDict, xgrad::io::Entry, xgrad::io::File, xgrad::io::Format, xgrad::io::Metadata;

/// The format that io::save() will write: told before a large file is read for nothing.
Format format_by_name(const std::string& path) {
  const auto ends = [&](std::string_view extension) { return path.ends_with(extension); };
  if (ends(".safetensors")) return Format::safetensors;
  if (ends(".npz")) return Format::npz;
  if (ends(".npy")) return Format::npy;
  if (ends(".pt") || ends(".pth")) return Format::pytorch;
  xgrad::fail<xgrad::ValueError>(
      "expects a file to write that ends in .safetensors, .npz, .npy, .pt or .pth, got '" + path + "'");
}

std::vector<std::string> widened(const std::vector<Entry>& entries) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts;
  for (const Entry& entry : entries)
    if (entry.stored != to_string(entry.dtype)) ++counts[{entry.stored, std::string(to_string(entry.dtype))}];
  std::vector<std::string> notes;
  for (const auto& [types, count] : counts)
    notes.push_back(counted(count, "tensor") + " of " + types.first + " became " + types.second);
  return notes;
}

std::string a_file_of(Format format) {
  if (format == Format::pytorch) return "a file of PyTorch's";
  return (format == Format::safetensors ? "a " : "an ") + to_string(format) + " file";
}

std::string owner(StateDict::Layout layout) {
  return layout == StateDict::Layout::pytorch ? "PyTorch's" : "xgrad's";
}

}  // namespace

std::vector<std::string> convert(const std::string& from, const std::string& to) {
  const Format format = format_by_name(to);
  const File file(from);
  const std::string into = a_file_of(format);
  if (format == Format::pytorch && file.layout() == StateDict::Layout::xgrad)
    xgrad::fail<xgrad::ValueError>(
        from + " has its axes in xgrad's order, which " + into + " cannot say",
        "the model knows which axes to exchange: a program saves nn::to_torch(model) as " + to);
  if (format == Format::npy && file.entries().size() != 1)
    xgrad::fail<xgrad::ValueError>(
        into + " holds one tensor, " + from + " has " + grouped(file.entries().size()),
        "an .npz holds several");

  std::vector<std::string> notes = widened(file.entries());
  if (format == Format::safetensors) {
    xgrad::io::save(to, file.read(), file.metadata());
    return notes;
  }

  // PyTorch's own files need no metadata to say whose the order of axes is.
  const bool says_layout = format == Format::pytorch && file.layout() == StateDict::Layout::pytorch;
  std::vector<std::string> dropped;
  for (const auto& [name, text] : file.metadata())
    if (name != "format" || file.layout() == StateDict::Layout::unknown) dropped.push_back(name);
  if (!dropped.empty()) notes.push_back(into + " keeps no metadata: " + joined(dropped) + " dropped");
  if (file.layout() != StateDict::Layout::unknown && !says_layout)
    notes.push_back(into + " does not say that the axes are in " + owner(file.layout()) + " order");
  // Weights of convolutions have at least three axes.
  if (format == Format::pytorch && file.layout() == StateDict::Layout::unknown &&
      std::ranges::any_of(file.entries(), [](const Entry& entry) { return entry.shape.rank() > 2; }))
    notes.push_back(from + " does not say whose order of axes it has; " + to + " is taken to have PyTorch's");
  xgrad::io::save(to, file.read());
  return notes;
}
