// Type promotion, in one place: the dtype of operands that meet. Private to autograd/.
#pragma once

#include <xgrad/autograd/variable.hpp>

namespace xgrad {

/// Category first: within the highest category, what has axes decides before scalars, and scalars before
/// numbers.
class Meeting {
 public:
  void add_number(Scalar number) { add(number.dtype(), 0); }
  void add(const Variable& x) { add(x.dtype(), x.rank() == 0 ? 1 : 2); }
  DType type() const { return type_; }

 private:
  void add(DType dtype, int weight) {
    const int rank = 3 * static_cast<int>(category_of(dtype)) + weight;
    if (rank < highest_) return;
    type_ = rank > highest_ ? dtype : promote(type_, dtype);
    highest_ = rank;
  }

  DType type_ = float32;
  int highest_ = -1;
};

}  // namespace xgrad
