// PyTorch's files since 1.6: a zip archive of a pickle, data.pkl, and one member for each storage that
// tensors in it share, data/0, data/1, ... All stand in one folder of any name.
#include <xgrad/io/contents.hpp>
#include <xgrad/io/pickle.hpp>
#include <xgrad/io/zip.hpp>

#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace xgrad::io::detail {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view pickle_name = "data.pkl";

// Memory that a file may make its reader take, with the option that allows more.
class Budget {
 public:
  Budget(const ZipReader& archive, std::size_t member, std::uint64_t bytes)
      : archive_(archive), member_(member), left_(bytes) {}
  void spend(std::uint64_t bytes, const char* what) {
    if (bytes > left_)
      archive_.reject(member_, std::string(what) +
                                   " take more memory than such a file should "
                                   "(ReadOptions::max_unpacked allows more)");
    left_ -= bytes;
  }

 private:
  const ZipReader& archive_;
  std::size_t member_;
  std::uint64_t left_;
};

// A file that is open.
struct Opened {
  SharedInput input;
  ZipReader archive;
  std::string folder;
  std::size_t pickle_member;
  bool swapped = false;
  Pickle pickle = {};
  std::vector<std::size_t> members = {};  // of the pickle's storages
  std::vector<PickleValue> leaves = {};   // of the entries
};

// The folder, with its slash.
std::string folder_of(const SharedInput& input, const ZipReader& archive) {
  const std::string* found = nullptr;
  for (const ZipMember& member : archive.members()) {
    const std::size_t slash = member.name.find('/');
    if (slash == member.name.npos || std::string_view(member.name).substr(slash + 1) != pickle_name) continue;
    if (found != nullptr) input->reject("the archive has two members data.pkl", 0);
    found = &member.name;
  }
  if (found == nullptr) input->reject("the archive has no member data.pkl in a folder of its own", 0);
  return found->substr(0, found->size() - pickle_name.size());
}

// What the small members say that describe the file.
void check_kind(Opened& file) {
  const auto text_of = [&](const char* name) -> std::optional<std::string> {
    const auto member = file.archive.find(file.folder + name);
    if (!member) return {};
    constexpr std::size_t longest = 100;
    if (file.archive.members()[*member].size > longest) file.archive.reject(*member, "it is too long");
    return file.archive.text(*member);
  };
  if (file.archive.find(file.folder + "constants.pkl"))
    file.input->reject(
        "this is a program of TorchScript's, not a dictionary of tensors; in Python "
        "torch.save(torch.jit.load(path).state_dict(), other_path) saves what it holds",
        0);
  // So far all versions from 1 to 10 are the same to dictionaries of tensors.
  if (auto version = text_of("version")) {
    while (version->ends_with('\n')) version->pop_back();
    constexpr std::string_view digits = "0123456789";
    if (version->empty() || version->find_first_not_of(digits) != version->npos ||
        version->starts_with('0') || (version->size() > 1 && *version != "10"))
      file.archive.reject(*file.archive.find(file.folder + "version"),
                          "version '" + *version + "' of PyTorch's format is not known");
  }
  if (const auto order = text_of("byteorder")) {
    if (*order != "little" && *order != "big")
      file.archive.reject(*file.archive.find(file.folder + "byteorder"), "it must be little or big");
    file.swapped = (*order == "big") != (std::endian::native == std::endian::big);
  }
}

// Finds the members of all storages.
void find_storages(Opened& file) {
  for (const PickledStorage& storage : file.pickle.storages) {
    const std::string name = file.folder + "data/" + std::string(storage.key);
    const auto member = file.archive.find(name);
    if (!member) file.archive.reject(file.pickle_member, "there is no member " + name, storage.position);
    const std::uint64_t size = storage.type == nullptr ? 1 : storage.type->size,
                        found = file.archive.members()[*member].size;
    if (found % size != 0 || found / size != storage.count)
      file.archive.reject(file.pickle_member,
                          "a storage of " + std::to_string(storage.count) + " elements of " +
                              std::to_string(size) + " bytes; the member " + name + " has " +
                              std::to_string(found) + " bytes",
                          storage.position);
    file.members.push_back(*member);
  }
}

