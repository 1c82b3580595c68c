// Reading of IDX files. Invariant: sizes are compared with what the file can hold before anything is
// allocated.
#include <xgrad/io/idx.hpp>

#include <xgrad/io/byte_source.hpp>
#include <xgrad/io/contents.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace xgrad::io {
namespace detail {
namespace {

// An unsigned number of `bytes` bytes, the most significant one first.
std::uint64_t big_endian(const std::byte* from, std::size_t bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes; ++i) number = number << 8 | std::to_integer<std::uint64_t>(from[i]);
  return number;
}

std::string hexadecimal(std::byte byte) {
  constexpr char digits[] = "0123456789abcdef";
  const auto number = std::to_integer<unsigned>(byte);
  return {'0', 'x', digits[number / 16], digits[number % 16]};
}

void read_exactly(ByteSource& source, std::byte* out, std::size_t count, const std::string& what) {
  if (source.read(out, count) < count)
    source.input().reject("the file ends within " + what, source.position());
}

// Reads elements stored as `Stored` into a tensor of T.
template <class Stored, class Bits, class T>
Tensor read_idx_elements(ByteSource& source, const Shape& shape) {
  // As many as the file has, which the address space holds even as the widest type.
  source.input().require_memory(static_cast<std::size_t>(shape.count()) * sizeof(T));
  Tensor result = Tensor::uninitialized(shape, dtype_of<T>);
  T* out = result.mutable_data<T>();
  if constexpr (std::is_same_v<Stored, T> && sizeof(T) == 1) {
    read_exactly(source, reinterpret_cast<std::byte*>(out), static_cast<std::size_t>(result.count()),
                 "the elements");
  } else {
    constexpr std::size_t size = sizeof(Stored);
    std::array<std::byte, 1 << 13> buffer;
    for (Index i = 0; i < result.count();) {
      const auto rest = static_cast<std::size_t>(result.count() - i);
      const std::size_t bytes = std::min(buffer.size(), rest * size);
      read_exactly(source, buffer.data(), bytes, "the elements");
      for (std::size_t at = 0; at < bytes; at += size)
        out[i++] = static_cast<T>(std::bit_cast<Stored>(static_cast<Bits>(big_endian(&buffer[at], size))));
    }
  }
  return result;
}

struct IdxType {
  std::byte code;
  std::size_t size;
  Tensor (*read)(ByteSource&, const Shape&);
};

constexpr IdxType idx_types[] = {
    {std::byte{0x08}, 1, read_idx_elements<std::uint8_t, std::uint8_t, std::uint8_t>},
    {std::byte{0x09}, 1, read_idx_elements<std::int8_t, std::uint8_t, std::int64_t>},
    {std::byte{0x0b}, 2, read_idx_elements<std::int16_t, std::uint16_t, std::int64_t>},
    {std::byte{0x0c}, 4, read_idx_elements<std::int32_t, std::uint32_t, std::int64_t>},
    {std::byte{0x0d}, 4, read_idx_elements<float, std::uint32_t, float>},
    {std::byte{0x0e}, 8, read_idx_elements<double, std::uint64_t, double>},
};

}  // namespace

Tensor read_idx(const Input& input) {
  ByteSource source(input);
  std::array<std::byte, 4> magic;
  read_exactly(source, magic.data(), magic.size(), "the magic number");
  for (const std::size_t i : {0u, 1u})
    if (magic[i] != std::byte{0})
      source.input().reject("an IDX file starts with two zero bytes, got " + hexadecimal(magic[i]), i);
  const auto* type = std::find_if(std::begin(idx_types), std::end(idx_types),
                                  [&](const IdxType& known) { return known.code == magic[2]; });
  if (type == std::end(idx_types)) source.input().reject("unknown element type " + hexadecimal(magic[2]), 2);
  const auto rank = std::to_integer<Index>(magic[3]);
  if (rank > Shape::max_rank)
    source.input().reject(
        "expects at most " + std::to_string(Shape::max_rank) + " dimensions, got " + std::to_string(rank), 3);

  Shape shape;
  std::optional<std::uint64_t> payload = type->size;
  for (Index axis = 0; axis < rank; ++axis) {
    std::array<std::byte, 4> bytes;
    const std::size_t offset = source.position();
    read_exactly(source, bytes.data(), bytes.size(), "dimension " + std::to_string(axis));
    shape.push_back(static_cast<Index>(big_endian(bytes.data(), bytes.size())));
    payload = bytes_of(shape, type->size);
    if (!payload)
      source.input().reject("the product of the dimensions overflows at " + to_string(shape), offset);
  }

  const std::size_t header = source.position(), total = header + *payload;
  const std::string declared =
      "the header declares " + to_string(shape) + ", a file of " + std::to_string(total);
  if (total > source.limit() || (!source.packed() && total < source.limit()))
    source.input().reject(declared +
                              (source.packed() ? " bytes unpacked, but this one unpacks to at most "
                                               : " bytes, but this one has ") +
                              std::to_string(source.limit()),
                          std::min(total, source.limit()));
  Tensor result = type->read(source, shape);
  std::byte beyond;
  if (source.read(&beyond, 1) != 0) source.input().reject(declared + " bytes, but it goes on", total);
  return result;
}

}  // namespace detail

Tensor read_idx(const std::string& path, Place place) {
  const Scope scope("read_idx", place);
  return detail::read_idx(detail::Input(path));
}

}  // namespace xgrad::io
