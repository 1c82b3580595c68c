// The door to all formats: which one a file is of, and what holds for each.
#include <xgrad/io/file.hpp>

#include <xgrad/io/contents.hpp>

#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <ostream>

namespace xgrad::io {
namespace detail {

std::vector<std::size_t> order_by_name(const std::vector<Entry>& entries) {
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return entries[a].name < entries[b].name; });
  return order;
}

namespace {

constexpr std::pair<StateDict::Layout, std::string_view> layouts[] = {{StateDict::Layout::pytorch, "pt"},
                                                                      {StateDict::Layout::xgrad, "xgrad"}};

}  // namespace

std::string_view name_of(StateDict::Layout layout) {
  for (const auto& [known, name] : layouts)
    if (known == layout) return name;
  return {};
}

StateDict::Layout layout_of(std::string_view name) {
  for (const auto& [layout, its_name] : layouts)
    if (its_name == name) return layout;
  return StateDict::Layout::unknown;
}

std::optional<std::size_t> find_entry(const std::vector<Entry>& entries,
                                      const std::vector<std::size_t>& by_name, std::string_view name) {
  const auto found =
      std::lower_bound(by_name.begin(), by_name.end(), name,
                       [&](std::size_t i, std::string_view wanted) { return entries[i].name < wanted; });
  if (found == by_name.end() || entries[*found].name != name) return {};
  return *found;
}

namespace {

/// What a file begins with; kinds that are not read are named in the message.
enum class Kind { safetensors, index, npy, zip, old_pytorch, hdf5, gzip, unknown };

Kind kind_of(const Input& input) {
  std::array<std::byte, 16> start{};
  const std::size_t size = input.read_some(start.data(), start.size(), 0);
  const std::string_view text(reinterpret_cast<const char*>(start.data()), size);
  if (text.starts_with("\x93NUMPY")) return Kind::npy;
  if (text.starts_with("PK\3\4") || text.starts_with("PK\5\6")) return Kind::zip;
  if (text.starts_with("\x89HDF")) return Kind::hdf5;
  if (text.starts_with("\x1f\x8b")) return Kind::gzip;
  // The size of a header is below 2^32, whose upper bytes no text has.
  if (text.size() > 8 && text[8] == '{' && text.substr(4, 4) == std::string_view("\0\0\0\0", 4))
    return Kind::safetensors;
  if (const std::size_t first = text.find_first_not_of(" \t\r\n"); first != text.npos && text[first] == '{')
    return Kind::index;
  if (size > 1 && text[0] == '\x80' && text[1] <= 5) return Kind::old_pytorch;
  return Kind::unknown;
}

Contents open_contents(const SharedInput& input, const ReadOptions& options, bool index_allowed) {
  switch (kind_of(*input)) {
    case Kind::safetensors:
      return open_safetensors(input);
    case Kind::npy:
      return open_npy(input);
    case Kind::zip:
      return holds_pytorch(input) ? open_pytorch(input, options) : open_npz(input, options);
    case Kind::index:
      if (!index_allowed) input->reject("an index names files of tensors, not another index", 0);
      return open_index(input, [&](const std::string& path) {
        return open_contents(std::make_shared<const Input>(path), options, false);
      });
    case Kind::old_pytorch:
      input->reject(
          "this is a pickle, as torch.save() wrote before PyTorch 1.6; PyTorch writes it anew when it loads "
          "and saves it",
          0);
    case Kind::hdf5:
      input->reject("this is an HDF5 file, which is not read", 0);
    case Kind::gzip:
      input->reject("this file is gzipped: unpack it first", 0);
    case Kind::unknown:
      break;
  }
  input->reject(input->size() == 0
                    ? "the file is empty"
                    : "the file is no safetensors, npy, npz or PyTorch file, nor an index of safetensors",
                0);
}

/// Names stand once, and a dictionary can have them.
void check_names(const Input& input, const Contents& contents, const std::vector<std::size_t>& by_name) {
  const auto& entries = contents.entries;
  for (std::size_t i = 0; i < by_name.size(); ++i) {
    const std::string& name = entries[by_name[i]].name;
    if (!StateDict::is_name(name))
      input.reject("expects names joined by dots, none of them empty, got '" + name + "'", 0);
    if (i > 0 && entries[by_name[i - 1]].name == name)
      input.reject("the name '" + name + "' stands twice", 0);
  }
}

}  // namespace

