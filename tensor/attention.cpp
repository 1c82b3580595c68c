#include <xgrad/tensor/attention.hpp>

#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/rows.hpp>
#include <xgrad/tensor/tile_product.hpp>
#include <xgrad/tensor/vmath_kernels.hpp>

#include <limits>

namespace xgrad::kernels {
namespace {

using detail::multiply, detail::padded;

/// Where the matrices of an operand stand: `heads` side by side in rows `stride` elements apart.
template <class T>
struct Operand {
  T* data;
  Index heads, rows, width, stride;

  T* matrix(Index number) const { return data + number / heads * rows * stride + number % heads * width; }
  T* row(Index number, Index i) const { return matrix(number) + i * stride; }
};

/// An operand that is part `part` of `parts` in the last axis of the tensor that starts at `data`.
template <class T>
Operand<T> operand(const Shape& shape, Index heads, T* data, Index part = 0, Index parts = 1) {
  const Index stride = shape.back(), features = stride / parts;
  return {data + part * features, heads, shape[shape.rank() - 2], features / heads, stride};
}

/// The batch axes, with the one of heads.
Shape batch_of(const Shape& shape, const AttentionScores& scores) {
  Shape batch(shape.begin(), shape.end() - 2);
  if (scores.heads) batch.push_back(*scores.heads);
  return batch;
}

/// Finds the row of a broadcast mask that belongs to a query.
class Mask {
 public:
  Mask(const Tensor& mask, const Shape& batch) : mask_(mask), batch_(batch), strides_(batch) {
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

/// A matrix of one thread, its rows padded with zeros to whole vectors.
template <class T>
struct Matrix {
  T* data;
  Index stride;

  T* row(Index i) const { return data + i * stride; }
  void clear(Index rows) const { std::fill(data, row(rows), T(0)); }
  /// Row i = factor * row `first + i` of the operand's matrix.
  void copy(const Operand<const T>& from, Index number, Index first, Index rows, T factor = T(1)) const {
    for (Index i = 0; i < rows; ++i) {
      const T* __restrict x = from.row(number, first + i);
      T* __restrict to = row(i);
      for (Index j = 0; j < from.width; ++j) to[j] = factor * x[j];
      for (Index j = from.width; j < stride; ++j) to[j] = T(0);
    }
  }
  /// Column i = row i of the operand's matrix; a vector of columns at a time, whose rows stay in the
  /// first-level cache.
  void copy_transposed(const Operand<const T>& from, Index number) const {
    constexpr Index columns = padded<T>(1);
    for (Index first = 0; first < from.rows; first += columns) {
      const T* x = from.row(number, first);
      const Index count = std::min(columns, from.rows - first);
      for (Index j = 0; j < from.width; ++j) {
        T* to = row(j) + first;
        for (Index i = 0; i < count; ++i) to[i] = x[i * from.stride + j];
        std::fill(to + count, to + columns, T(0));
      }
    }
  }
  /// The opposite of copy.
  void write(const Operand<T>& to, Index number, Index first, Index rows, T factor = T(1)) const {
    for (Index i = 0; i < rows; ++i) {
      const T* __restrict x = row(i);
      T* __restrict out = to.row(number, first + i);
      for (Index j = 0; j < to.width; ++j) out[j] = factor * x[j];
    }
  }
};

/// Memory for matrices of one thread.
template <class T>
class Workspace {
 public:
  Matrix<T> matrix(Index rows, Index columns) {
    // A row more than a power of two apart, or the rows would share a few sets of the cache.
    Index stride = padded<T>(columns);
    if (stride >= 128) stride += padded<T>(1);
    return {
        parts_.emplace_back(Tensor::uninitialized({rows, stride}, dtype_of<T>)).template mutable_data<T>(),
        stride};
  }

 private:
  std::vector<Tensor> parts_;
};

/// Query rows of one matrix: `first` to `first + count`, which look at the first `keys` keys.
struct Block {
  Index first, count, keys;
};

template <class T>
struct Kernel {
  Kernel(const Operand<const T>& query, const Operand<const T>& key, const Operand<const T>& value,
         const Shape& batch_shape, const AttentionScores& given)
      : q(query),
        k(key),
        v(value),
        batch(batch_shape),
        mask(given.mask, batch),
        causal(given.causal),
        scale(static_cast<T>(given.scale)),
        matrices(batch.count()),
        // Scores that stay in the second-level cache; few rows, so that little beyond a causal diagonal is
        // computed.
        rows(std::clamp<Index>((Index{1} << 17) / std::max<Index>(k.rows, 1), 8, 32)),
        blocks((q.rows + rows - 1) / rows) {}

  Block block(Index number) const {
    const Index first = number * rows, count = std::min(rows, q.rows - first);
    return {first, count, causal ? std::min(k.rows, first + count) : k.rows};
  }
  /// Of one block, in elements of a simple loop.
  Index work() const { return rows * k.rows * (1 + (k.width + v.width) / 8); }
  /// The keys that query row i of the matrix looks at, but for the mask.
  Index reach(Index i) const { return causal ? std::min(k.rows, i + 1) : k.rows; }

  /// to[i, j] = scale q_i k_j + mask for the keys in reach, of queries that hold `scale` already.
  void scores(Index matrix, const Block& block, const Matrix<T>& queries, const Matrix<T>& keys,
              const Matrix<T>& to) const {
    multiply(TileProduct{block.count, padded<T>(block.keys), k.width, queries.data, queries.stride, 1,
                         keys.data, keys.stride, to.data, to.stride});
    for (Index i = 0; i < block.count; ++i)
      mask.apply(matrix, block.first + i, to.row(i), reach(block.first + i));
  }

  using TileProduct = detail::TileProduct<T>;
  Operand<const T> q, k, v;
  Shape batch;
  Mask mask;
  bool causal;
  T scale;
  Index matrices, rows, blocks;
};

// Short rows, in loops of their own that are compiled in one piece.

template <class T>
T dot(const T* a, const T* b, Index n) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index j = 0; j < n; ++j) sum += a[j] * b[j];
  return sum;
}

/// row[j] = exp(row[j] - largest) for j < n, zeros up to `end`. Returns the sum.
template <class T>
[[gnu::flatten]] T exponentials(T* row, T largest, Index n, Index end) {
  using Vector = detail::Batch<T>;
  for (Index j = 0; j < n; j += padded<T>(1))
    detail::exp_kernel(Vector::load_unaligned(row + j) - Vector(largest)).store_unaligned(row + j);
  std::fill(row + n, row + end, T(0));
  return detail::row_sum(row, n);
}

/// row[j] = factor exp(row[j] - largest), the probability, and slopes[j] = row[j] (slopes[j] - along), for
/// j < n, zeros up to `end`.
template <class T>
[[gnu::flatten]] void slopes_of(T* row, T* slopes, T largest, T factor, T along, Index n, Index end) {
  using Vector = detail::Batch<T>;
  for (Index j = 0; j < n; j += padded<T>(1)) {
    const Vector p = Vector(factor) * detail::exp_kernel(Vector::load_unaligned(row + j) - Vector(largest));
    p.store_unaligned(row + j);
    (p * (Vector::load_unaligned(slopes + j) - Vector(along))).store_unaligned(slopes + j);
  }
  std::fill(row + n, row + end, T(0));
  std::fill(slopes + n, slopes + end, T(0));
}

/// The result, of this shape.
template <class T>
Attention run(const Kernel<T>& kernel, const Shape& shape) {
  using TileProduct = detail::TileProduct<T>;
  const DType dtype = dtype_of<T>;
  const Index rows = kernel.matrices * kernel.q.rows;
  if (kernel.k.rows == 0) return {zeros(shape, dtype), zeros({2, rows}, dtype)};
  Attention result{Tensor::uninitialized(shape, dtype), Tensor::uninitialized({2, rows}, dtype)};
  const Operand<T> out = operand(shape, kernel.q.heads, result.output.mutable_data<T>());
  T *largest = result.statistics.mutable_data<T>(), *inverse = largest + rows;
  const Index keys = kernel.k.rows, width = kernel.k.width, value_width = kernel.v.width;
  detail::parallel_for(
      kernel.matrices * kernel.blocks, detail::grain_for(kernel.work()), [&](Index begin, Index end) {
        Workspace<T> workspace;
        const Matrix<T> k = workspace.matrix(width, keys), v = workspace.matrix(keys, value_width),
                        q = workspace.matrix(kernel.rows, width), p = workspace.matrix(kernel.rows, keys),
                        y = workspace.matrix(kernel.rows, value_width);
        for (Index task = begin; task < end; ++task) {
          const Index matrix = task / kernel.blocks;
          const Block block = kernel.block(task % kernel.blocks);
          if (task == begin || task % kernel.blocks == 0) {
            k.copy_transposed(kernel.k, matrix);
            v.copy(kernel.v, matrix, 0, keys);
          }
          q.copy(kernel.q, matrix, block.first, block.count, kernel.scale);
          kernel.scores(matrix, block, q, k, p);
          for (Index i = 0; i < block.count; ++i) {
            const Index reach = kernel.reach(block.first + i), at = matrix * kernel.q.rows + block.first + i;
            const T most = detail::row_max(p.row(i), reach);
            largest[at] = most == -std::numeric_limits<T>::infinity() ? T(0) : most;
            const T sum = exponentials(p.row(i), largest[at], reach, block.keys);
            inverse[at] = sum == T(0) ? T(0) : 1 / sum;
          }
          multiply(TileProduct{block.count, y.stride, block.keys, p.data, p.stride, 1, v.data, v.stride,
                               y.data, y.stride});
          for (Index i = 0; i < block.count; ++i) {
            const T factor = inverse[matrix * kernel.q.rows + block.first + i];
            T* to = out.row(matrix, block.first + i);
            for (Index j = 0; j < value_width; ++j) to[j] = factor * y.row(i)[j];
          }
        }
      });
  return result;
}

/// Where the gradients go.
template <class T>
struct Gradients {
  Operand<T> q, k, v;
};

template <class T>
void run_backward(const Kernel<T>& kernel, const Tensor& gradient, const Attention& forward,
                  const Gradients<T>& gradients) {
  using TileProduct = detail::TileProduct<T>;
  const Operand<const T> incoming = operand(gradient.shape(), kernel.q.heads, gradient.data<T>()),
                         output = operand(gradient.shape(), kernel.q.heads, forward.output.data<T>());
  const T *largest = forward.statistics.data<T>(), *inverse = largest + kernel.matrices * kernel.q.rows;
  const Index keys = kernel.k.rows, width = kernel.k.width, value_width = kernel.v.width;
  // One thread a matrix, block after block: the sums over queries have one order.
  detail::parallel_for(
      kernel.matrices, detail::grain_for(kernel.blocks * kernel.work()), [&](Index begin, Index end) {
        Workspace<T> workspace;
        const Matrix<T> k_turned = workspace.matrix(width, keys),
                        v_turned = workspace.matrix(value_width, keys), k = workspace.matrix(keys, width),
                        dk = workspace.matrix(keys, width), dv = workspace.matrix(keys, value_width),
                        q = workspace.matrix(kernel.rows, width), dq = workspace.matrix(kernel.rows, width),
                        g = workspace.matrix(kernel.rows, value_width),
                        p = workspace.matrix(kernel.rows, keys), ds = workspace.matrix(kernel.rows, keys);
        for (Index matrix = begin; matrix < end; ++matrix) {
          k_turned.copy_transposed(kernel.k, matrix);
          v_turned.copy_transposed(kernel.v, matrix);
          k.copy(kernel.k, matrix, 0, keys);
          dk.clear(keys);
          dv.clear(keys);
          for (Index number = 0; number < kernel.blocks; ++number) {
            const Block block = kernel.block(number);
            q.copy(kernel.q, matrix, block.first, block.count, kernel.scale);
            g.copy(incoming, matrix, block.first, block.count);
            kernel.scores(matrix, block, q, k_turned, p);
            multiply(TileProduct{block.count, padded<T>(block.keys), value_width, g.data, g.stride, 1,
                                 v_turned.data, v_turned.stride, ds.data, ds.stride});
            for (Index i = 0; i < block.count; ++i) {
              const Index at = matrix * kernel.q.rows + block.first + i;
              const T along = dot(g.row(i), output.row(matrix, block.first + i), value_width);
              slopes_of(p.row(i), ds.row(i), largest[at], inverse[at], along, kernel.reach(block.first + i),
                        block.keys);
            }
            multiply(TileProduct{block.keys, dv.stride, block.count, p.data, 1, p.stride, g.data, g.stride,
                                 dv.data, dv.stride, true});
            multiply(TileProduct{block.keys, dk.stride, block.count, ds.data, 1, ds.stride, q.data, q.stride,
                                 dk.data, dk.stride, true});
            multiply(TileProduct{block.count, dq.stride, block.keys, ds.data, ds.stride, 1, k.data, k.stride,
                                 dq.data, dq.stride});
            dq.write(gradients.q, matrix, block.first, block.count, kernel.scale);
          }
          dk.write(gradients.k, matrix, 0, keys);
          dv.write(gradients.v, matrix, 0, keys);
        }
      });
}

template <class T>
Kernel<T> kernel_of(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionScores& scores) {
  const auto whole = [&](const Tensor& x) {
    return operand(x.shape(), scores.heads.value_or(1), x.data<T>());
  };
  return {whole(query), whole(key), whole(value), batch_of(query.shape(), scores), scores};
}

template <class T>
Kernel<T> kernel_of(const Tensor& packed, const AttentionScores& scores) {
  const auto part = [&](Index number) {
    return operand(packed.shape(), scores.heads.value_or(1), packed.data<T>(), number, 3);
  };
  return {part(0), part(1), part(2), batch_of(packed.shape(), scores), scores};
}

Shape with_last(Shape shape, Index size) {
  shape[shape.rank() - 1] = size;
  return shape;
}

}  // namespace

Attention attention(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionScores& scores) {
  return detail::dispatch_floating(query.dtype(), [&]<class T>(std::type_identity<T>) {
    return run(kernel_of<T>(query, key, value, scores), with_last(query.shape(), value.size(-1)));
  });
}

Attention packed_attention(const Tensor& packed, const AttentionScores& scores) {
  return detail::dispatch_floating(packed.dtype(), [&]<class T>(std::type_identity<T>) {
    return run(kernel_of<T>(packed, scores), with_last(packed.shape(), packed.size(-1) / 3));
  });
}

AttentionGradients attention_backward(const Tensor& gradient, const Tensor& query, const Tensor& key,
                                      const Tensor& value, const AttentionScores& scores,
                                      const Attention& forward) {
  return detail::dispatch_floating(query.dtype(), [&]<class T>(std::type_identity<T>) {
    const Kernel<T> kernel = kernel_of<T>(query, key, value, scores);
    if (kernel.k.rows == 0) return AttentionGradients{zeros_like(query), zeros_like(key), zeros_like(value)};
    const auto like = [](const Tensor& x) { return Tensor::uninitialized(x.shape(), x.dtype()); };
    const auto whole = [&](Tensor& x) { return operand(x.shape(), kernel.q.heads, x.mutable_data<T>()); };
    AttentionGradients result{like(query), like(key), like(value)};
    run_backward(kernel, gradient, forward, {whole(result.query), whole(result.key), whole(result.value)});
    return result;
  });
}

Tensor packed_attention_backward(const Tensor& gradient, const Tensor& packed, const AttentionScores& scores,
                                 const Attention& forward) {
  return detail::dispatch_floating(packed.dtype(), [&]<class T>(std::type_identity<T>) {
    const Kernel<T> kernel = kernel_of<T>(packed, scores);
    Tensor result = Tensor::uninitialized(packed.shape(), packed.dtype());
    T* to = result.mutable_data<T>();
    const auto part = [&](Index number) { return operand(packed.shape(), kernel.q.heads, to, number, 3); };
    run_backward(kernel, gradient, forward, {part(0), part(1), part(2)});
    return result;
  });
}

}  // namespace xgrad::kernels
