#include "convert.hpp"

#include "text.hpp"

#include <xgrad/io/file.hpp>
#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <map>
#include <string_view>

namespace {

using xgrad::StateDict, xgrad::io::Entry, xgrad::io::File, xgrad::io::Format, xgrad::io::Metadata;

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

std::vector<std::string> convert(const ConvertOptions& options) {
  const auto& [from, to, stated, reading] = options;
  // Told before a large file is read for nothing.
  const Format format = xgrad::io::format_of_name(to);
  const File file(from, reading);
  const std::string into = a_file_of(format);
  const bool says = file.layout() != StateDict::Layout::unknown;
  if (says && stated != StateDict::Layout::unknown && stated != file.layout())
    xgrad::fail<xgrad::ValueError>(from + " says that its axes are in " + owner(file.layout()) + " order");
  const StateDict::Layout layout = says ? file.layout() : stated;
  if (format == Format::pytorch && layout == StateDict::Layout::xgrad)
    xgrad::fail<xgrad::ValueError>(
        from + " has its axes in xgrad's order, which " + into + " cannot say",
        "the model knows which axes to exchange: a program saves nn::to_torch(model) as " + to);
  if (format == Format::pytorch && layout == StateDict::Layout::unknown &&
      std::ranges::any_of(file.entries(), [](const Entry& entry) { return entry.shape.rank() > 2; }))
    xgrad::fail<xgrad::ValueError>(
        from + " does not say whose order its axes have, and " + into + " is taken to have PyTorch's",
        "--layout pytorch says so");
  if (format == Format::npy && file.entries().size() != 1)
    xgrad::fail<xgrad::ValueError>(
        into + " holds one tensor, " + from + " has " + grouped(file.entries().size()),
        "an .npz holds several");

  StateDict dict = file.read();
  dict.set_layout(layout);
  std::vector<std::string> notes = widened(file.entries());
  if (format == Format::safetensors) {
    xgrad::io::save(to, dict, file.metadata());
    return notes;
  }
  std::vector<std::string> dropped;
  for (const auto& [name, text] : file.metadata())
    if (name != "format" || !says) dropped.push_back(name);
  if (!dropped.empty()) notes.push_back(into + " keeps no metadata: " + joined(dropped) + " dropped");
  if (layout != StateDict::Layout::unknown && format == Format::npy)
    notes.push_back(into + " does not say that the axes are in " + owner(layout) + " order");
  xgrad::io::save(to, dict);
  return notes;
}
