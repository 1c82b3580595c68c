#include <xgrad/kernels/decompositions.hpp>

#include <xgrad/backend/lapack.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/matmul.hpp>
#include <xgrad/kernels/strided.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numbers>
#include <optional>

namespace xgrad::kernels {
namespace {

/// The last two axes and what stands before them.
struct Stack {
  Shape batch;
  Index rows, columns, count;

  explicit Stack(const Tensor& x)
      : batch(x.shape().begin(), x.shape().end() - 2),
        rows(x.size(-2)),
        columns(x.size(-1)),
        count(batch.count()) {}
  Index size() const { return rows * columns; }
  Shape with(std::initializer_list<Index> last) const {
    Shape shape = batch;
    for (const Index size : last) shape.push_back(size);
    return shape;
  }
};

/// The first matrix of a batch that some thread could not work on.
class FirstFault {
 public:
  void note(Index position, const char* what) {
    const std::lock_guard lock(mutex_);
    if (position_ && *position_ <= position) return;
    position_ = position;
    what_ = what;
  }
  /// Throws NumericError when there is one.
  void raise(const Shape& shape, const char* hint) const {
    if (position_) fail<NumericError>(matrix_name(shape, *position_) + " " + what_, hint);
  }

 private:
  std::mutex mutex_;
  std::optional<Index> position_;
  const char* what_ = "";
};

/// f(begin, end) on ranges of `count` matrices, of so many multiply-adds each.
template <class F>
void over_matrices(Index count, double cost, F&& f) {
  const auto work = static_cast<Index>(std::min(cost, 1e12));
  detail::parallel_for(count, detail::grain_of(work + 1), f);
}
double cubed(const Stack& s) {
  return static_cast<double>(s.rows) * static_cast<double>(s.columns) *
         static_cast<double>(std::min(s.rows, s.columns));
}

/// Throws NumericError naming the first matrix with a NaN or an infinity.
void require_finite(const Tensor& x) {
  if (all_finite(x)) return;
  detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const std::span<const T> all = x.span<T>();
    const auto at = std::find_if(all.begin(), all.end(), [](T v) { return !std::isfinite(v); });
    fail<NumericError>(matrix_name(x.shape(), (at - all.begin()) / Stack(x).size()) +
                       " holds a NaN or an infinity");
  });
}

constexpr const char* singular_hint = "lstsq and pinverse take matrices of any rank, or add to the diagonal";

/// The product of n factors except for numbers i and j, which may be the same.
template <class T>
T product_without(const T* factors, Index n, Index i, Index j) {
  T result = 1;
  for (Index k = 0; k < n; ++k)
    if (k != i && k != j) result *= factors[k];
  return result;
}

/// u diag(s) vh of square matrices, and the determinant of u vh, 1 or -1.
struct Oriented {
  SvdFactors f;
  Tensor sign_of_u, sign_of_vh;

  explicit Oriented(const Tensor& a)
      : f(svd(a)), sign_of_u(determinants(f.u).signs), sign_of_vh(determinants(f.vh).signs) {}
  template <class T>
  T sign(Index position) const {
    return sign_of_u.data<T>()[position] * sign_of_vh.data<T>()[position];
  }
};

}  // namespace

std::string matrix_name(const Shape& shape, Index position) {
  if (shape.rank() <= 2) return "the matrix";
  std::string index;
  for (Index axis = shape.rank() - 2; axis-- > 0; position /= shape[axis])
    index = std::to_string(position % shape[axis]) + (index.empty() ? "" : ", ") + index;
  return "matrix (" + index + ") of the batch";
}

