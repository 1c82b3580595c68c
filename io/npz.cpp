// npz: a zip archive of npy files, as numpy.savez() and numpy.savez_compressed() write it.
#include <xgrad/io/contents.hpp>
#include <xgrad/io/npy.hpp>
#include <xgrad/io/zip.hpp>

#include <limits>
#include <utility>

namespace xgrad::io::detail {
namespace {

constexpr std::string_view extension = ".npy";
// NumPy leaves the comment alone: it keeps the order of axes, as safetensors does in its metadata.
constexpr std::string_view comment_start = "format: ";

}  // namespace

Contents open_npz(const SharedInput& input, const ReadOptions& options) {
  const ZipReader archive(input, unpacked_limit(options, *input));
  Contents contents{.format = Format::npz};
  if (const std::string_view comment = archive.comment(); comment.starts_with(comment_start))
    contents.layout = layout_of(comment.substr(comment_start.size()));
  std::vector<NpyHeader> headers;
  for (std::size_t i = 0; i < archive.members().size(); ++i) {
    const ZipMember& member = archive.members()[i];
    if (!member.name.ends_with(extension)) archive.reject(i, "an .npz holds only members that end in .npy");
    ZipStream stream = archive.open(i);
    headers.push_back(read_npy_header(
        member.size, [&](std::byte* out, std::size_t count) { stream.read(out, count); },
        [&](const std::string& reason, std::uint64_t offset) { stream.reject(reason, offset); }));
    const NpyHeader& header = headers.back();
    contents.entries.push_back({member.name.substr(0, member.name.size() - extension.size()), header.shape,
                                header.type->dtype, std::string(header.type->name)});
  }
  contents.read = [input, archive, headers = std::move(headers)](std::size_t i) {
    const NpyHeader& header = headers[i];
    input->require_memory(static_cast<std::uint64_t>(header.shape.count()) *
                          static_cast<std::uint64_t>(element_size(header.type->dtype)));
    ZipStream stream = archive.open(i);
    stream.skip(header.offset);
    Tensor tensor = read_npy_elements(
        header, false, [&](std::byte* out, std::size_t count, std::uint64_t) { stream.read(out, count); },
        [&](const std::string& reason, std::uint64_t offset) {
          stream.reject(reason, header.offset + offset);
        });
    stream.finish();
    return tensor;
  };
  return contents;
}

void write_npz(Sink& sink, const StateDict& dict) {
  const std::string_view layout = name_of(dict.layout());
  ZipWriter archive(sink, layout.empty() ? "" : std::string(comment_start).append(layout));
  for (const auto& [name, tensor] : dict)
    archive.add(name + std::string(extension), npy_header(tensor),
                {tensor.raw(), static_cast<std::size_t>(tensor.bytes())});
  archive.finish();
}

}  // namespace xgrad::io::detail