// ------------------------------------------------------------------------------------------------ names

// Gives the tensors and numbers in dictionaries and lists, one in the other, names joined by dots.
class Naming {
 public:
  Naming(Opened& file, Contents& contents, Budget& names, Budget& elements)
      : file_(file), contents_(contents), names_(names), elements_(elements) {}

  void visit(const PickleValue& value, const std::string& name) {
    // Twice, as they are kept in lists that grow.
    constexpr std::size_t entry = 2 * (sizeof(Entry) + sizeof(PickleValue));
    names_.spend(2 * name.size() + entry, "the names of what stands in it");
    switch (value.kind) {
      case Kind::view:
        return visit_view(file_.pickle.views[value.bits], value, name);
      case Kind::boolean:
        return add(value, name, {}, element_type_of(boolean));
      case Kind::integer:
      case Kind::huge:
        return add(value, name, {}, element_type_of(int64));
      case Kind::real:
        return add(value, name, {}, element_type_of(float64));
      case Kind::text:
        names_.spend(value.length, "the texts in it");
        if (!contents_.metadata.emplace(name, file_.pickle.text(value)).second)
          reject("two texts have the name '" + name + "'");
        return;
      case Kind::list:
      case Kind::tuple:
      case Kind::dict:
        return visit_items(value, name);
      case Kind::storage:
        reject("'" + name + "' is a storage, not a tensor");
      case Kind::none:
      case Kind::other:
      case Kind::symbol:
        return;
    }
  }

 private:
  [[noreturn]] void reject(const std::string& text) const { file_.archive.reject(file_.pickle_member, text); }

  void add(const PickleValue& value, const std::string& name, const Shape& shape, const ElementType& type) {
    if (!StateDict::is_name(name))
      reject("expects names joined by dots, none of them empty, got '" + name + "'");
    contents_.entries.push_back({name, shape, type.dtype, std::string(type.name)});
    file_.leaves.push_back(value);
  }

  void visit_view(const PickledView& view, const PickleValue& value, const std::string& name) {
    // Reading it takes the bytes that it spans, or all that are packed with them.
    const std::size_t member = file_.members[view.storage];
    const ZipMember& stored = file_.archive.members()[member];
    const std::uint64_t elements = std::max(static_cast<std::uint64_t>(view.shape.count()), view.span);
    if (view.shape.count() > 0)
      elements_.spend(std::max(elements * view.type->size, stored.packed ? stored.size : 0),
                      "tensors that share elements");
    add(value, name, view.shape, *view.type);
  }

  void visit_items(const PickleValue& value, const std::string& name) {
    constexpr std::size_t deepest = 64;
    if (std::find(path_.begin(), path_.end(), value.bits) != path_.end())
      reject("'" + name + "' stands within itself");
    if (path_.size() == deepest)
      reject("'" + name + "' stands in more than " + std::to_string(deepest) + " others");
    path_.push_back(value.bits);
    const std::vector<PickleValue>& items = file_.pickle.containers[value.bits];
    const std::string front = path_.size() == 1 ? "" : name + ".";
    if (value.kind == Kind::dict) {
      for (std::size_t i = 0; i + 1 < items.size(); i += 2) visit(items[i + 1], front + key(items[i], name));
    } else {
      for (std::size_t i = 0; i < items.size(); ++i) visit(items[i], front + std::to_string(i));
    }
    path_.pop_back();
  }

  std::string key(const PickleValue& value, const std::string& where) const {
    if (value.kind == Kind::text) return std::string(file_.pickle.text(value));
    if (value.kind == Kind::integer) return std::to_string(static_cast<std::int64_t>(value.bits));
    reject("a key of the dictionary '" + where + "' is " + std::string(name_of(value.kind)) +
           "; texts and whole numbers are read");
  }

