// The one place that includes xsimd. Invariant: a batch is as wide as the flags of the file that includes
// this allow, so nothing declared here may appear in a public header.
#pragma once

// GCC 12 takes the deliberately undefined operands of its own AVX-512 intrinsics for mistakes.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <xsimd/xsimd.hpp>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <cstdint>
#include <type_traits>

namespace xgrad::detail {

/// The widest vector of T.
template <class T>
using Simd = xsimd::batch<T>;

/// One truth value per lane of Simd<T>.
template <class T>
using SimdMask = typename Simd<T>::batch_bool_type;

/// Unsigned integers as wide as T: the bits of a vector of T.
template <class T>
using Bits = Simd<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;

/// a b + c, rounded once where the processor can. xsimd 8.1 knows no such instruction of AVX-512.
template <class T>
Simd<T> fused(const Simd<T>& a, const Simd<T>& b, const Simd<T>& c) {
#if XSIMD_WITH_AVX512F
  if constexpr (sizeof(T) == 4)
    return _mm512_fmadd_ps(a, b, c);
  else
    return _mm512_fmadd_pd(a, b, c);
#else
  return xsimd::fma(a, b, c);
#endif
}

}  // namespace xgrad::detail
