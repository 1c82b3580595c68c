// The members of Variable that are operations.
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/autograd/variable.hpp>

namespace xgrad {

Variable Variable::reshape(const Shape& shape, Place place) const {
  return xgrad::reshape(Operand(*this, place.file, place.line), shape);
}

Variable Variable::rows(Index begin, Index end, Place place) const {
  static_cast<void>(value(place).rows(begin, end, place));  // which checks them
  return slice(Operand(*this, place.file, place.line), 0, {begin, end});
}

Variable Variable::to(DType dtype, Place place) const {
  return cast(Operand(*this, place.file, place.line), dtype);
}

}  // namespace xgrad
