// What x[items...] selects: a view for positions, slices and new axes, then one index along the axes that
// index tensors and masks address, merged into one.
// Invariant: a Selection fits every tensor of the shape it was made for; its positions are in range.
#pragma once

#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/kernels/strided.hpp>

namespace xgrad::detail {

/// The geometry alone, which rules capture. The positions along the merged axis are a value of their own:
/// undefined when there are no index tensors.
class Selection {
 public:
  /// Reads items; `positions` receives the positions. Throws IndexError, ShapeError, DTypeError as index()
  /// does.
  Selection(const Shape& x, const std::vector<IndexItem>& items, Tensor& positions);
  /// All of x, with an index of shape `index` along one axis.
  Selection(const Shape& x, Index axis, const Shape& index);

  /// The shape of what is selected.
  const Shape& shape() const { return shape_; }

  /// x[items...].
  Tensor read(const Tensor& x, const Tensor& positions) const;
  /// x[items...] = source and x[items...] += source; a source of the selection's shape.
  void put(Tensor& x, const Tensor& positions, const Tensor& source) const;
  void add(Tensor& x, const Tensor& positions, const Tensor& source) const;

  /// True, in a shape that broadcasts to the selection's, where no later position is the same: whose source
  /// put() keeps. Undefined when that is everywhere.
  Tensor last_writers(const Tensor& positions) const;

 private:
  bool indexed() const { return axis_ >= 0; }
  void merge(Index first, Index count, const Shape& index);
  template <class View, class Indexed>
  void update(Tensor& x, const Tensor& positions, const Tensor& source, View write_view,
              Indexed write_indexed) const;

  kernels::View view_;
  IndexList order_;  // of the view's axes; empty: as they are
  Shape merged_;     // the ordered view with its indexed axes as one
  Index axis_ = -1;  // that one, or -1
  Shape index_;      // shape of the positions
  Shape shape_;
};

}  // namespace xgrad::detail