Tensor solve(const Tensor& a, const Tensor& b, bool transposed) {
  require_finite(a);
  const Stack left(a), right(b);
  const Shape batch = broadcast_shapes(left.batch, right.batch);
  Shape shape = batch;
  shape.push_back(right.rows);
  shape.push_back(right.columns);
  Tensor result = Tensor::uninitialized(shape, a.dtype());
  if (a.count() == 0 || batch.count() == 0) return result;
  const Index n = left.rows, k = right.columns;
  const BroadcastBatch of_a(left.batch, batch), of_b(right.batch, batch);
  FirstFault fault;
  detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T *matrices = a.data<T>(), *sides = b.data<T>();
    T* out = result.mutable_data<T>();
    over_matrices(batch.count(), cubed(left) + static_cast<double>(n) * static_cast<double>(n * k),
                  [&](Index begin, Index end) {
                    lapack::Lu<T> lu(n);
                    Index factored = -1;
                    for (Index i = begin; i < end; ++i) {
                      if (const Index at = of_a(i); at != factored) {
                        lu.factor(matrices + at * left.size());
                        factored = at;
                      }
                      if (lu.singular())
                        fault.note(factored, "is singular");
                      else if (k > 0)
                        lu.solve(transposed, k, sides + of_b(i) * right.size(), out + i * right.size());
                    }
                  });
  });
  fault.raise(a.shape(), singular_hint);
  return result;
}

Tensor inverse(const Tensor& a) { return solve(a, eye(a.size(-1), -1, a.dtype()), false); }

Determinants determinants(const Tensor& a) {
  require_finite(a);
  const Stack s(a);
  Determinants result{ones(s.batch, a.dtype()), ones(s.batch, a.dtype()), zeros(s.batch, a.dtype())};
  if (a.count() == 0) return result;
  detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* in = a.data<T>();
    T* values = result.values.mutable_data<T>();
    T* signs = result.signs.mutable_data<T>();
    T* logs = result.log_abs.mutable_data<T>();
    over_matrices(s.count, cubed(s), [&](Index begin, Index end) {
      lapack::Lu<T> lu(s.rows);
      for (Index i = begin; i < end; ++i) {
        lu.factor(in + i * s.size());
        const auto [sign, exponent, fraction] = lu.determinant();
        constexpr Index most = 1 << 20;
        values[i] = sign == 0 ? T(0)
                              : static_cast<T>(sign) *
                                    std::ldexp(fraction, static_cast<int>(std::clamp(exponent, -most, most)));
        signs[i] = static_cast<T>(sign);
        logs[i] = sign == 0 ? -std::numeric_limits<T>::infinity()
                            : std::log(fraction) + static_cast<T>(exponent) * std::numbers::ln2_v<T>;
      }
    });
  });
  return result;
}

bool has_accurate_cofactors(const Tensor& a) {
  if (a.count() == 0) return true;
  const Stack s(a);
  return detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* in = a.data<T>();
    lapack::Lu<T> lu(s.rows);
    for (Index i = 0; i < s.count; ++i) {
      lu.factor(in + i * s.size());
      // det(a) itself may leave the range where its derivative does not.
      const Index exponent = lu.determinant().exponent;
      if (lu.reciprocal_condition() < std::sqrt(std::numeric_limits<T>::epsilon()) ||
          exponent < std::numeric_limits<T>::min_exponent || exponent >= std::numeric_limits<T>::max_exponent)
        return false;
    }
    return true;
  });
}

Tensor cofactors(const Tensor& a) {
  // det(u b vh) = sign det(b), whose derivative at b = diag(s) is diagonal.
  Oriented of(a);
  const Index n = a.size(-1);
  if (a.count() == 0) return a;
  detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* s = of.f.s.data<T>();
    T* rows = of.f.vh.mutable_data<T>();
    for (Index i = 0; i < of.f.s.count(); ++i, rows += n) {
      const T without = of.sign<T>(i / n) * product_without(s + i / n * n, n, i % n, i % n);
      for (Index j = 0; j < n; ++j) rows[j] *= without;
    }
  });
  return matmul(of.f.u, of.f.vh);
}