  Opened& file_;
  Contents& contents_;
  Budget& names_;
  Budget& elements_;
  std::vector<std::uint64_t> path_;  // the containers around
};

// ------------------------------------------------------------------------------------------------ tensors

// Elements [first, first + count) of the view, in its order, from what it spans. Where the elements of a row
// stand further apart than the rows, several rows are gathered at once: they share cache lines.
template <std::size_t size>
void gather(const PickledView& view, const std::byte* from, std::byte* out, Index first, Index count) {
  const auto copy = [&](Index to, Index at) {
    std::memcpy(out + static_cast<std::size_t>(to) * size, from + static_cast<std::size_t>(at) * size, size);
  };
  const Index inner = view.shape.rank() - 1;
  if (inner < 0) return copy(0, 0);
  const Index columns = view.shape[inner], step = view.strides[inner];
  const bool together = inner > 0 && view.strides[inner - 1] < step;
  IndexList at = index_of(first, view.shape);
  Index position = 0, column = at[inner];
  for (Index axis = 0; axis < inner; ++axis) position += at[axis] * view.strides[axis];
  while (count > 0) {
    constexpr Index most = 16;
    const Index rows = together && column == 0 && count >= columns
                           ? std::min({most, count / columns, view.shape[inner - 1] - at[inner - 1]})
                           : 1;
    const Index end = std::min(columns, column + count);
    for (Index c = column; c < end; ++c)
      for (Index row = 0; row < rows; ++row)
        copy(row * columns + c - column,
             position + c * step + (rows > 1 ? row * view.strides[inner - 1] : 0));
    out += static_cast<std::size_t>(rows * (end - column)) * size;
    count -= rows * (end - column);
    column = 0;
    for (Index axis = inner - 1, by = rows; axis >= 0; --axis, by = 1) {
      position += by * view.strides[axis];
      if ((at[axis] += by) < view.shape[axis]) break;
      position -= view.strides[axis] * view.shape[axis];
      at[axis] = 0;
    }
  }
}

bool is_contiguous(const PickledView& view) {
  const IndexList expected = contiguous_strides(view.shape);
  for (Index axis = 0; axis < view.shape.rank(); ++axis)
    if (view.shape[axis] > 1 && view.strides[axis] != expected[axis]) return false;
  return true;
}

Tensor read_view(const Opened& file, const PickledView& view) {
  const ElementType& type = *view.type;
  if (view.shape.count() == 0) return Tensor::uninitialized(view.shape, type.dtype);
  const std::size_t member = file.members[view.storage];
  const std::uint64_t start = view.offset * type.size, span = view.span * type.size;
  const bool contiguous = is_contiguous(view);
  file.input->require_memory(static_cast<std::uint64_t>(view.shape.count()) *
                                 static_cast<std::uint64_t>(element_size(type.dtype)) +
                             (contiguous ? 0 : span));

  // A storage whose check sum was right is not read once more for each tensor that shares it.
  const auto verified = file.archive.verified_at(member);
  std::optional<ZipStream> stream;
  if (!verified) stream.emplace(file.archive.open(member)).skip(start);
  const auto fetch = [&](std::byte* out, std::size_t count, std::uint64_t offset) {
    if (verified)
      file.input->read(out, count, *verified + start + offset, "the elements");
    else
      stream->read(out, count);
  };
  const auto refuse = [&](const std::string& reason, std::uint64_t offset) {
    if (verified) file.archive.reject(member, reason, start + offset);
    stream->reject(reason, start + offset);
  };
  Tensor result;
  if (contiguous) {
    result = read_elements(type, view.shape, {.swapped = file.swapped, .parallel = verified.has_value()},
                           fetch, refuse);
  } else {
    Tensor spanned = Tensor::uninitialized({static_cast<Index>(span)}, uint8);
    fetch(spanned.mutable_raw(), static_cast<std::size_t>(span), 0);
    const std::byte* const from = spanned.raw();
    result = read_elements(
        type, view.shape, {.swapped = file.swapped, .parallel = true},
        [&](std::byte* out, std::size_t bytes, std::uint64_t offset) {
          const auto first = static_cast<Index>(offset / type.size),
                     count = static_cast<Index>(bytes / type.size);
          (type.size == 1   ? gather<1>
           : type.size == 2 ? gather<2>
           : type.size == 4 ? gather<4>
                            : gather<8>)(view, from, out, first, count);
        },
        [&](const std::string& reason, std::uint64_t) { refuse(reason, 0); });
  }
  if (stream) stream->finish();
  return result;
}

