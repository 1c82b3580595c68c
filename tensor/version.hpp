// The version, written here alone: meson.build reads it. Invariant: a program neither links nor starts with a
// library that its headers do not fit.
#pragma once

#include <xgrad/tensor/api.hpp>

#define XGRAD_VERSION_MAJOR 0
#define XGRAD_VERSION_MINOR 1
#define XGRAD_VERSION_PATCH 0

/// Of the headers, for #if: 10000 major + 100 minor + patch.
#define XGRAD_VERSION (XGRAD_VERSION_MAJOR * 10000 + XGRAD_VERSION_MINOR * 100 + XGRAD_VERSION_PATCH)

#define XGRAD_VERSION_TEXT_OF(x) #x
#define XGRAD_VERSION_TEXT(x) XGRAD_VERSION_TEXT_OF(x)
/// Of the headers: "0.1.0".
#define XGRAD_VERSION_STRING              \
  XGRAD_VERSION_TEXT(XGRAD_VERSION_MAJOR) \
  "." XGRAD_VERSION_TEXT(XGRAD_VERSION_MINOR) "." XGRAD_VERSION_TEXT(XGRAD_VERSION_PATCH)

XGRAD_API_BEGIN
namespace xgrad {

/// The version of the library that runs: "0.1.0". It and the headers differ in the patch at most.
[[nodiscard]] const char* library_version();

namespace detail {

/// Stands in a library for the versions that it fits, and in no other. Before 1.0 every minor version has an
/// interface of its own.
template <int Major, int Minor>
struct Interface {
  static constexpr int major = Major, minor = Minor;
  static const char of_this_library;
};
using InterfaceOfHeaders = Interface<XGRAD_VERSION_MAJOR, XGRAD_VERSION_MAJOR == 0 ? XGRAD_VERSION_MINOR : 0>;

/// Every program that has seen the headers asks for its library's interface.
[[gnu::used]] inline const char* const interface_asked_for = &InterfaceOfHeaders::of_this_library;

}  // namespace detail
}  // namespace xgrad
XGRAD_API_END
