#include <xgrad/tensor/attention.hpp>

#include <xgrad/tensor/blas.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/rows.hpp>

#include <limits>
#include <memory>

namespace xgrad::kernels {
namespace {

/// The sizes of one attention: `matrices` independent ones of T queries and S keys.
struct Sizes {
  Sizes(const Tensor& q, const Tensor& k, const Tensor& v)
      : batch(q.shape().begin(), q.shape().end() - 2),
        matrices(batch.count()),
        queries(q.size(-2)),
        keys(k.size(-2)),
        width(q.size(-1)),
        value_width(v.size(-1)),
        // Blocks whose scores stay in the second-level cache, but are tall enough for a matrix product.
        rows(std::clamp<Index>((Index{1} << 16) / std::max<Index>(keys, 1), 16, 64)),
        blocks((queries + rows - 1) / rows) {}

  /// Of one block, in elements of a simple loop.
  Index work() const { return rows * keys * (1 + (width + value_width) / 8); }

  Shape batch;
  Index matrices, queries, keys, width, value_width, rows, blocks;
};

/// Finds the row of a broadcast mask that belongs to a query.
class Mask {
 public:
  Mask(const Tensor& mask, const Sizes& sizes) : mask_(mask), batch_(sizes.batch), strides_(sizes.batch) {
    if (!mask.defined()) return;
    const Shape own = contiguous_strides(mask.shape());
    const auto stride = [&](Index from_the_right) {
      const Index axis = mask.rank() - from_the_right;
      return axis < 0 || mask.shape()[axis] == 1 ? 0 : own[axis];
    };
    key_stride_ = stride(1);
    query_stride_ = stride(2);
    for (Index i = 0; i < batch_.rank(); ++i) strides_[i] = stride(2 + batch_.rank() - i);
  }

  /// scores[j] with the mask of this query applied, for the first n keys.
  template <class T>
  void apply(Index matrix, Index query, T* scores, Index n) const {
    if (!mask_.defined()) return;
    Index at = query * query_stride_;
    for (Index i = batch_.rank(); i-- > 0; matrix /= batch_[i]) at += matrix % batch_[i] * strides_[i];
    if (mask_.dtype() == boolean) {
      const bool* allowed = mask_.data<bool>() + at;
      for (Index j = 0; j < n; ++j)
        if (!allowed[j * key_stride_]) scores[j] = -std::numeric_limits<T>::infinity();
    } else {
      const T* added = mask_.data<T>() + at;
      for (Index j = 0; j < n; ++j) scores[j] += added[j * key_stride_];
    }
  }

 private:
  const Tensor& mask_;
  Shape batch_, strides_;
  Index query_stride_ = 0, key_stride_ = 0;
};

/// c = op(a) op(b) + beta c for compact matrices.
template <class T>
void multiply(bool transpose_a, bool transpose_b, Index rows, Index columns, Index inner, const T* a,
              const T* b, T beta, T* c) {
  blas::multiply(blas::Product<T>{.transpose_a = transpose_a,
                                  .transpose_b = transpose_b,
                                  .rows = rows,
                                  .columns = columns,
                                  .inner = inner,
                                  .a = a,
                                  .lda = transpose_a ? rows : inner,
                                  .b = b,
                                  .ldb = transpose_b ? inner : columns,
                                  .beta = beta,
                                  .c = c,
                                  .ldc = columns});
}

/// Rows of one matrix of the batch: `first` to `first + count`, which look at the first `keys` keys.
struct Block {
  Block(const Sizes& sizes, bool causal, Index matrix_number, Index block)
      : matrix(matrix_number),
        first(block * sizes.rows),
        count(std::min(sizes.rows, sizes.queries - first)),
        keys(causal ? std::min(sizes.keys, first + count) : sizes.keys),
        row(matrix * sizes.queries + first) {}

  Index matrix, first, count, keys;
  Index row;  ///< the first one's number in the whole batch
};

template <class T>
struct Kernel {
  Kernel(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionScores& given)
      : sizes(query, key, value),
        mask(given.mask, sizes),
        causal(given.causal),
        scale(static_cast<T>(given.scale)),
        q(query.data<T>()),
        k(key.data<T>()),
        v(value.data<T>()) {}

  const T* queries(const Block& block) const { return q + block.row * sizes.width; }
  const T* keys(const Block& block) const { return k + block.matrix * sizes.keys * sizes.width; }
  const T* values(const Block& block) const { return v + block.matrix * sizes.keys * sizes.value_width; }

  /// scores[i, j] = scale q_i k_j + mask, -inf where a key does not count.
  void scores(const Block& block, T* to) const {
    multiply(false, true, block.count, block.keys, sizes.width, queries(block), keys(block), T(0), to);
    for (Index i = 0; i < block.count; ++i) {
      T* row = to + i * block.keys;
      for (Index j = 0; j < block.keys; ++j) row[j] *= scale;
      mask.apply(block.matrix, block.first + i, row, block.keys);
      if (causal && block.first + i + 1 < block.keys)
        std::fill(row + block.first + i + 1, row + block.keys, -std::numeric_limits<T>::infinity());
    }
  }

