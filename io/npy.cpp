// npy: reading of every version of the format, writing as numpy.save() does.
#include <xgrad/io/npy.hpp>

#include <xgrad/io/contents.hpp>
#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <vector>

namespace xgrad::io::detail {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
// Only structured types, whose fields are named, have longer headers.
constexpr std::size_t longest_header = 1 << 16;

// The part of Python's notation that headers are written in.
class Literal {
 public:
  Literal(std::string_view text, std::uint64_t offset, const Reject& reject)
      : text_(text), offset_(offset), reject_(reject) {}

  [[noreturn]] void refuse(const std::string& reason) const {
    reject_(reason, offset_ + position_);
    throw FormatError(reason, offset_ + position_);  // should that return
  }
  bool next_is(char wanted) {
    while (position_ < text_.size() && std::string_view(" \t\r\n\f").find(text_[position_]) != text_.npos)
      ++position_;
    return position_ < text_.size() && text_[position_] == wanted;
  }
  bool accept(char wanted) {
    const bool found = next_is(wanted);
    if (found) ++position_;
    return found;
  }
  void expect(char wanted) {
    if (!accept(wanted)) refuse(std::string("the header should have '") + wanted + "' here");
  }
  void expect_end() {
    next_is('\0');
    if (position_ < text_.size()) refuse("the header goes on after its dictionary");
  }

  std::string string() {
    const char quote = next_is('"') ? '"' : '\'';
    expect(quote);
    const std::size_t end = text_.find_first_of(std::string{quote, '\\', '\n'}, position_);
    if (end == text_.npos || text_[end] != quote) refuse("the header has a text here that does not end");
    std::string result(text_.substr(position_, end - position_));
    position_ = end + 1;
    return result;
  }
  bool boolean() {
    next_is('\0');
    for (const bool value : {false, true}) {
      const std::string_view name = value ? "True" : "False";
      if (!text_.substr(position_).starts_with(name)) continue;
      position_ += name.size();
      if (!next_is(',') && !next_is('}')) break;
      return value;
    }
    refuse("'fortran_order' must be True or False");
  }
  // Python 2 wrote long integers as 3L.
  std::uint64_t number() {
    next_is('\0');
    const char* const begin = text_.data() + position_;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) refuse("the shape is too large");
    if (error != std::errc{} || (*begin == '0' && end != begin + 1))
      refuse("the shape must hold whole numbers of at least 0");
    position_ += static_cast<std::size_t>(end - begin);
    if (position_ < text_.size() && text_[position_] == 'L') ++position_;
    return value;
  }
  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> items;
    expect('(');
    if (accept(')')) return items;
    for (;;) {
      items.push_back(number());
      const bool comma = accept(',');
      if (accept(')')) {
        if (!comma && items.size() == 1) refuse("the shape must be a tuple: (3,), not (3)");
        return items;
      }
      if (!comma) refuse("the shape should have ',' or ')' here");
    }
  }

 private:
  std::string_view text_;
  std::uint64_t offset_;
  const Reject& reject_;
  std::size_t position_ = 0;
};

// What types are called that are not read.
std::string_view kind_of(std::string_view descr) {
  constexpr std::pair<std::string_view, std::string_view> kinds[] = {
      {"O", "Python objects, which are pickled"},
      {"U", "text"},
      {"S", "text"},
      {"a", "text"},
      {"c", "complex numbers"},
      {"M", "dates"},
      {"m", "times"},
      {"V", "raw bytes"},
      {"f", "long floats"},
      {"g", "long floats"},
  };
  for (const auto& [sign, kind] : kinds)
    if (descr.substr(descr.find_first_not_of("<>=|") == 1 ? 1 : 0).starts_with(sign)) return kind;
  return "unknown";
}

void take_type(Literal& literal, NpyHeader& header) {
  if (literal.next_is('[') || literal.next_is('('))
    literal.refuse("elements of a structured type, which are not read");
  const std::string descr = literal.string();
  const char order = descr.empty() ? '\0' : descr[0];
  header.type = order == '<' || order == '>' || order == '|'
                    ? find_element_type(&ElementType::npy, std::string_view(descr).substr(1))
                    : nullptr;
  if (header.type == nullptr || (order == '|' && header.type->size > 1))
    literal.refuse("elements of type '" + descr + "' (" + std::string(kind_of(descr)) +
                   "), which are not read");
  constexpr bool little = std::endian::native == std::endian::little;
  header.swapped = header.type->size > 1 && order == (little ? '>' : '<');
}

