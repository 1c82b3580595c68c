// The npy format of NumPy, which npz archives are made of: a header in Python's notation, then the elements.
// Invariant: nothing is allocated that the header declares before it has been compared with the bytes there
// are.
#pragma once

#include <xgrad/io/element_type.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace xgrad::io::detail {

struct NpyHeader {
  const ElementType* type;
  bool swapped;  ///< the bytes of each element stand in the other order than in memory
  bool fortran;  ///< the first axis is the innermost
  Shape shape;
  std::uint64_t offset;  ///< of the elements
};

/// Throws: it gets the reason and the offset in the npy data.
using Reject = Callback<void(const std::string& reason, std::uint64_t offset)>;
/// The next `count` bytes; throws where they end.
using Take = Callback<void(std::byte* out, std::size_t count)>;

/// Reads the header from the front of `size` bytes of npy data, which must be it and the elements.
NpyHeader read_npy_header(std::uint64_t size, const Take& take, const Reject& reject);

/// The tensor after that header; offsets count from the first element. Unless `parallel`, as in
/// ElementsOptions, `fetch` is asked for each element once, in the order in which they stand.
Tensor read_npy_elements(const NpyHeader& header, bool parallel, const Fetch& fetch, const Reject& reject);

/// The header that numpy.save() writes before the elements of such a tensor.
std::string npy_header(const Tensor& tensor);

/// The shape of those sizes, when they are possible: at most Shape::max_rank, and as many elements as a
/// Tensor can have.
bool possible_shape(std::span<const std::uint64_t> sizes, Shape& shape);

}  // namespace xgrad::io::detail
