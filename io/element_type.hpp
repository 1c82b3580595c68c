// The types that elements have in files: their names in each format, and what they become here.
// Invariant: what is known of one stands in one line of element_types() alone.
#pragma once

#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <span>
#include <string_view>

namespace xgrad::io::detail {

struct ElementType {
  std::string_view name;         ///< in reports: "float16", "uint32"
  std::string_view safetensors;  ///< "F16"
  std::string_view npy;      ///< "f2", after the sign of the order of bytes; empty: NumPy has no such type
  std::string_view pytorch;  ///< "HalfStorage"; empty: PyTorch 1.13 has no such type
  std::uint8_t size;         ///< bytes
  DType dtype;               ///< of the tensor that it is read into
  /// Writes `count` elements of `dtype`. Returns how many there are before the first that `dtype` has no
  /// value for. Null where the bytes are the same.
  std::size_t (*convert)(const std::byte* from, std::size_t count, std::byte* to);
};

/// All of them, in the order in which safetensors sorts them, ascending.
std::span<const ElementType> element_types();
/// The one that tensors of `dtype` are written as.
const ElementType& element_type_of(DType dtype);
/// By one of its names, &ElementType::npy for example; null when there is none.
const ElementType* find_element_type(std::string_view ElementType::*where, std::string_view name);

/// `count` bytes from `offset` on, counted from the first element.
using Fetch = Callback<void(std::byte* out, std::size_t count, std::uint64_t offset)>;

struct ElementsOptions {
  bool swapped = false;   ///< the bytes of each element stand in the other order
  bool parallel = false;  ///< `fetch` can be called from several threads, in any order
};

/// A tensor of `shape` from elements of a file. `reject` throws: it gets the reason and the offset of the
/// element that it is about. The caller has compared the size with what the file can hold.
Tensor read_elements(const ElementType& type, const Shape& shape, ElementsOptions options, const Fetch& fetch,
                     const Callback<void(const std::string&, std::uint64_t)>& reject);

}  // namespace xgrad::io::detail
