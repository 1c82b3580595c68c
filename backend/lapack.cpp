// xt::linalg is right for one matrix of finite elements and sizes that are not zero. It takes a stack of
// matrices for its first one, a NaN in svd() and lstsq() for convergence, and an empty matrix for one of an
// element, without an error; it does not say which matrix failed, and its product returns wrong shapes. So
// the layer below it, xt::lapack, is called here on columns of our own, with every info looked at, and its
// cxxlapack where xt::lapack has no function, or one for a single right side.
#include <xgrad/backend/lapack.hpp>

#include <xgrad/backend/blas.hpp>

#include <xtensor-blas/xblas.hpp>  // before xlapack.hpp, which lacks what this defines
#include <xtensor-blas/xlapack.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <tuple>

namespace xgrad::lapack {
namespace {

using Integer = xt::blas_index_t;

Integer narrow(Index size) {
  if (size > std::numeric_limits<Integer>::max())
    fail<ShapeError>("a size of " + std::to_string(size) + " exceeds the " +
                     std::to_string(std::numeric_limits<Integer>::max()) + " that LAPACK can count");
  return static_cast<Integer>(size);
}

/// A column-major matrix, with what xt::lapack asks of one. An xt::xtensor has a column stride of 0 where it
/// has one column, which xt::lapack would take for 1.
template <class T>
class Columns {
 public:
  using value_type = T;
  static constexpr xt::layout_type static_layout = xt::layout_type::column_major;

  Columns(Index rows, Index columns)
      : shape_{static_cast<std::size_t>(narrow(rows)), static_cast<std::size_t>(narrow(columns))},
        elements_(shape_[0] * shape_[1]) {}
  Columns(Index rows, Index columns, const T* row_major) : Columns(rows, columns) {
    for (std::size_t i = 0; i < shape_[0]; ++i)
      for (std::size_t j = 0; j < shape_[1]; ++j) (*this)(i, j) = row_major[i * shape_[1] + j];
  }

  T& operator()(std::size_t i, std::size_t j) { return elements_[j * shape_[0] + i]; }
  T* data() { return elements_.data(); }
  std::size_t dimension() const { return 2; }
  xt::layout_type layout() const { return static_layout; }
  const std::array<std::size_t, 2>& shape() const { return shape_; }
  std::array<std::size_t, 2> strides() const { return {1, shape_[0]}; }