void parse(Literal literal, NpyHeader& header) {
  constexpr std::array<std::string_view, 3> keys = {"descr", "fortran_order", "shape"};
  std::array<bool, 3> seen{};
  literal.expect('{');
  while (!literal.accept('}')) {
    const std::string key = literal.string();
    const auto found = static_cast<std::size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin());
    if (found == keys.size()) literal.refuse("the header has an unknown key '" + key + "'");
    if (seen[found]) literal.refuse("the header has the key '" + key + "' twice");
    seen[found] = true;
    literal.expect(':');
    if (found == 0) take_type(literal, header);
    if (found == 1) header.fortran = literal.boolean();
    if (found == 2 && !possible_shape(literal.tuple(), header.shape))
      literal.refuse("a shape of more than " + std::to_string(Shape::max_rank) +
                     " axes, or of more elements than there can be");
    if (!literal.accept(',') && !literal.next_is('}')) literal.refuse("the header should have ',' here");
  }
  literal.expect_end();
  for (std::size_t key = 0; key < keys.size(); ++key)
    if (!seen[key]) literal.refuse("the header lacks the key '" + std::string(keys[key]) + "'");
}

// Elements of `width` bytes of `columns`, which stand one after the other, to rows of the result.
template <std::size_t width>
void spread(const std::byte* from, std::byte* out, Index rows, Index row_step,
            std::span<const Index> columns) {
  for (Index row = 0; row < rows; ++row) {
    const std::byte* at = from + static_cast<std::size_t>(row) * width;
    for (const Index column : columns) {
      std::memcpy(out + static_cast<std::size_t>(row * row_step + column) * width, at, width);
      at += static_cast<std::size_t>(rows) * width;
    }
  }
}

// The elements stand with the first axis, that of rows, innermost. They are read in pieces of many columns,
// or a part of one, which are spread out at once.
Tensor read_fortran(const NpyHeader& header, const Fetch& fetch, const Reject& reject) {
  Tensor result = Tensor::uninitialized(header.shape, header.type->dtype);
  if (result.count() == 0) return result;
  std::byte* const out = result.mutable_raw();
  const Index width = element_size(header.type->dtype), rank = header.shape.rank(), rows = header.shape[0];
  const auto spread_out = width == 1 ? spread<1> : width == 4 ? spread<4> : spread<8>;
  const IndexList strides = contiguous_strides(header.shape);

  constexpr Index most = 1 << 19;
  std::vector<Index> columns(static_cast<std::size_t>(std::max<Index>(most / rows, 1)));
  std::array<Index, Shape::max_rank> at{};  // of the next column
  Index column = 0;
  for (Index first = 0; first < result.count();) {
    const Index row = first % rows, left = result.count() - first;
    const Index part = std::min({rows - row, most, left});
    const Index many = part < rows ? 1 : std::min(static_cast<Index>(columns.size()), left / rows);
    for (Index i = 0; i < many; ++i) {
      columns[static_cast<std::size_t>(i)] = column;
      if (row + part < rows) break;
      for (Index axis = 1; axis < rank; ++axis) {
        column += strides[axis];
        if (++at[static_cast<std::size_t>(axis)] < header.shape[axis]) break;
        column -= strides[axis] * header.shape[axis];
        at[static_cast<std::size_t>(axis)] = 0;
      }
    }
    const std::uint64_t start = static_cast<std::uint64_t>(first) * header.type->size;
    const Tensor piece = read_elements(
        *header.type, {many * part}, {.swapped = header.swapped},
        [&](std::byte* bytes, std::size_t count, std::uint64_t offset) {
          fetch(bytes, count, start + offset);
        },
        [&](const std::string& reason, std::uint64_t offset) { reject(reason, start + offset); });
    spread_out(piece.raw(), out + row * strides[0] * width, part, strides[0],
               std::span(columns).first(static_cast<std::size_t>(many)));
    first += many * part;
  }
  return result;
}

}  // namespace

bool possible_shape(std::span<const std::uint64_t> sizes, Shape& shape) {
  if (sizes.size() > static_cast<std::size_t>(Shape::max_rank)) return false;
  Shape result;
  for (const std::uint64_t size : sizes) {
    if (size > static_cast<std::uint64_t>(std::numeric_limits<Index>::max())) return false;
    result.push_back(static_cast<Index>(size));
  }
  if (!bytes_of(result, 1)) return false;
  shape = result;
  return true;
}

