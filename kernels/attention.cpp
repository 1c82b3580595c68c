#include <xgrad/kernels/attention.hpp>

#include <xgrad/kernels/attention_mask.hpp>
#include <xgrad/kernels/rows.hpp>
#include <xgrad/kernels/tile_product.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/vmath/elementary.hpp>

#include <array>
#include <limits>

namespace xgrad::kernels {
namespace {

using detail::multiply, detail::padded;

/// Where the matrices of an operand stand: `heads` side by side in rows `stride` elements apart.
template <class T>
struct HeadView {
  T* data;
  Index heads, rows, width, stride;

  T* matrix(Index number) const { return data + number / heads * rows * stride + number % heads * width; }
  T* row(Index number, Index i) const { return matrix(number) + i * stride; }
  /// Bytes of the matrices that stand side by side.
  Index bytes() const { return rows * heads * width * Index{sizeof(T)}; }
  /// Row i of the first of them and of those beside it.
  template <bool written = false>
  void fetch(Index number, Index i) const {
    if (i < rows) detail::fetch<written>(row(number, i), heads * width);
  }
};

/// An operand that is part `part` of `parts` in the last axis of the tensor that starts at `data`.
template <class T>
HeadView<T> head_view(const Shape& shape, Index heads, T* data, Index part = 0, Index parts = 1) {
  const Index stride = shape.back(), features = stride / parts;
  return {data + part * features, heads, shape[shape.rank() - 2], features / heads, stride};
}

/// The batch axes, with the one of heads.
Shape batch_of(const Shape& shape, const AttentionScores& scores) {
  Shape batch(shape.begin(), shape.end() - 2);
  if (scores.heads) batch.push_back(*scores.heads);
  return batch;
}

/// A matrix of one thread, its rows padded with zeros to whole vectors.
template <class T>
struct Matrix {
  T* data;
  Index stride;