  /// exp(score - m) in place of the scores.
  void exponentials(const Block& block, const T* largest, T* scores) const {
    for (Index i = 0; i < block.count; ++i)
      for (Index j = 0; j < block.keys; ++j) scores[i * block.keys + j] -= largest[i];
    vmath::exp(scores, scores, block.count * block.keys);
  }

  Sizes sizes;
  Mask mask;
  bool causal;
  T scale;
  const T *q, *k, *v;
};

template <class T>
std::unique_ptr<T[]> workspace(const Sizes& sizes) {
  return std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(sizes.rows * sizes.keys));
}

}  // namespace

Attention attention(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionScores& scores) {
  return detail::dispatch_floating(query.dtype(), [&]<class T>(std::type_identity<T>) {
    const Kernel<T> kernel(query, key, value, scores);
    const Sizes& sizes = kernel.sizes;
    Shape shape = query.shape();
    shape[shape.rank() - 1] = sizes.value_width;
    const Index rows = sizes.matrices * sizes.queries;
    if (sizes.keys == 0) return Attention{zeros(shape, query.dtype()), zeros({2, rows}, query.dtype())};
    Attention result{Tensor::uninitialized(shape, query.dtype()),
                     Tensor::uninitialized({2, rows}, query.dtype())};
    T *out = result.output.mutable_data<T>(), *largest = result.statistics.mutable_data<T>(),
      *inverse = largest + rows;
    detail::parallel_for(
        sizes.matrices * sizes.blocks, detail::grain_for(sizes.work()), [&](Index begin, Index end) {
          const auto memory = workspace<T>(sizes);
          T* p = memory.get();
          for (Index task = begin; task < end; ++task) {
            const Block block(sizes, kernel.causal, task / sizes.blocks, task % sizes.blocks);
            kernel.scores(block, p);
            for (Index i = 0; i < block.count; ++i) {
              const T most = detail::row_max(p + i * block.keys, block.keys);
              largest[block.row + i] = most == -std::numeric_limits<T>::infinity() ? T(0) : most;
            }
            kernel.exponentials(block, largest + block.row, p);
            T* to = out + block.row * sizes.value_width;
            multiply(false, false, block.count, sizes.value_width, block.keys, p, kernel.values(block), T(0),
                     to);
            for (Index i = 0; i < block.count; ++i) {
              const T sum = detail::row_sum(p + i * block.keys, block.keys);
              const T factor = sum == T(0) ? T(0) : 1 / sum;
              inverse[block.row + i] = factor;
              for (Index j = 0; j < sizes.value_width; ++j) to[i * sizes.value_width + j] *= factor;
            }
          }
        });
    return result;
  });
}

AttentionGradients attention_backward(const Tensor& gradient, const Tensor& query, const Tensor& key,
                                      const Tensor& value, const AttentionScores& scores,
                                      const Attention& forward) {
  return detail::dispatch_floating(query.dtype(), [&]<class T>(std::type_identity<T>) {
    const Kernel<T> kernel(query, key, value, scores);
    const Sizes& sizes = kernel.sizes;
    AttentionGradients result{zeros(query.shape(), query.dtype()), zeros(key.shape(), query.dtype()),
                              zeros(value.shape(), query.dtype())};
    if (sizes.keys == 0) return result;
    const T *g = gradient.data<T>(), *y = forward.output.data<T>(), *largest = forward.statistics.data<T>(),
            *inverse = largest + sizes.matrices * sizes.queries;
    T *dq = result.query.mutable_data<T>(), *dk = result.key.mutable_data<T>(),
      *dv = result.value.mutable_data<T>();
    // One thread a matrix, block after block: the sums over queries have one order.
    detail::parallel_for(
        sizes.matrices, detail::grain_for(sizes.blocks * sizes.work()), [&](Index begin, Index end) {
          const auto memory = workspace<T>(sizes), other = workspace<T>(sizes);
          T *p = memory.get(), *ds = other.get();
          for (Index matrix = begin; matrix < end; ++matrix)
            for (Index number = 0; number < sizes.blocks; ++number) {
              const Block block(sizes, kernel.causal, matrix, number);
              const Index width = sizes.width, value_width = sizes.value_width, keys = block.keys;
              kernel.scores(block, p);
              kernel.exponentials(block, largest + block.row, p);
              const T* incoming = g + block.row * value_width;
              multiply(false, true, block.count, keys, value_width, incoming, kernel.values(block), T(0), ds);
              for (Index i = 0; i < block.count; ++i) {
                const T along = detail::sum_terms<T>(
                    detail::Products<T>{incoming + i * value_width, y + (block.row + i) * value_width},
                    value_width);
                const T factor = inverse[block.row + i];
                T* __restrict row = p + i * keys, * __restrict slope = ds + i * keys;
                for (Index j = 0; j < keys; ++j) {
                  row[j] *= factor;
                  slope[j] = row[j] * (slope[j] - along) * kernel.scale;
                }
              }
              multiply(true, false, keys, value_width, block.count, p, incoming, T(1),
                       dv + matrix * sizes.keys * value_width);
              multiply(false, false, block.count, width, keys, ds, kernel.keys(block), T(0),
                       dq + block.row * width);
              multiply(true, false, keys, width, block.count, ds, kernel.queries(block), T(1),
                       dk + matrix * sizes.keys * width);
            }
        });
    return result;
  });
}

}  // namespace xgrad::kernels