/// The contents of an open file, with what is looked up in them.
struct OpenFile {
  OpenFile(SharedInput its_input, Contents its_contents)
      : input(std::move(its_input)),
        contents(std::move(its_contents)),
        by_name(order_by_name(contents.entries)) {
    check_names(*input, contents, by_name);
  }
  SharedInput input;
  Contents contents;
  std::vector<std::size_t> by_name;
};

namespace {

std::shared_ptr<const OpenFile> open_file(const std::string& path, const ReadOptions& options) {
  auto input = std::make_shared<const Input>(path);
  Contents contents = open_contents(input, options, true);
  return std::make_shared<const OpenFile>(std::move(input), std::move(contents));
}

}  // namespace
}  // namespace detail

std::string to_string(Format format) {
  switch (format) {
    case Format::safetensors:
      return "safetensors";
    case Format::npy:
      return "npy";
    case Format::npz:
      return "npz";
    case Format::pytorch:
      return "pytorch";
  }
  __builtin_unreachable();
}

std::ostream& operator<<(std::ostream& stream, Format format) { return stream << to_string(format); }

Format format_of_name(const std::string& path, Place place) {
  constexpr std::pair<std::string_view, Format> formats[] = {{".safetensors", Format::safetensors},
                                                             {".npz", Format::npz},
                                                             {".npy", Format::npy},
                                                             {".pt", Format::pytorch},
                                                             {".pth", Format::pytorch}};
  for (const auto& [extension, format] : formats)
    if (path.ends_with(extension)) return format;
  xgrad::detail::fail_at<ValueError>(
      place, "expects a path that ends in .safetensors, .npz, .npy, .pt or .pth, got '" + path + "'");
}

// ------------------------------------------------------------------------------------------------ reading

File::File(const std::string& path, const ReadOptions& options, Place place) : path_(path) {
  const Scope scope("io::File", place);
  file_ = detail::open_file(path, options);
}

const detail::Contents& File::contents() const {
  if (!file_) xgrad::detail::fail_at<GraphError>({}, "io::File: the file was moved from");
  return file_->contents;
}

Format File::format() const { return contents().format; }
const std::vector<Entry>& File::entries() const& { return contents().entries; }
const Metadata& File::metadata() const& { return contents().metadata; }
StateDict::Layout File::layout() const { return contents().layout; }

bool File::contains(std::string_view name) const {
  return detail::find_entry(contents().entries, file_->by_name, name).has_value();
}

Tensor File::read(std::string_view name, Place place) const {
  const Scope scope("io::File", place);
  const std::vector<Entry>& entries = contents().entries;
  if (const auto position = detail::find_entry(entries, file_->by_name, name)) {
    Tensor tensor = contents().read(*position);
    file_->input->require_unchanged();
    return tensor;
  }
  std::string names;
  constexpr std::size_t enough = 20;
  for (std::size_t i = 0; i < entries.size() && i < enough; ++i)
    names += (i == 0 ? "" : ", ") + entries[i].name;
  if (entries.size() > enough) names += " and " + std::to_string(entries.size() - enough) + " more";
  fail<ValueError>(path_ + " has no tensor '" + std::string(name) + "'", "there are: " + names);
}

StateDict File::read(Place place) const {
  const Scope scope("io::File", place);
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries())
    bytes += static_cast<std::uint64_t>(entry.shape.count()) *
             static_cast<std::uint64_t>(element_size(entry.dtype));
  file_->input->require_memory(bytes);
  StateDict dict;
  dict.set_layout(layout());
  for (std::size_t i = 0; i < entries().size(); ++i) dict.set(entries()[i].name, contents().read(i));
  file_->input->require_unchanged();
  return dict;
}

StateDict load(const std::string& path, const ReadOptions& options, Place place) {
  const Scope scope("io::load", place);
  return File(path, options).read();
}