  T* row(Index i) const { return data + i * stride; }
  void clear(Index rows) const { std::fill(data, row(rows), T(0)); }
  /// True when no element of the first rows is a NaN or an infinity.
  bool finite(Index rows) const {
    using Vector = detail::Simd<T>;
    // The difference of a finite number with itself is +0; every other one is NaN and stays so among the
    // bits.
    Vector bits(T(0));
    for (const T* x = data; x < row(rows); x += Vector::size) {
      const Vector each = Vector::load_unaligned(x);
      bits = bits | (each - each);
    }
    return xsimd::all(bits == Vector(T(0)));
  }
  /// Row i = factor * row `first + i` of the operand's matrix.
  void copy(const HeadView<const T>& from, Index number, Index first, Index rows, T factor = T(1)) const {
    for (Index i = 0; i < rows; ++i) {
      const T* __restrict x = from.row(number, first + i);
      T* __restrict to = row(i);
      for (Index j = 0; j < from.width; ++j) to[j] = factor * x[j];
      for (Index j = from.width; j < stride; ++j) to[j] = T(0);
    }
  }
  /// Column i = factor * row `first + i` of the operand's matrix, for i < columns; zeros up to `stride`.
  void copy_transposed(const HeadView<const T>& from, Index number, Index first, Index columns,
                       T factor = T(1)) const {
    const T* x = from.row(number, first);
    for (Index j = 0; j < from.width; ++j) {
      T* __restrict to = row(j);
      for (Index i = 0; i < columns; ++i) to[i] = factor * x[i * from.stride + j];
      std::fill(to + columns, to + stride, T(0));
    }
  }
  /// The opposite of copy.
  void write(const HeadView<T>& to, Index number, Index first, Index rows, T factor = T(1)) const {
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
  Kernel(const HeadView<const T>& query, const HeadView<const T>& key, const HeadView<const T>& value,
         const Shape& batch_shape, const AttentionScores& given)
      : q(query),
        k(key),
        v(value),
        batch(batch_shape),
        mask(given.mask, batch),
        causal(given.causal),
        scale(static_cast<T>(given.scale)),
        matrices(batch.count()),
        blocks((q.rows + queries - 1) / queries) {}

  Block block(Index number) const {
    const Index first = number * queries, count = std::min(queries, q.rows - first);
    return {first, count, causal ? std::min(k.rows, first + count) : k.rows};
  }
  /// Of one block, in elements of a simple loop.
  Index work() const { return queries * k.rows * (1 + (k.width + v.width) / 8); }

  /// Calls f(next, i) for all rows i of the next entry of the batch, where this matrix is the first of its
  /// own: time to bring them into cache, all heads at once. One head's pieces of rows are too short and too
  /// far apart for memory to deliver quickly.
  template <class F>
  void ahead(Index matrix, F f) const {
    constexpr Index fits_cache = 1 << 18;
    const Index next = matrix + q.heads;
    if (matrix % q.heads != 0 || next >= matrices || q.bytes() + k.bytes() + v.bytes() > fits_cache) return;
    for (Index i = 0; i < std::max(q.rows, k.rows); ++i) f(next, i);
  }

  /// scores[j, i] = k_j q_i + mask for queries that hold `scale` already, one a column.
  void score(Index matrix, const Block& block, const Matrix<T>& turned_queries,
             const Matrix<T>& scores) const {
    multiply(TileProduct{block.keys, queries, k.width, k.matrix(matrix), k.stride, 1, turned_queries.data,
                         turned_queries.stride, scores.data, scores.stride});
    mask.apply(matrix, block.first, block.count, block.keys, scores.data, scores.stride);
    if (!causal) return;
    for (Index j = block.first + 1; j < block.keys; ++j)
      std::fill_n(scores.row(j), j - block.first, -std::numeric_limits<T>::infinity());
  }

  /// True when some pair may be hidden.
  bool hides() const { return causal || mask.defined(); }
  /// True where the query may look at the key.
  bool visible(Index matrix, Index query, Index key) const {
    return !(causal && key > query) && mask.template allows<T>(matrix, query, key);
  }
  /// True where the query may look at no key.
  bool blind(Index matrix, Index query) const {
    return !mask.template allows<T>(matrix, query, 0, causal ? std::min(k.rows, query + 1) : k.rows);
  }
  /// Calls f(key, query of the block) for the pairs of a block that are visible, or for those that are not.
  template <class F>
  void each_pair(Index matrix, const Block& block, bool which, F f) const {
    for (Index j = 0; j < block.keys; ++j)
      for (Index i = 0; i < block.count; ++i)
        if (visible(matrix, block.first + i, j) == which) f(j, i);
  }

  using TileProduct = detail::TileProduct<T>;
  /// Queries of a block, side by side in whole vectors: what belongs to one query never crosses a vector.
  /// Few, so that little beyond a causal diagonal is computed.
  static constexpr Index queries = padded<T>(16);
  HeadView<const T> q, k, v;
  Shape batch;
  AttentionMask mask;
  bool causal;
  T scale;
  Index matrices, blocks;
};

/// A number for every query of a block.
template <class T>
using PerQuery = std::array<T, Kernel<T>::queries>;

/// For the vectors of columns c of a block, sums[c] = sum over its rows j of term(j, c), in stretches that
/// are summed in double precision.
template <class T, class Term>
PerQuery<T> sum_columns(Index rows, Term term) {
  using Vector = detail::Simd<T>;
  constexpr Index width = padded<T>(1), stretch = 64;
  PerQuery<T> sums;
  for (Index c = 0; c < Kernel<T>::queries; c += width) {
    std::array<double, width> total{};
    for (Index first = 0; first < rows; first += stretch) {
      Vector part(T(0));
      for (Index j = first; j < std::min(rows, first + stretch); ++j) part += term(j, c);
      alignas(Vector) std::array<T, width> lanes;
      part.store_aligned(lanes.data());
      for (std::size_t i = 0; i < width; ++i) total[i] += static_cast<double>(lanes[i]);
    }
    for (std::size_t i = 0; i < width; ++i) sums[static_cast<std::size_t>(c) + i] = static_cast<T>(total[i]);
  }
  return sums;
}

/// to += factor * x, n elements.
template <class T>
void add_scaled(T* __restrict to, T factor, const T* __restrict x, Index n) {
  for (Index i = 0; i < n; ++i) to[i] += factor * x[i];
}

/// The largest score of every query; 0 where all are -inf.
template <class T>
PerQuery<T> largest_of(const Matrix<T>& scores, Index keys) {
  using Vector = detail::Simd<T>;
  const Vector none(-std::numeric_limits<T>::infinity());
  PerQuery<T> largest;
  for (Index c = 0; c < Kernel<T>::queries; c += padded<T>(1)) {
    Vector most = none;
    for (Index j = 0; j < keys; ++j) most = xsimd::max(Vector::load_unaligned(scores.row(j) + c), most);
    xsimd::select(most == none, Vector(T(0)), most).store_unaligned(largest.data() + c);
  }
  return largest;
}

/// Scores become exp(score - largest). Returns the sum of every query's.
template <class T>
[[gnu::flatten]] PerQuery<T> exponentials(const Matrix<T>& scores, Index keys, const PerQuery<T>& largest) {
  using Vector = detail::Simd<T>;
  return sum_columns<T>(keys, [&](Index j, Index c) {
    T* at = scores.row(j) + c;
    const Vector e =
        detail::exp_kernel(Vector::load_unaligned(at) - Vector::load_unaligned(largest.data() + c));
    e.store_unaligned(at);
    return e;
  });
}

/// Scores become probabilities p_j = factor exp(score_j - largest), and slopes become
/// p_j (slope_j - sum over k of p_k slope_k).
template <class T>
[[gnu::flatten]] void slopes_of(const Matrix<T>& scores, const Matrix<T>& slopes, Index keys,
                                const PerQuery<T>& largest, const PerQuery<T>& factor) {
  using Vector = detail::Simd<T>;
  const PerQuery<T> along = sum_columns<T>(keys, [&](Index j, Index c) {
    T* at = scores.row(j) + c;
    const Vector p =
        Vector::load_unaligned(factor.data() + c) *
        detail::exp_kernel(Vector::load_unaligned(at) - Vector::load_unaligned(largest.data() + c));
    p.store_unaligned(at);
    return p * Vector::load_unaligned(slopes.row(j) + c);
  });
  for (Index j = 0; j < keys; ++j)
    for (Index c = 0; c < Kernel<T>::queries; c += padded<T>(1)) {
      T* at = slopes.row(j) + c;
      (Vector::load_unaligned(scores.row(j) + c) *
       (Vector::load_unaligned(at) - Vector::load_unaligned(along.data() + c)))
          .store_unaligned(at);
    }
}

/// The result, of this shape.
template <class T>
Attention run(const Kernel<T>& kernel, const Shape& shape) {
  using TileProduct = detail::TileProduct<T>;
  const DType dtype = dtype_of<T>;
  const Index rows = kernel.matrices * kernel.q.rows;
  if (kernel.k.rows == 0) return {zeros(shape, dtype), zeros({2, rows}, dtype)};
  Attention result{Tensor::uninitialized(shape, dtype), Tensor::uninitialized({2, rows}, dtype)};
  const HeadView<T> out = head_view(shape, kernel.q.heads, result.output.mutable_data<T>());
  T *largest = result.statistics.mutable_data<T>(), *inverse = largest + rows;
  const Index keys = kernel.k.rows, width = kernel.k.width, value_width = kernel.v.width;
  detail::parallel_for(
      kernel.matrices * kernel.blocks, detail::grain_of(kernel.work()), [&](Index begin, Index end) {
        Workspace<T> workspace;
        const Matrix<T> v = workspace.matrix(keys, value_width), q = workspace.matrix(width, kernel.queries),
                        p = workspace.matrix(keys, kernel.queries),
                        y = workspace.matrix(kernel.queries, value_width);
        for (Index task = begin; task < end; ++task) {
          const Index matrix = task / kernel.blocks;
          const Block block = kernel.block(task % kernel.blocks);
          if (task == begin || task % kernel.blocks == 0) {
            kernel.ahead(matrix, [&](Index next, Index i) {
              for (const HeadView<const T>& x : {kernel.q, kernel.k, kernel.v}) x.fetch(next, i);
              out.template fetch<true>(next, i);
            });
            v.copy(kernel.v, matrix, 0, keys);
          }
          q.copy_transposed(kernel.q, matrix, block.first, block.count, kernel.scale);
          kernel.score(matrix, block, q, p);
          const PerQuery<T> most = largest_of(p, block.keys);
          PerQuery<T> factor = exponentials(p, block.keys, most);
          for (Index i = 0; i < block.count; ++i) {
            T& sum = factor[static_cast<std::size_t>(i)];
            // A query without a key gives zeros; one whose keys all score -inf gives what softmax gives.
            sum = sum == T(0) && kernel.blind(matrix, block.first + i) ? T(0) : 1 / sum;
          }
          multiply(TileProduct{block.count, y.stride, block.keys, p.data, 1, p.stride, v.data, v.stride,
                               y.data, y.stride});
          // A weight of 0 makes NaN of a hidden value that is not finite: then each pair is looked at.
          if (kernel.hides() && !y.finite(block.count)) {
            y.clear(block.count);
            kernel.each_pair(matrix, block, true, [&](Index j, Index i) {
              add_scaled(y.row(i), p.row(j)[i], v.row(j), value_width);
            });
          }
          const Index at = matrix * kernel.q.rows + block.first;
          std::copy_n(most.data(), block.count, largest + at);
          std::copy_n(factor.data(), block.count, inverse + at);
          for (Index i = 0; i < block.count; ++i) {
            T* to = out.row(matrix, block.first + i);
            for (Index j = 0; j < value_width; ++j) to[j] = inverse[at + i] * y.row(i)[j];
          }
        }
      });
  return result;
}

/// Where the gradients go.
template <class T>
struct Gradients {
  HeadView<T> q, k, v;
};

template <class T>
void run_backward(const Kernel<T>& kernel, const Tensor& gradient, const Tensor& statistics,
                  const Gradients<T>& gradients) {
  using TileProduct = detail::TileProduct<T>;
  const HeadView<const T> incoming = head_view(gradient.shape(), kernel.q.heads, gradient.data<T>());
  const T *largest = statistics.data<T>(), *inverse = largest + kernel.matrices * kernel.q.rows;
  const Index keys = kernel.k.rows, width = kernel.k.width, value_width = kernel.v.width;
  // One thread a matrix, block after block: the sums over queries have one order.
  detail::parallel_for(
      kernel.matrices, detail::grain_of(kernel.blocks * kernel.work()), [&](Index begin, Index end) {
        Workspace<T> workspace;
        const Matrix<T> k = workspace.matrix(keys, width), q = workspace.matrix(kernel.queries, width),
                        g = workspace.matrix(kernel.queries, value_width),
                        q_turned = workspace.matrix(width, kernel.queries),
                        g_turned = workspace.matrix(value_width, kernel.queries),
                        p = workspace.matrix(keys, kernel.queries),
                        ds = workspace.matrix(keys, kernel.queries), dk = workspace.matrix(keys, width),
                        dv = workspace.matrix(keys, value_width),
                        dq = workspace.matrix(kernel.queries, width);
        // False where a factor of 0 may have made NaN of a hidden number; `pairwise` looks at each pair
        // instead.
        const auto differentiate = [&](Index matrix, bool pairwise) {
          bool sound = true;
          dk.clear(keys);
          dv.clear(keys);
          for (Index number = 0; number < kernel.blocks; ++number) {
            const Block block = kernel.block(number);
            q.copy(kernel.q, matrix, block.first, block.count, kernel.scale);
            g.copy(incoming, matrix, block.first, block.count);
            q_turned.copy_transposed(kernel.q, matrix, block.first, block.count, kernel.scale);
            g_turned.copy_transposed(incoming, matrix, block.first, block.count);
            kernel.score(matrix, block, q_turned, p);
            multiply(TileProduct{block.keys, ds.stride, value_width, kernel.v.matrix(matrix), kernel.v.stride,
                                 1, g_turned.data, g_turned.stride, ds.data, ds.stride});
            if (pairwise)
              kernel.each_pair(matrix, block, false, [&](Index j, Index i) { ds.row(j)[i] = T(0); });
            const Index at = matrix * kernel.q.rows + block.first;
            PerQuery<T> most{}, factor{};
            std::copy_n(largest + at, block.count, most.data());
            std::copy_n(inverse + at, block.count, factor.data());
            slopes_of(p, ds, block.keys, most, factor);
            if (pairwise) {
              dq.clear(block.count);
              kernel.each_pair(matrix, block, true, [&](Index j, Index i) {
                add_scaled(dv.row(j), p.row(j)[i], g.row(i), value_width);
                add_scaled(dk.row(j), ds.row(j)[i], q.row(i), width);
                add_scaled(dq.row(i), ds.row(j)[i], k.row(j), width);
              });
            } else {
              multiply(TileProduct{block.keys, dv.stride, block.count, p.data, p.stride, 1, g.data, g.stride,
                                   dv.data, dv.stride, true});
              multiply(TileProduct{block.keys, dk.stride, block.count, ds.data, ds.stride, 1, q.data,
                                   q.stride, dk.data, dk.stride, true});
              multiply(TileProduct{block.count, dq.stride, block.keys, ds.data, 1, ds.stride, k.data,
                                   k.stride, dq.data, dq.stride});
              if (kernel.hides()) sound = sound && dq.finite(block.count);
            }
            dq.write(gradients.q, matrix, block.first, block.count, kernel.scale);
          }
          return pairwise || !kernel.hides() || (sound && dk.finite(keys) && dv.finite(keys));
        };
        for (Index matrix = begin; matrix < end; ++matrix) {
          kernel.ahead(matrix, [&](Index next, Index i) {
            for (const HeadView<const T>& x : {kernel.q, kernel.k, kernel.v, incoming}) x.fetch(next, i);
            for (const HeadView<T>& x : {gradients.q, gradients.k, gradients.v})
              x.template fetch<true>(next, i);
          });
          k.copy(kernel.k, matrix, 0, keys);
          for (bool pairwise = false; !differentiate(matrix, pairwise);) pairwise = true;
          dk.write(gradients.k, matrix, 0, keys);
          dv.write(gradients.v, matrix, 0, keys);
        }
      });
}

template <class T>
Kernel<T> kernel_of(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionScores& scores) {
  const auto whole = [&](const Tensor& x) {
    return head_view(x.shape(), scores.heads.value_or(1), x.data<T>());
  };
  return {whole(query), whole(key), whole(value), batch_of(query.shape(), scores), scores};
}

template <class T>
Kernel<T> kernel_of(const Tensor& packed, const AttentionScores& scores) {
  const auto part = [&](Index number) {
    return head_view(packed.shape(), scores.heads.value_or(1), packed.data<T>(), number, 3);
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
                                      const Tensor& statistics) {
  return detail::dispatch_floating(query.dtype(), [&]<class T>(std::type_identity<T>) {
    const Kernel<T> kernel = kernel_of<T>(query, key, value, scores);
    if (kernel.k.rows == 0) return AttentionGradients{zeros_like(query), zeros_like(key), zeros_like(value)};
    const auto like = [](const Tensor& x) { return Tensor::uninitialized(x.shape(), x.dtype()); };
    const auto whole = [&](Tensor& x) { return head_view(x.shape(), kernel.q.heads, x.mutable_data<T>()); };
    AttentionGradients result{like(query), like(key), like(value)};
    run_backward(kernel, gradient, statistics, {whole(result.query), whole(result.key), whole(result.value)});
    return result;
  });
}

Tensor packed_attention_backward(const Tensor& gradient, const Tensor& packed, const AttentionScores& scores,
                                 const Tensor& statistics) {
  return detail::dispatch_floating(packed.dtype(), [&]<class T>(std::type_identity<T>) {
    const Kernel<T> kernel = kernel_of<T>(packed, scores);
    Tensor result = Tensor::uninitialized(packed.shape(), packed.dtype());
    T* to = result.mutable_data<T>();
    const auto part = [&](Index number) { return head_view(packed.shape(), kernel.q.heads, to, number, 3); };
    run_backward(kernel, gradient, statistics, {part(0), part(1), part(2)});
    return result;
  });
}

}  // namespace xgrad::kernels
