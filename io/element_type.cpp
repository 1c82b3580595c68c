// The table of element types, and reading of elements through it.
#include <xgrad/io/contents.hpp>

#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

namespace xgrad::io::detail {
namespace {

// IEEE 754 binary16. All its values are floats, and NaN keeps its bits.
struct Half {
  std::uint16_t bits;
  operator float() const {
    const std::uint32_t sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 0x1fu,
                        fraction = bits & 0x3ffu;
    if (exponent == 0) {
      const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
      return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
    }
    constexpr std::uint32_t bias = 127 - 15, infinite = 0xff;
    return std::bit_cast<float>(sign | (exponent == 0x1f ? infinite : exponent + bias) << 23 |
                                fraction << 13);
  }
};

// The upper half of a float.
struct BFloat16 {
  std::uint16_t bits;
  operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
};

template <class Stored, class T>
std::size_t widen(const std::byte* from, std::size_t count, std::byte* to) {
  static_assert(std::is_same_v<T, float> || static_cast<std::uint64_t>(std::numeric_limits<Stored>::max()) <=
                                                static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
  for (std::size_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, from + i * sizeof stored, sizeof stored);
    const T value = static_cast<T>(stored);
    std::memcpy(to + i * sizeof value, &value, sizeof value);
  }
  return count;
}

std::size_t widen_unsigned(const std::byte* from, std::size_t count, std::byte* to) {
  std::memcpy(to, from, 8 * count);
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t value;
    std::memcpy(&value, from + 8 * i, sizeof value);
    if (value < 0) return i;
  }
  return count;
}

std::size_t copy_booleans(const std::byte* from, std::size_t count, std::byte* to) {
  const std::byte* const bad =
      std::find_if(from, from + count, [](std::byte byte) { return byte > std::byte{1}; });
  const auto good = static_cast<std::size_t>(bad - from);
  std::memcpy(to, from, good);
  return good;
}

constexpr std::string_view name_of(DType dtype) { return to_string(dtype); }

constexpr ElementType types[] = {
    {name_of(boolean), "BOOL", "b1", "BoolStorage", 1, boolean, copy_booleans},
    {name_of(uint8), "U8", "u1", "ByteStorage", 1, uint8, nullptr},
    {"int8", "I8", "i1", "CharStorage", 1, int64, widen<std::int8_t, std::int64_t>},
    {"int16", "I16", "i2", "ShortStorage", 2, int64, widen<std::int16_t, std::int64_t>},
    {"uint16", "U16", "u2", "", 2, int64, widen<std::uint16_t, std::int64_t>},
    {"float16", "F16", "f2", "HalfStorage", 2, float32, widen<Half, float>},
    {"bfloat16", "BF16", "", "BFloat16Storage", 2, float32, widen<BFloat16, float>},
    {"int32", "I32", "i4", "IntStorage", 4, int64, widen<std::int32_t, std::int64_t>},
    {"uint32", "U32", "u4", "", 4, int64, widen<std::uint32_t, std::int64_t>},
    {name_of(float32), "F32", "f4", "FloatStorage", 4, float32, nullptr},
    {name_of(float64), "F64", "f8", "DoubleStorage", 8, float64, nullptr},
    {name_of(int64), "I64", "i8", "LongStorage", 8, int64, nullptr},
    {"uint64", "U64", "u8", "", 8, int64, widen_unsigned},
};

void reverse_each(std::byte* bytes, std::size_t count, std::size_t size) {
  for (std::size_t i = 0; i < count; i += size) std::reverse(bytes + i, bytes + i + size);
}

}  // namespace

std::span<const ElementType> element_types() { return types; }

const ElementType* find_element_type(std::string_view ElementType::*where, std::string_view name) {
  const auto* const found = std::find_if(std::begin(types), std::end(types), [&](const ElementType& type) {
    return type.*where == name && !name.empty();
  });
  return found == std::end(types) ? nullptr : found;
}

const ElementType& element_type_of(DType dtype) {
  return *find_element_type(&ElementType::name, name_of(dtype));
}

std::optional<std::uint64_t> bytes_of(const Shape& shape, std::uint64_t size) {
  constexpr auto most_elements = static_cast<std::uint64_t>(std::numeric_limits<Index>::max()) / 32;
  std::uint64_t count = 1;
  bool empty = false;
  for (const Index axis : shape) {
    empty = empty || axis == 0;
    if (axis != 0 &&
        (__builtin_mul_overflow(count, static_cast<std::uint64_t>(axis), &count) || count > most_elements))
      return {};
  }
  return empty ? 0 : count * size;
}

Tensor read_elements(const ElementType& type, const Shape& shape, ElementsOptions options, const Fetch& fetch,
                     const Callback<void(const std::string&, std::uint64_t)>& reject) {
  Tensor result = Tensor::uninitialized(shape, type.dtype);
  if (result.count() == 0) return result;
  std::byte* const out = result.mutable_raw();
  const Index size = type.size, become = element_size(type.dtype);

  const auto read = [&](Index first, Index last) {
    const auto bytes_of = [&](Index count) { return static_cast<std::size_t>(count * size); };
    if (type.convert == nullptr) {
      std::byte* const to = out + first * size;
      fetch(to, bytes_of(last - first), bytes_of(first));
      if (options.swapped) reverse_each(to, bytes_of(last - first), type.size);
      return;
    }
    std::array<std::byte, 1 << 15> stored;
    for (const Index most = static_cast<Index>(stored.size()) / size; first < last; first += most) {
      const Index count = std::min(most, last - first);
      fetch(stored.data(), bytes_of(count), bytes_of(first));
      if (options.swapped) reverse_each(stored.data(), bytes_of(count), type.size);
      const std::size_t good =
          type.convert(stored.data(), static_cast<std::size_t>(count), out + first * become);
      if (good < static_cast<std::size_t>(count))
        reject("there is no " + std::string(to_string(type.dtype)) + " of the value of this " +
                   std::string(type.name),
               bytes_of(first) + good * type.size);
    }
  };
  // Reading is bound by the pages that the elements come to, from about a megabyte on worth a second thread.
  constexpr Index worth = Index{1} << 20;
  if (options.parallel)
    xgrad::detail::parallel_for(result.count(), xgrad::detail::grain_of(become, worth), read);
  else
    read(0, result.count());
  return result;
}

Tensor read_elements_at(const Input& input, const ElementType& type, const Shape& shape, std::uint64_t offset,
                        bool swapped) {
  input.require_memory(static_cast<std::uint64_t>(shape.count()) *
                       static_cast<std::uint64_t>(element_size(type.dtype)));
  Tensor result = read_elements(
      type, shape, {.swapped = swapped, .parallel = true},
      [&](std::byte* out, std::size_t count, std::uint64_t at) {
        input.read(out, count, offset + at, "the elements");
      },
      [&](const std::string& reason, std::uint64_t at) { input.reject(reason, offset + at); });
  input.require_unchanged();
  return result;
}

}  // namespace xgrad::io::detail
