#include <xgrad/tensor/dtype.hpp>

#include <ostream>

namespace xgrad {

std::ostream& operator<<(std::ostream& stream, DType dtype) { return stream << to_string(dtype); }

}  // namespace xgrad