 private:
  std::array<std::size_t, 2> shape_;
  std::vector<T> elements_;
};

/// What a LAPACK routine returns, after the errors that are no property of the matrix.
template <class F>
Index info_of(const char* routine, const F& call) {
  const blas::OneThread alone;
  Integer info = 0;
  try {
    info = static_cast<Integer>(call());
  } catch (const std::runtime_error& error) {
    fail<NumericError>(std::string("LAPACK: ") + error.what());
  }
  if (info < 0)
    fail<NumericError>(std::string("LAPACK's ") + routine + " does not accept its argument " +
                       std::to_string(-info));
  return info;
}

/// Exponents e such that 2^-e brings the largest of each line near 1; false when a line is all zeros. The
/// scale itself stays within T's range.
template <class T, class Element>
bool scales(Index size, const Element& element, std::vector<int>& exponents, std::vector<T>& scale) {
  constexpr int most = std::numeric_limits<T>::max_exponent - 2;
  for (Index i = 0; i < size; ++i) {
    T largest = 0;
    for (Index j = 0; j < size; ++j) largest = std::max(largest, std::abs(element(i, j)));
    if (largest == 0) return false;
    int exponent = 0;
    std::frexp(largest, &exponent);
    const auto at = static_cast<std::size_t>(i);
    exponents[at] = std::clamp(exponent, -most, most);
    scale[at] = std::ldexp(T(1), -exponents[at]);
  }
  return true;
}

}  // namespace

template <class T>
Lu<T>::Lu(Index size)
    : size_(narrow(size)),
      factors_(static_cast<std::size_t>(size * size)),
      row_scale_(static_cast<std::size_t>(size)),
      column_scale_(row_scale_),
      pivots_(row_scale_.size()),
      row_exponent_(row_scale_.size()),
      column_exponent_(row_scale_.size()) {}

template <class T>
void Lu<T>::factor(const T* matrix) {
  const Index n = size_;
  const auto row = [&](Index i, Index j) { return matrix[i * n + j]; };
  const auto column = [&](Index j, Index i) {
    return matrix[i * n + j] * row_scale_[static_cast<std::size_t>(i)];
  };
  zero_pivot_ =
      !scales(n, row, row_exponent_, row_scale_) || !scales(n, column, column_exponent_, column_scale_);
  reciprocal_condition_ = -1;
  if (zero_pivot_) return;

  Columns<T> scaled(n, n);
  norm_ = 0;
  for (Index j = 0; j < n; ++j) {
    T total = 0;
    for (Index i = 0; i < n; ++i) {
      const T x = column(j, i) * column_scale_[static_cast<std::size_t>(j)];
      scaled(static_cast<std::size_t>(i), static_cast<std::size_t>(j)) = x;
      total += std::abs(x);
    }
    norm_ = std::max(norm_, total);
  }
  zero_pivot_ = info_of("getrf", [&] { return xt::lapack::getrf(scaled, pivots_); }) > 0;
  std::copy(scaled.data(), scaled.data() + factors_.size(), factors_.begin());
}

template <class T>
T Lu<T>::reciprocal_condition() {
  if (zero_pivot_) return 0;
  if (reciprocal_condition_ >= 0) return reciprocal_condition_;
  std::vector<T> work(4 * static_cast<std::size_t>(size_));
  std::vector<Integer> integers(static_cast<std::size_t>(size_));
  info_of("gecon", [&] {
    return cxxlapack::gecon<Integer>('1', narrow(size_), factors_.data(), narrow(size_), norm_,
                                     reciprocal_condition_, work.data(), integers.data());
  });
  return reciprocal_condition_;
}

template <class T>
void Lu<T>::solve(bool transposed, Index columns, const T* b, T* x) {
  const std::vector<T>& before = transposed ? column_scale_ : row_scale_;
  const std::vector<T>& after = transposed ? row_scale_ : column_scale_;
  const auto n = static_cast<std::size_t>(size_), k = static_cast<std::size_t>(columns);
  right_.resize(n * k);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < k; ++j) right_[j * n + i] = b[i * k + j] * before[i];
  info_of("getrs", [&] {
    return cxxlapack::getrs<Integer>(transposed ? 'T' : 'N', narrow(size_), narrow(columns), factors_.data(),
                                     narrow(size_), pivots_.data(), right_.data(), narrow(size_));
  });
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < k; ++j) x[i * k + j] = right_[j * n + i] * after[i];
}

template <class T>
typename Lu<T>::Determinant Lu<T>::determinant() const {
  if (zero_pivot_) return {0, 0, 1};
  Determinant result{1, 0, 1};
  for (std::size_t i = 0; i < pivots_.size(); ++i) {
    if (pivots_[i] != static_cast<int>(i) + 1) result.sign = -result.sign;
    T factor = factors_[i * pivots_.size() + i];
    if (factor < 0) {
      result.sign = -result.sign;
      factor = -factor;
    }
    int of_factor = 0, of_product = 0;
    result.fraction = std::frexp(result.fraction * std::frexp(factor, &of_factor), &of_product);
    result.exponent += of_factor + of_product + row_exponent_[i] + column_exponent_[i];
  }
  if (result.fraction * result.fraction < T(0.5)) {
    result.fraction *= 2;
    --result.exponent;
  }
  return result;
}

template <class T>
bool cholesky(Index size, const T* a, T* l) {
  Columns<T> matrix(size, size, a);
  if (info_of("potrf", [&] { return xt::lapack::potr(matrix, 'L'); }) > 0) return false;
  const auto n = static_cast<std::size_t>(size);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) l[i * n + j] = j <= i ? matrix(i, j) : T(0);
  return true;
}

