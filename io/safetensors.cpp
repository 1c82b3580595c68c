// safetensors: eight bytes with the size of a header, the header in JSON, the elements. The rules that are
// checked and the order in which tensors are written are those of the reference implementation (safetensors
// 0.4, tensor.rs).
#include <xgrad/io/contents.hpp>
#include <xgrad/io/json.hpp>

#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <array>
#include <bit>

namespace xgrad::io::detail {
namespace {

static_assert(std::endian::native == std::endian::little, "the elements of these files are little-endian");

constexpr std::size_t prefix_size = 8, largest_header = 100'000'000;
constexpr std::string_view metadata_key = "__metadata__";

// A tensor as the header describes it.
struct Described {
  std::string name;
  const ElementType* type = nullptr;
  Shape shape;
  std::uint64_t begin = 0, end = 0;  // of the elements, from the header's end on
};

// Reads the header from its tokens, object by object.
class Header {
 public:
  explicit Header(const Input& input) : input_(input) {}

  void take(const JsonToken& token) {
    offset_ = prefix_size + token.offset;
    if (token.depth == 0) {
      if (token.kind != Kind::object && token.kind != Kind::end) reject("the header must be an object");
    } else if (token.depth == 1) {
      take_entry(token);
    } else if (in_metadata_) {
      take_metadata(token);
    } else {
      take_field(token);
    }
  }
  [[noreturn]] void reject(const std::string& text) const { input_.reject(text, offset_); }

  std::vector<Described> tensors;
  Metadata metadata;

 private:
  using Kind = JsonToken::Kind;
  enum class Field { none, dtype, shape, data_offsets, other };

  void take_entry(const JsonToken& token) {
    if (token.kind == Kind::key) {
      in_metadata_ = token.text == metadata_key;
      if (!in_metadata_)
        tensors.emplace_back().name = token.text;
      else if (std::exchange(has_metadata_, true))
        reject("the name '__metadata__' stands twice");
      seen_ = {};
    } else if (token.kind == Kind::end) {
      if (!in_metadata_) finish();
    } else if (token.kind != Kind::object) {
      reject("the entry " + current() + " must be an object");
    }
  }

  void take_metadata(const JsonToken& token) {
    if (token.kind == Kind::key) {
      key_ = token.text;
    } else {
      if (token.kind != Kind::text || token.depth != 2) reject("the metadata '" + key_ + "' must be a text");
      if (!metadata.emplace(key_, token.text).second) reject("the metadata '" + key_ + "' stand twice");
    }
  }

  void take_field(const JsonToken& token) {
    Described& tensor = tensors.back();
    if (token.depth == 2 && token.kind == Kind::key) {
      field_ = token.text == "dtype"          ? Field::dtype
               : token.text == "shape"        ? Field::shape
               : token.text == "data_offsets" ? Field::data_offsets
                                              : Field::other;
      if (field_ != Field::other && std::exchange(seen_[static_cast<std::size_t>(field_)], true))
        reject("'" + std::string(token.text) + "' of " + current() + " stands twice");
      offsets_ = 0;
      return;
    }
    if (field_ == Field::other) return;
    if (field_ == Field::dtype) {
      if (token.kind != Kind::text) reject("the dtype of " + current() + " must be a text");
      tensor.type = find_element_type(&ElementType::safetensors, token.text);
      if (tensor.type == nullptr)
        reject("the dtype " + std::string(token.text) + " of " + current() + " is not known");
      return;
    }
    const std::string what = (field_ == Field::shape ? "the shape of " : "the data_offsets of ") + current();
    if (token.depth == 2) {
      if (token.kind != Kind::array && token.kind != Kind::end) reject(what + " must be a list");
      if (field_ == Field::data_offsets && token.kind == Kind::end && offsets_ != 2)
        reject(what + " must be two numbers");
      return;
    }
    if (token.depth != 3 || token.kind != Kind::count)
      reject(what + " must hold whole numbers of at least 0");
    if (field_ == Field::data_offsets) {
      if (offsets_ == 2) reject(what + " must be two numbers");
      (offsets_++ == 0 ? tensor.begin : tensor.end) = token.number;
    } else if (tensor.shape.rank() == Shape::max_rank) {
      reject(what + " has more than " + std::to_string(Shape::max_rank) + " axes");
    } else if (token.number > static_cast<std::uint64_t>(std::numeric_limits<Index>::max())) {
      reject(what + " is too large");
    } else {
      tensor.shape.push_back(static_cast<Index>(token.number));
    }
  }

  // A tensor has been described.
  void finish() {
    const Described& tensor = tensors.back();
    constexpr const char* names[] = {"", "dtype", "shape", "data_offsets"};
    for (std::size_t field = 1; field < seen_.size(); ++field)
      if (!seen_[field]) reject(current() + " has no " + names[field]);
    const std::optional<std::uint64_t> bytes = bytes_of(tensor.shape, tensor.type->size);
    if (!bytes)
      reject("the product of the sizes " + to_string(tensor.shape) + " of " + current() + " overflows");
    if (tensor.begin > tensor.end || tensor.end - tensor.begin != *bytes)
      reject("the data_offsets " + std::to_string(tensor.begin) + " to " + std::to_string(tensor.end) +
             " of " + current() + " are not those of " + std::to_string(*bytes) + " bytes");
  }

  std::string current() const {
    return in_metadata_ ? std::string(metadata_key) : tensors.empty() ? "" : "'" + tensors.back().name + "'";
  }

