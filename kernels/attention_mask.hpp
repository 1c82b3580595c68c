// Which queries look at which keys. Invariant: what is hidden has a score of -inf, whatever numbers stand in
// the query and the key.
#pragma once

#include <xgrad/kernels/strided.hpp>

#include <limits>

namespace xgrad::kernels {

/// A mask that broadcasts to (batch..., queries, keys), or none; see AttentionScores.
class AttentionMask {
 public:
  AttentionMask(const Tensor& mask, const Shape& batch) : mask_(mask), batch_(batch) {
    if (!mask.defined()) return;
    strides_ = broadcast_strides(mask.shape(), batch.rank() + 2);
    query_stride_ = strides_[batch.rank()];
    key_stride_ = strides_[batch.rank() + 1];
  }

  bool defined() const { return mask_.defined(); }

  /// True where the query may look at one of `count` keys from `first` on.
  template <class T>
  bool allows(Index matrix, Index query, Index first, Index count = 1) const {
    if (!defined()) return count > 0;
    const Index at = start(matrix) + query * query_stride_ + first * key_stride_;
    const auto any = [&](auto allowed) {
      for (Index j = 0; j < count; ++j)
        if (allowed(at + j * key_stride_)) return true;
      return false;
    };
    if (mask_.dtype() == boolean) return any([x = mask_.data<bool>()](Index place) { return x[place]; });
    return any([x = mask_.data<T>()](Index place) { return x[place] != none<T>; });
  }

  /// Applied to scores that hold a row for each of the first `keys` keys, with `count` queries side by side
  /// from `first` on.
  template <class T>
  void apply(Index matrix, Index first, Index count, Index keys, T* scores, Index stride) const {
    if (!defined()) return;
    const Index at = start(matrix) + first * query_stride_;
    const auto each = [&](auto f) {
      for (Index j = 0; j < keys; ++j)
        for (Index i = 0; i < count; ++i) f(scores[j * stride + i], at + j * key_stride_ + i * query_stride_);
    };
    if (mask_.dtype() == boolean)
      each([allowed = mask_.data<bool>()](T& score, Index place) {
        if (!allowed[place]) score = none<T>;
      });
    else
      each([added = mask_.data<T>()](T& score, Index place) {
        score = added[place] == none<T> ? none<T> : score + added[place];
      });
  }

 private:
  template <class T>
  static constexpr T none = -std::numeric_limits<T>::infinity();

  /// Where the mask of this matrix starts.
  Index start(Index matrix) const { return offset_at(matrix, batch_, strides_); }

  Tensor mask_;
  Shape batch_;
  IndexList strides_;  // of the batch, the queries and the keys
  Index query_stride_ = 0, key_stride_ = 0;
};

}  // namespace xgrad::kernels