Tensor cofactors_gradient(const Tensor& a, const Tensor& g) {
  // With h = u^T g v, the cofactors of b near diag(s), whose products without i and j are p_ij, are
  // c_ii = p_ii + sum_k p_ik (b_kk - s_k) and c_ij = -p_ij b_ji, but for terms of second order.
  const Oriented of(a);
  const Index n = a.size(-1);
  if (a.count() == 0) return a;
  const Tensor turned = matmul(matmul(of.f.u, g, true, false), of.f.vh, false, true);
  Tensor inner = zeros(a.shape(), a.dtype());
  detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T *s = of.f.s.data<T>(), *h = turned.data<T>();
    T* out = inner.mutable_data<T>();
    for (Index position = 0; position < a.count() / (n * n); ++position, s += n, h += n * n, out += n * n)
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) {
          if (i == j) continue;
          const T without = of.sign<T>(position) * product_without(s, n, i, j);
          out[j * n + j] += without * h[i * n + i];
          out[j * n + i] -= without * h[i * n + j];
        }
  });
  return matmul(matmul(of.f.u, inner), of.f.vh);
}

Tensor cholesky(const Tensor& a) {
  require_finite(a);
  const Stack s(a);
  Tensor result = Tensor::uninitialized_like(a);
  if (a.count() == 0) return result;
  FirstFault fault;
  detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* in = a.data<T>();
    T* out = result.mutable_data<T>();
    over_matrices(s.count, cubed(s), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        if (!lapack::cholesky(s.rows, in + i * s.size(), out + i * s.size()))
          fault.note(i, "is not positive definite");
    });
  });
  fault.raise(a.shape(), "its lower triangle is read; adding to the diagonal may help");
  return result;
}

QrFactors qr(const Tensor& a) {
  require_finite(a);
  const Stack s(a);
  const Index k = std::min(s.rows, s.columns);
  QrFactors result{Tensor::uninitialized(s.with({s.rows, k}), a.dtype()),
                   Tensor::uninitialized(s.with({k, s.columns}), a.dtype())};
  if (a.count() == 0) return result;
  detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* in = a.data<T>();
    T* q = result.q.mutable_data<T>();
    T* r = result.r.mutable_data<T>();
    over_matrices(s.count, 4 * cubed(s), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        lapack::qr(s.rows, s.columns, in + i * s.size(), q + i * s.rows * k, r + i * k * s.columns);
    });
  });
  return result;
}

SvdFactors svd(const Tensor& a) {
  require_finite(a);
  const Stack s(a);
  const Index k = std::min(s.rows, s.columns);
  SvdFactors result{Tensor::uninitialized(s.with({s.rows, k}), a.dtype()),
                    Tensor::uninitialized(s.with({k}), a.dtype()),
                    Tensor::uninitialized(s.with({k, s.columns}), a.dtype())};
  if (a.count() == 0) return result;
  FirstFault fault;
  detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* in = a.data<T>();
    T* u = result.u.mutable_data<T>();
    T* values = result.s.mutable_data<T>();
    T* vh = result.vh.mutable_data<T>();
    over_matrices(s.count, 20 * cubed(s), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        if (!lapack::svd(s.rows, s.columns, in + i * s.size(), u + i * s.rows * k, values + i * k,
                         vh + i * k * s.columns))
          fault.note(i, "has singular values that the iteration does not find");
    });
  });
  fault.raise(a.shape(), "");
  return result;
}

EighFactors eigh(const Tensor& a) {
  require_finite(a);
  const Stack s(a);
  EighFactors result{Tensor::uninitialized(s.with({s.rows}), a.dtype()), Tensor::uninitialized_like(a)};
  if (a.count() == 0) return result;
  FirstFault fault;
  detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* in = a.data<T>();
    T* values = result.values.mutable_data<T>();
    T* vectors = result.vectors.mutable_data<T>();
    over_matrices(s.count, 10 * cubed(s), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        if (!lapack::eigh(s.rows, in + i * s.size(), values + i * s.rows, vectors + i * s.size()))
          fault.note(i, "has eigenvalues that the iteration does not find");
    });
  });
  fault.raise(a.shape(), "");
  return result;
}