template <Element T>
Tensor number(T value) {
  return Tensor::from(std::span<const T>(&value, 1), Shape{});
}

Tensor read_leaf(const Opened& file, const PickleValue& value) {
  switch (value.kind) {
    case Kind::view:
      return read_view(file, file.pickle.views[value.bits]);
    case Kind::boolean:
      return number(value.bits != 0);
    case Kind::integer:
      return number(static_cast<std::int64_t>(value.bits));
    case Kind::real:
      return number(std::bit_cast<double>(value.bits));
    default:
      break;
  }
  file.archive.reject(file.pickle_member, "a whole number beyond int64", value.bits);
}

}  // namespace

bool holds_pytorch(const SharedInput& input) {
  const ZipReader archive(input, std::numeric_limits<std::uint64_t>::max());
  return std::any_of(archive.members().begin(), archive.members().end(), [](const ZipMember& member) {
    return member.name.ends_with("/" + std::string(pickle_name));
  });
}

Contents open_pytorch(const SharedInput& input, const ReadOptions& options) {
  const std::uint64_t limit = unpacked_limit(options, *input);
  const ZipReader archive(input, limit);
  const std::string folder = folder_of(input, archive);
  const std::size_t pickle_member = *archive.find(folder + std::string(pickle_name));
  const auto file = std::make_shared<Opened>(Opened{input, archive, folder, pickle_member});
  check_kind(*file);

  // Memory for what is described: a byte can stand for a list, two for a number with a name.
  const auto budget = [&](std::uint64_t times) {
    constexpr std::uint64_t some = std::uint64_t{6} << 20;
    // A packed pickle counts for what there is of it in the file.
    const std::uint64_t bytes = std::min(archive.members()[pickle_member].size, input->size());
    return Budget(archive, pickle_member,
                  options.max_unpacked != 0 ? options.max_unpacked : some + times * bytes);
  };
  Budget values = budget(64), names = budget(128);
  file->pickle.bytes = archive.text(pickle_member);
  unpickle(file->pickle,
           {.reject = [&](const std::string& reason,
                          std::uint64_t offset) { archive.reject(pickle_member, reason, offset); },
            .spend = [&](std::uint64_t bytes) { values.spend(bytes, "its values"); }});
  find_storages(*file);

  std::uint64_t stored = 0;
  for (const ZipMember& member : archive.members()) stored += member.size;
  Budget elements(archive, pickle_member, std::max(limit, stored));
  Contents contents{.format = Format::pytorch, .layout = StateDict::Layout::pytorch};
  const PickleValue root = file->pickle.root;
  if (root.kind != Kind::dict && root.kind != Kind::list && root.kind != Kind::tuple)
    archive.reject(pickle_member, "expects a dictionary of tensors, got " + std::string(name_of(root.kind)) +
                                      " (in Python: torch.save({'name': tensor}, path))");
  Naming(*file, contents, names, elements).visit(root, "");
  // Views and numbers are all that is read from now on.
  file->pickle.containers = {};
  file->pickle.storages = {};
  file->pickle.bytes = {};
  contents.read = [file](std::size_t i) { return read_leaf(*file, file->leaves[i]); };
  return contents;
}

}  // namespace xgrad::io::detail