template <class T>
void qr(Index m, Index n, const T* a, T* q, T* r) {
  Columns<T> matrix(m, n, a);
  const auto rows = static_cast<std::size_t>(m), columns = static_cast<std::size_t>(n);
  const std::size_t k = std::min(rows, columns);
  std::vector<T> tau(k);
  info_of("geqrf", [&] { return xt::lapack::geqrf(matrix, tau); });
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j < columns; ++j) r[i * columns + j] = j < i ? T(0) : matrix(i, j);
  // Of a wide matrix the first k columns hold the reflectors.
  info_of("orgqr", [&] { return xt::lapack::orgqr(matrix, tau, static_cast<Integer>(k)); });
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < k; ++j) q[i * k + j] = matrix(i, j);
}

template <class T>
bool svd(Index m, Index n, const T* a, T* u, T* s, T* vh) {
  Columns<T> matrix(m, n, a);
  using Result = decltype(xt::lapack::gesdd(matrix, 'S'));
  std::optional<Result> result;
  const Index info = info_of("gesdd", [&] {
    result.emplace(xt::lapack::gesdd(matrix, 'S'));
    return std::get<0>(*result);
  });
  if (info > 0) return false;
  const auto rows = static_cast<std::size_t>(m), columns = static_cast<std::size_t>(n);
  const std::size_t k = std::min(rows, columns);
  const T* left = std::get<1>(*result).data();
  const T* right = std::get<3>(*result).data();
  std::copy_n(std::get<2>(*result).data(), k, s);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < k; ++j) u[i * k + j] = left[j * rows + i];
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j < columns; ++j) vh[i * columns + j] = right[j * k + i];
  return true;
}

template <class T>
bool eigh(Index size, const T* a, T* values, T* vectors) {
  Columns<T> matrix(size, size, a);
  const auto n = static_cast<std::size_t>(size);
  std::vector<T> found(n);
  if (info_of("syevd", [&] { return xt::lapack::syevd(matrix, 'V', 'L', found); }) > 0) return false;
  std::copy(found.begin(), found.end(), values);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) vectors[i * n + j] = matrix(i, j);
  return true;
}

template <class T>
Index lstsq(Index m, Index n, Index k, const T* a, const T* b, T rcond, T* x) {
  Columns<T> matrix(m, n, a), right(std::max(m, n), k);
  const auto columns = static_cast<std::size_t>(n), sides = static_cast<std::size_t>(k);
  for (std::size_t i = 0; i < static_cast<std::size_t>(m); ++i)
    for (std::size_t j = 0; j < sides; ++j) right(i, j) = b[i * sides + j];
  std::vector<T> singular_values(static_cast<std::size_t>(std::min(m, n)));
  Integer rank = 0;
  const Index info = info_of("gelsd", [&] {
    return xt::lapack::gelsd(matrix, right, singular_values, rank, static_cast<double>(rcond));
  });
  if (info > 0) return -1;
  for (std::size_t i = 0; i < columns; ++i)
    for (std::size_t j = 0; j < sides; ++j) x[i * sides + j] = right(i, j);
  return rank;
}

template class Lu<float>;
template class Lu<double>;
template bool cholesky(Index, const float*, float*);
template bool cholesky(Index, const double*, double*);
template void qr(Index, Index, const float*, float*, float*);
template void qr(Index, Index, const double*, double*, double*);
template bool svd(Index, Index, const float*, float*, float*, float*);
template bool svd(Index, Index, const double*, double*, double*, double*);
template bool eigh(Index, const float*, float*, float*);
template bool eigh(Index, const double*, double*, double*);
template Index lstsq(Index, Index, Index, const float*, const float*, float, float*);
template Index lstsq(Index, Index, Index, const double*, const double*, double, double*);

}  // namespace xgrad::lapack