  const Input& input_;
  std::uint64_t offset_ = prefix_size;
  bool in_metadata_ = false, has_metadata_ = false;
  Field field_ = Field::none;
  std::array<bool, 4> seen_{};  // by field
  int offsets_ = 0;
  std::string key_;
};

std::uint64_t little_endian(const std::array<std::byte, prefix_size>& bytes) {
  return std::bit_cast<std::uint64_t>(bytes);
}

}  // namespace

Contents open_safetensors(const SharedInput& input) {
  std::array<std::byte, prefix_size> prefix;
  input->read(prefix.data(), prefix.size(), 0, "the size of the header");
  const std::uint64_t size = little_endian(prefix);
  if (size > largest_header)
    input->reject("the header may have " + std::to_string(largest_header) + " bytes, the file says " +
                      std::to_string(size),
                  0);
  if (size > input->size() - prefix_size)
    input->reject("the header has " + std::to_string(size) + " bytes, the file only " +
                      std::to_string(input->size() - prefix_size) + " behind its size",
                  0);
  Header header(*input);
  {
    const std::string text = input->read_text(static_cast<std::size_t>(size), prefix_size, "the header");
    if (text.empty() || text.front() != '{') input->reject("the header must start with '{'", prefix_size);
    parse_json(
        text, [&](const JsonToken& token) { header.take(token); },
        [&](const std::string& reason, std::size_t offset) {
          input->reject("the header: " + reason, prefix_size + offset);
        });
  }

  std::vector<Described>& tensors = header.tensors;
  std::stable_sort(tensors.begin(), tensors.end(), [](const Described& a, const Described& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  const std::uint64_t elements = prefix_size + size;
  std::uint64_t end = 0;
  for (const Described& tensor : tensors) {
    if (tensor.begin != end)
      input->reject("the elements of '" + tensor.name + "' must start at byte " + std::to_string(end) +
                        " of the data, not at " + std::to_string(tensor.begin) +
                        ": the tensors tile the data",
                    elements + std::min(end, input->size() - elements));
    end = tensor.end;
  }
  if (end != input->size() - elements)
    input->reject("the header describes " + std::to_string(end) + " bytes of elements, the file has " +
                      std::to_string(input->size() - elements),
                  elements + std::min(end, input->size() - elements));

  Contents contents{.format = Format::safetensors, .metadata = std::move(header.metadata)};
  if (const auto format = contents.metadata.find(format_key); format != contents.metadata.end())
    contents.layout = layout_of(format->second);
  struct Stored {
    const ElementType* type;
    Shape shape;
    std::uint64_t offset;
  };
  std::vector<Stored> places;
  places.reserve(tensors.size());
  contents.entries.reserve(tensors.size());
  for (Described& tensor : tensors) {
    places.push_back({tensor.type, tensor.shape, elements + tensor.begin});
    contents.entries.push_back(
        {std::move(tensor.name), tensor.shape, tensor.type->dtype, std::string(tensor.type->name)});
  }
  contents.read = [input, places = std::move(places)](std::size_t i) {
    return read_elements_at(*input, *places[i].type, places[i].shape, places[i].offset);
  };
  return contents;
}

void write_safetensors(Sink& sink, const StateDict& dict, const Metadata& metadata) {
  if (dict.contains(metadata_key))
    fail<ValueError>("'" + std::string(metadata_key) +
                     "' is no name of a tensor: safetensors keeps its metadata there");
  std::vector<const StateDict::Item*> items;
  for (const StateDict::Item& item : dict) items.push_back(&item);
  const auto rank_of = [](const StateDict::Item* item) { return &element_type_of(item->second.dtype()); };
  std::sort(items.begin(), items.end(), [&](const StateDict::Item* a, const StateDict::Item* b) {
    return rank_of(a) != rank_of(b) ? rank_of(a) > rank_of(b) : a->first < b->first;
  });

  std::string header = "{";
  const auto separate = [&] {
    if (header.back() != '{') header += ',';
  };
  if (!metadata.empty()) {
    header += json_text(metadata_key) + ":{";
    for (const auto& [name, text] : metadata) {
      separate();
      header += json_text(name) + ":" + json_text(text);
    }
    header += '}';
  }
  std::uint64_t end = 0;
  for (const StateDict::Item* item : items) {
    const Tensor& tensor = item->second;
    separate();
    header += json_text(item->first) + ":{\"dtype\":\"";
    header.append(element_type_of(tensor.dtype()).safetensors).append("\",\"shape\":[");
    for (Index axis = 0; axis < tensor.rank(); ++axis)
      header.append(axis == 0 ? "" : ",").append(std::to_string(tensor.shape()[axis]));
    header += "],\"data_offsets\":[" + std::to_string(end) + ",";
    end += static_cast<std::uint64_t>(tensor.bytes());
    header += std::to_string(end) + "]}";
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  if (header.size() > largest_header)
    fail<ValueError>("the names of the tensors and the metadata take a header of " +
                     std::to_string(header.size()) + " bytes, of which safetensors allows " +
                     std::to_string(largest_header));

  const auto size = std::bit_cast<std::array<std::byte, prefix_size>>(std::uint64_t{header.size()});
  sink.write(size);
  sink.write(std::string_view(header));
  for (const StateDict::Item* item : items)
    sink.write({item->second.raw(), static_cast<std::size_t>(item->second.bytes())});
}

}  // namespace xgrad::io::detail
