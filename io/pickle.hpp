// The part of Python's pickle that PyTorch's state dictionaries are made of.
// Invariant: nothing is executed. A pickle names functions; those of a short list stand for values here, and
// any other is an error. Memory is linear in the pickle's size, and no recursion depends on it.
#pragma once

#include <xgrad/io/element_type.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xgrad::io::detail {

/// A value: a number itself, or the position of what Pickle keeps.
struct PickleValue {
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    huge,  ///< an integer beyond int64; `bits` is where it stands
    real,
    text,
    other,  ///< bytes, devices: what no tensor is made of
    list,
    tuple,
    dict,    ///< keys and values in turn
    symbol,  ///< a function or class of the list
    storage,
    view,
  };
  Kind kind = Kind::none;
  std::uint32_t length = 0;  ///< of a text
  std::uint64_t bits = 0;    ///< of the number, or the position
};

/// The elements that tensors share.
struct PickledStorage {
  const ElementType* type;  ///< null: bytes of any type
  std::string_view key;     ///< names the archive's member
  std::uint64_t count;      ///< elements, or bytes
  std::size_t position;     ///< in the pickle
};

/// A tensor, within its storage.
struct PickledView {
  std::size_t storage;
  const ElementType* type;
  std::uint64_t offset;  ///< in elements
  Shape shape;
  IndexList strides;   ///< in elements
  std::uint64_t span;  ///< elements from the first to the last, both included
};

struct Pickle {
  std::string_view text(const PickleValue& value) const {
    return std::string_view(bytes).substr(value.bits, value.length);
  }

  std::string bytes;  ///< texts are parts of it: not to be moved
  PickleValue root;
  std::vector<std::vector<PickleValue>> containers;
  std::vector<PickledStorage> storages;
  std::vector<PickledView> views;
};

struct PickleHooks {
  /// Throws: it gets the reason and the offset in the pickle.
  Callback<void(const std::string& reason, std::uint64_t offset)> reject;
  /// Told of memory before it is taken; may throw.
  Callback<void(std::uint64_t bytes)> spend;
};

/// Fills a Pickle whose bytes are there.
void unpickle(Pickle& pickle, const PickleHooks& hooks);

/// "a dictionary", as messages name the kind.
std::string_view name_of(PickleValue::Kind kind);

}  // namespace xgrad::io::detail
