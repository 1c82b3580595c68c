#include <xgrad/tensor/version.hpp>

namespace xgrad {

const char* library_version() { return XGRAD_VERSION_STRING; }

namespace detail {

template <int Major, int Minor>
const char Interface<Major, Minor>::of_this_library = 0;
template struct Interface<InterfaceOfHeaders::major, InterfaceOfHeaders::minor>;

}  // namespace detail
}  // namespace xgrad