Tensor pinverse(const Tensor& a, double rcond) {
  const Stack s(a);
  SvdFactors f = svd(a);
  const Index k = std::min(s.rows, s.columns);
  if (a.count() == 0) return zeros(s.with({s.columns, s.rows}), a.dtype());
  detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* values = f.s.data<T>();
    T* vh = f.vh.mutable_data<T>();
    for (Index i = 0; i < s.count; ++i) {
      const T cutoff = static_cast<T>(rcond) * values[i * k];
      for (Index j = 0; j < k; ++j) {
        const T value = values[i * k + j];
        T* row = vh + (i * k + j) * s.columns;
        for (Index c = 0; c < s.columns; ++c) row[c] = value > cutoff ? row[c] / value : T(0);
      }
    }
  });
  return matmul(f.vh, f.u, true, true);
}

Tensor lstsq(const Tensor& a, const Tensor& b) {
  require_finite(a);
  require_finite(b);
  const Stack left(a), right(b);
  const Shape batch = broadcast_shapes(left.batch, right.batch);
  const Index m = left.rows, n = left.columns, k = right.columns;
  Shape shape = batch;
  shape.push_back(n);
  shape.push_back(k);
  // Without equations, the solution of least norm is zero.
  Tensor result = zeros(shape, a.dtype());
  if (a.count() == 0 || batch.count() == 0) return result;
  const BroadcastBatch of_a(left.batch, batch), of_b(right.batch, batch);
  FirstFault fault;
  detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T *matrices = a.data<T>(), *sides = b.data<T>();
    T* out = result.mutable_data<T>();
    const T rcond = std::numeric_limits<T>::epsilon() * static_cast<T>(std::max(m, n));
    over_matrices(batch.count(), 10 * cubed(left) + static_cast<double>(m) * static_cast<double>(n * k),
                  [&](Index begin, Index end) {
                    const std::vector<T> none(static_cast<std::size_t>(m));
                    std::vector<T> nothing(static_cast<std::size_t>(n));
                    for (Index i = begin; i < end; ++i) {
                      const T* matrix = matrices + of_a(i) * left.size();
                      // The rank is judged without right sides, too.
                      const Index rank =
                          k > 0 ? lapack::lstsq(m, n, k, matrix, sides + of_b(i) * right.size(), rcond,
                                                out + i * n * k)
                                : lapack::lstsq(m, n, 1, matrix, none.data(), rcond, nothing.data());
                      if (rank < 0)
                        fault.note(of_a(i), "has singular values that the iteration does not find");
                      else if (rank < std::min(m, n))
                        fault.note(of_a(i), "does not have full rank");
                    }
                  });
  });
  fault.raise(a.shape(), "matmul(pinverse(a), b) gives the solution of least norm");
  return result;
}

Tensor indistinct(const Tensor& values) {
  const Index n = values.size(-1);
  Shape shape = values.shape();
  shape.push_back(n);
  Tensor result = Tensor::uninitialized(shape, boolean);
  detail::dispatch_floating(values.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* all = values.data<T>();
    bool* out = result.mutable_data<bool>();
    for (Index row = 0; n > 0 && row < values.count() / n; ++row, all += n, out += n * n) {
      T largest = 0;
      for (Index i = 0; i < n; ++i) largest = std::max(largest, std::abs(all[i]));
      const T least = 4 * std::sqrt(static_cast<T>(n)) * std::numeric_limits<T>::epsilon() * largest;
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) out[i * n + j] = std::abs(all[i] - all[j]) <= least;
    }
  });
  return result;
}

Tensor negligible(const Tensor& singular_values, Index size) {
  Tensor result = Tensor::uninitialized_like(singular_values, boolean);
  detail::dispatch_floating(singular_values.dtype(), [&]<class T>(std::type_identity<T>) {
    const Index k = singular_values.size(-1);
    const T* values = singular_values.data<T>();
    bool* out = result.mutable_data<bool>();
    for (Index i = 0; i < result.count(); ++i)
      out[i] = values[i] <= static_cast<T>(size) * std::numeric_limits<T>::epsilon() * values[i / k * k];
  });
  return result;
}

}  // namespace xgrad::kernels
