// The one place that includes xsimd. Invariant: a batch is as wide as the flags of the file that includes
// this allow, so nothing declared here may appear in a public header.
#pragma once

#include <xsimd/xsimd.hpp>

#include <cstdint>
#include <type_traits>

namespace xgrad::detail {

/// The widest vector of T.
template <class T>
using Batch = xsimd::batch<T>;

/// One truth value per lane of Batch<T>.
template <class T>
using Mask = typename Batch<T>::batch_bool_type;

/// Unsigned integers as wide as T: the bits of a vector of T.
template <class T>
using Bits = Batch<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;

}  // namespace xgrad::detail