namespace {

File open_as(Format format, const std::string& path, const ReadOptions& options = {}) {
  File file(path, options);
  if (file.format() != format)
    throw FormatError(xgrad::detail::message_prefix() + path + ": this is a file of the format " +
                          to_string(file.format()) + ", not " + to_string(format),
                      0);
  return file;
}

}  // namespace

StateDict load_safetensors(const std::string& path, Place place) {
  const Scope scope("io::load_safetensors", place);
  return open_as(Format::safetensors, path).read();
}

Tensor load_npy(const std::string& path, Place place) {
  const Scope scope("io::load_npy", place);
  return open_as(Format::npy, path).read()[0].second;
}

StateDict load_npz(const std::string& path, const ReadOptions& options, Place place) {
  const Scope scope("io::load_npz", place);
  return open_as(Format::npz, path, options).read();
}

StateDict load_pytorch(const std::string& path, const ReadOptions& options, Place place) {
  const Scope scope("io::load_pytorch", place);
  return open_as(Format::pytorch, path, options).read();
}

// ------------------------------------------------------------------------------------------------ writing

namespace {

/// Writes the path through a Sink, all or nothing.
template <class Write>
void write_whole(const std::string& path, const Write& write) {
  detail::Sink sink(path);
  write(sink);
  sink.commit();
}

}  // namespace

void save_safetensors(const std::string& path, const StateDict& dict, const Metadata& metadata, Place place) {
  const Scope scope("io::save_safetensors", place);
  Metadata whole = metadata;
  if (const std::string_view format = detail::name_of(dict.layout()); !format.empty()) {
    const auto [found, added] = whole.emplace(detail::format_key, format);
    if (!added && found->second != format)
      fail<ValueError>("the metadata say \"format\": \"" + found->second +
                       "\", the order of axes of the dictionary is that of \"" + std::string(format) + "\"");
  }
  write_whole(path, [&](detail::Sink& sink) { detail::write_safetensors(sink, dict, whole); });
}

void save_npy(const std::string& path, const Tensor& tensor, Place place) {
  const Scope scope("io::save_npy", place);
  if (!tensor.defined()) fail<ValueError>("the tensor is undefined");
  write_whole(path, [&](detail::Sink& sink) { detail::write_npy(sink, tensor); });
}

void save_npz(const std::string& path, const StateDict& dict, Place place) {
  const Scope scope("io::save_npz", place);
  write_whole(path, [&](detail::Sink& sink) { detail::write_npz(sink, dict); });
}

void save_pytorch(const std::string& path, const StateDict& dict, Place place) {
  const Scope scope("io::save_pytorch", place);
  if (dict.layout() == StateDict::Layout::xgrad)
    fail<ValueError>("the dictionary has its axes in xgrad's order, which a file of PyTorch's cannot say",
                     "nn::to_torch(model) gives PyTorch's order");
  if (dict.layout() == StateDict::Layout::unknown)
    for (const auto& [name, tensor] : dict)
      if (tensor.rank() > 2)
        fail<ValueError>("'" + name + "' has " + std::to_string(tensor.rank()) +
                             " axes, and whose order they have is not known; a file of PyTorch's is taken to "
                             "have PyTorch's",
                         "nn::to_torch(model) gives that, set_layout(StateDict::Layout::pytorch) says so");
  write_whole(path, [&](detail::Sink& sink) { detail::write_pytorch(sink, dict); });
}

void save(const std::string& path, const StateDict& dict, const Metadata& metadata, Place place) {
  const Scope scope("io::save", place);
  const Format format = format_of_name(path);
  if (format == Format::safetensors) return save_safetensors(path, dict, metadata);
  if (!metadata.empty())
    fail<ValueError>("a file of the format " + to_string(format) + " keeps no metadata", "safetensors does");
  if (format == Format::npz) return save_npz(path, dict);
  if (format == Format::pytorch) return save_pytorch(path, dict);
  if (dict.size() != 1)
    fail<ValueError>("an .npy file holds one tensor, the dictionary has " + std::to_string(dict.size()),
                     "an .npz holds several");
  save_npy(path, dict[0].second);
}

}  // namespace xgrad::io