NpyHeader read_npy_header(std::uint64_t size, const Take& take, const Reject& reject) {
  const auto refuse = [&](const std::string& reason, std::uint64_t offset) {
    reject(reason, offset);
    throw FormatError(reason, offset);  // should that return
  };
  std::array<std::byte, 12> start{};
  const auto byte_at = [&](std::size_t position) { return std::to_integer<std::size_t>(start[position]); };
  constexpr std::size_t prefix = magic.size() + 4;  // magic, version and, in version 1, the header's length
  if (size < prefix) refuse("the file ends within the header", size);
  take(start.data(), prefix);
  if (std::memcmp(start.data(), magic.data(), magic.size()) != 0) refuse("this is not npy data", 0);
  const std::size_t version = byte_at(6);
  if (version < 1 || version > 3 || byte_at(7) != 0)
    refuse("version " + std::to_string(version) + "." + std::to_string(byte_at(7)) +
               " of the npy format is not known",
           6);
  std::size_t length = byte_at(8) | byte_at(9) << 8, begin = prefix;
  if (version > 1) {
    begin += 2;
    if (size < begin) refuse("the file ends within the header", size);
    take(start.data() + prefix, 2);
    length |= byte_at(10) << 16 | byte_at(11) << 24;
  }
  if (length > size - begin) refuse("the file ends within the header", size);
  if (length > longest_header)
    refuse("a header of " + std::to_string(length) +
               " bytes: only structured types, which are not read, "
               "have any of more than " +
               std::to_string(longest_header),
           8);
  std::string text(length, '\0');
  take(reinterpret_cast<std::byte*>(text.data()), length);
  NpyHeader header{};
  header.offset = begin + length;
  parse(Literal(text, begin, reject), header);

  const std::uint64_t expected = static_cast<std::uint64_t>(header.shape.count()) * header.type->size,
                      found = size - header.offset;
  if (found != expected)
    refuse(std::string(header.type->name) + " " + to_string(header.shape) + " takes " +
               std::to_string(expected) + " bytes, there are " + std::to_string(found),
           found < expected ? size : header.offset + expected);
  return header;
}

Tensor read_npy_elements(const NpyHeader& header, bool parallel, const Fetch& fetch, const Reject& reject) {
  const auto more_than_one =
      std::count_if(header.shape.begin(), header.shape.end(), [](Index size) { return size != 1; });
  if (header.fortran && more_than_one > 1) return read_fortran(header, fetch, reject);
  return read_elements(*header.type, header.shape, {.swapped = header.swapped, .parallel = parallel}, fetch,
                       reject);
}

std::string npy_header(const Tensor& tensor) {
  constexpr bool little = std::endian::native == std::endian::little;
  const ElementType& type = element_type_of(tensor.dtype());
  const std::string order = type.size == 1 ? "|" : little ? "<" : ">";
  // Shapes are written as tuples in Python, which to_string() does.
  std::string text = "{'descr': '" + order + std::string(type.npy) +
                     "', 'fortran_order': False, 'shape': " + to_string(tensor.shape()) + ", }";
  // Room for the first size to grow, since NumPy 1.24.
  constexpr std::size_t most_digits = 21, alignment = 64;
  if (tensor.rank() > 0) text.append(most_digits - std::to_string(tensor.shape()[0]).size(), ' ');
  const std::size_t front = magic.size() + 4;
  text.append((alignment - (front + text.size() + 1) % alignment) % alignment, ' ');
  text += '\n';
  // No shape needs more than the 65535 bytes that version 1 has room for.
  return std::string(magic) +
         std::string{1, 0, static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)} + text;
}

Contents open_npy(const SharedInput& input) {
  const Reject reject = [input](const std::string& reason, std::uint64_t offset) {
    input->reject(reason, offset);
  };
  std::uint64_t position = 0;
  const NpyHeader header = read_npy_header(
      input->size(),
      [&](std::byte* out, std::size_t count) {
        input->read(out, count, position, "the header");
        position += count;
      },
      reject);
  Contents contents{.format = Format::npy};
  contents.entries.push_back({"arr_0", header.shape, header.type->dtype, std::string(header.type->name)});
  contents.read = [input, header, reject](std::size_t) {
    input->require_memory(static_cast<std::uint64_t>(header.shape.count()) *
                          static_cast<std::uint64_t>(element_size(header.type->dtype)));
    return read_npy_elements(
        header, true,
        [&](std::byte* out, std::size_t count, std::uint64_t offset) {
          input->read(out, count, header.offset + offset, "the elements");
        },
        [&](const std::string& reason, std::uint64_t offset) { reject(reason, header.offset + offset); });
  };
  return contents;
}

void write_npy(Sink& sink, const Tensor& tensor) {
  sink.write(npy_header(tensor));
  sink.write({tensor.raw(), static_cast<std::size_t>(tensor.bytes())});
}

}  // namespace xgrad::io::detail
