// A checksum of what must be the same at another time; used only inside the library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xgrad::detail {

/// FNV-1a of 64 bits (Fowler, Noll and Vo).
class Fnv1a {
 public:
  Fnv1a() = default;
  /// Goes on from a sum so far.
  explicit Fnv1a(std::uint64_t value) : value_(value) {}

  void add(const std::byte* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) mix(std::to_integer<std::uint64_t>(bytes[i]));
  }
  /// Its bytes, the lowest first.
  void add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) mix(number >> shift & 0xFF);
  }
  std::uint64_t value() const { return value_; }

 private:
  void mix(std::uint64_t byte) { value_ = (value_ ^ byte) * 0x100000001B3U; }

  std::uint64_t value_ = 0xCBF29CE484222325U;
};

}  // namespace xgrad::detail
