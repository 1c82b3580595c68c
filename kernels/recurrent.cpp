// Threads share the batch, not the steps: each goes through the whole sequence with its rows, and none waits.
#include <xgrad/kernels/recurrent.hpp>

#include <xgrad/backend/products.hpp>
#include <xgrad/kernels/reduce.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/vmath/elementary.hpp>

namespace xgrad::kernels {
namespace {

using detail::Simd, detail::sigmoid_kernel, detail::tanh_kernel;

struct Sizes {
  Index steps, batch, hidden;
};

Sizes sizes_of(const Tensor& hidden_states) {
  return {hidden_states.size(0), hidden_states.size(1), hidden_states.size(2)};
}

// Rows of the batch that are worth a thread: it makes room for its own products, and may pack a weight.
Index rows_of_thread(const Sizes& s, Index gates) {
  constexpr Index multiply_adds = 8 * detail::worth_a_thread;
  return detail::grain_of(s.steps * s.hidden * s.hidden * gates, multiply_adds);
}

// Rows that share a product's overhead, where the parts of the batch depend on its size alone.
constexpr Index rows_of_part = 16;

// The product that every step repeats with its own a and c: c (rows x columns) = a (rows x inner) b + beta c,
// plus a bias where there is one. b is a weight (gates H, H): transposed on the way from states to gates, as
// it is on the way back.
template <class T>
class StepProduct {
 public:
  StepProduct(Index steps, Index rows, Index columns, Index inner, const T* weight, bool transposed, T beta,
              Index c_stride, const T* bias = nullptr)
      : product_{.transpose_a = false,
                 .transpose_b = transposed,
                 .rows = rows,
                 .columns = columns,
                 .inner = inner,
                 .a = nullptr,
                 .lda = inner,
                 .b = weight,
                 .ldb = transposed ? inner : columns,
                 .beta = beta,
                 .c = nullptr,
                 .ldc = c_stride,
                 .bias = bias} {
    constexpr Index worth_packing = 8;
    if (steps >= worth_packing) packed_ = backend::pack(product_);
  }

  void operator()(const T* a, T* c) {
    product_.a = a;
    product_.c = c;
    backend::multiply(product_, packed_);
  }

 private:
  backend::Product<T> product_;
  backend::Packed packed_;
};

// The sum over all steps of gradients^T times the state before the step: one product for the first state, one
// for all others.
template <class T>
Tensor weight_gradient(const Sizes& s, Index columns, const Tensor& gradients, const Tensor& first,
                       const Tensor& states) {
  Tensor result = zeros({columns, s.hidden}, first.dtype());
  const auto add = [&](Index rows, const T* g, const T* state, T beta) {
    backend::multiply(backend::Product<T>{.transpose_a = true,
                                          .transpose_b = false,
                                          .rows = columns,
                                          .columns = s.hidden,
                                          .inner = rows,
                                          .a = g,
                                          .lda = columns,
                                          .b = state,
                                          .ldb = s.hidden,
                                          .beta = beta,
                                          .c = result.mutable_data<T>(),
                                          .ldc = s.hidden});
  };
  if (s.steps == 0 || s.batch == 0) return result;
  const T* g = gradients.data<T>();
  add(s.batch, g, first.data<T>(), T(0));
  if (s.steps > 1) add((s.steps - 1) * s.batch, g + s.batch * columns, states.data<T>(), T(1));
  return result;
}

template <class T>
inline constexpr Index width_of = static_cast<Index>(Simd<T>::size);

// A vector of a row's gate, from unit j on; the last one padded with zeros.
template <class T>
Simd<T> at(const T* row, Index gate, Index hidden, Index j) {
  const T* from = row + gate * hidden + j;
  if (hidden - j >= width_of<T>) return Simd<T>::load_unaligned(from);
  std::array<T, Simd<T>::size> last{};
  std::copy_n(from, hidden - j, last.begin());
  return Simd<T>::load_unaligned(last.data());
}
template <class T>
void put(const Simd<T>& vector, T* row, Index gate, Index hidden, Index j) {
  T* to = row + gate * hidden + j;
  if (hidden - j >= width_of<T>) return vector.store_unaligned(to);
  std::array<T, Simd<T>::size> last;
  vector.store_unaligned(last.data());
  std::copy_n(last.begin(), hidden - j, to);
}

// One row: `gates` holds the state's share and receives the activated gates.
template <class T>
[[gnu::flatten]] void lstm_cell(const T* projected, T* gates, const T* before, T* cell, T* hidden, Index h) {
  for (Index j = 0; j < h; j += width_of<T>) {
    const Simd<T> i = sigmoid_kernel<T>(at(projected, 0, h, j) + at<T>(gates, 0, h, j));
    const Simd<T> f = sigmoid_kernel<T>(at(projected, 1, h, j) + at<T>(gates, 1, h, j));
    const Simd<T> g = tanh_kernel<T>(at(projected, 2, h, j) + at<T>(gates, 2, h, j));
    const Simd<T> o = sigmoid_kernel<T>(at(projected, 3, h, j) + at<T>(gates, 3, h, j));
    const Simd<T> c = f * at(before, 0, h, j) + i * g;
    put(i, gates, 0, h, j);
    put(f, gates, 1, h, j);
    put(g, gates, 2, h, j);
    put(o, gates, 3, h, j);
    put(c, cell, 0, h, j);
    put(o * tanh_kernel<T>(c), hidden, 0, h, j);
  }
}

// f(product) for the product of gradients with slopes and states. Where that made NaN, a gradient of zero is
// to stop whatever it meets, as in the operations of a recorded run: those lanes are taken again with a
// choice.
template <class T, class F>
auto chained(F f) {
  auto result = f([](const Simd<T>& a, const Simd<T>& b) -> Simd<T> { return a * b; });
  Simd<T> trace = result[0];
  for (std::size_t k = 1; k < result.size(); ++k) trace = trace + result[k];
  if (xsimd::any(xsimd::isnan(trace))) [[unlikely]] {
    const auto chosen = f([](const Simd<T>& a, const Simd<T>& b) -> Simd<T> {
      const Simd<T> zero(T(0));
      return xsimd::select(a == zero, zero, a * b);
    });
    for (std::size_t k = 0; k < result.size(); ++k)
      result[k] = xsimd::select(xsimd::isnan(result[k]), chosen[k], result[k]);
  }
  return result;
}

// One row: dh and dc are complete; dc becomes the gradient of the cell before, `out` receives the gates'
// gradients.
template <class T>
[[gnu::flatten]] void lstm_cell_backward(const T* gates, const T* before, const T* cell, const T* dh, T* dc,
                                         T* out, Index h) {
  for (Index j = 0; j < h; j += width_of<T>) {
    const Simd<T> one(T(1)), i = at(gates, 0, h, j), f = at(gates, 1, h, j), g = at(gates, 2, h, j),
                             o = at(gates, 3, h, j);
    const Simd<T> squashed = tanh_kernel<T>(at(cell, 0, h, j)), gh = at(dh, 0, h, j);
    const Simd<T> state = at(before, 0, h, j), direct = at<T>(dc, 0, h, j);
    const auto [di, df, dg, d_o, d_state] = chained<T>([&](auto times) -> std::array<Simd<T>, 5> {
      const Simd<T> gc = direct + times(times(gh, o), one - squashed * squashed);
      return {times(times(times(gc, g), i), one - i), times(times(times(gc, state), f), one - f),
              times(times(gc, i), one - g * g), times(times(times(gh, squashed), o), one - o), times(gc, f)};
    });
    put(di, out, 0, h, j);
    put(df, out, 1, h, j);
    put(dg, out, 2, h, j);
    put(d_o, out, 3, h, j);
    put(d_state, dc, 0, h, j);
  }
}

template <class T>
[[gnu::flatten]] void gru_cell(const T* projected, T* gates, const T* before, T* hidden, Index h) {
  for (Index j = 0; j < h; j += width_of<T>) {
    const Simd<T> one(T(1)), r = sigmoid_kernel<T>(at(projected, 0, h, j) + at<T>(gates, 0, h, j));
    const Simd<T> z = sigmoid_kernel<T>(at(projected, 1, h, j) + at<T>(gates, 1, h, j));
    const Simd<T> n = tanh_kernel<T>(at(projected, 2, h, j) + r * at<T>(gates, 2, h, j));
    put(r, gates, 0, h, j);
    put(z, gates, 1, h, j);
    put(n, gates, 3, h, j);
    put((one - z) * n + z * at(before, 0, h, j), hidden, 0, h, j);
  }
}

// One row: dh is complete and becomes its direct share in the state before.
template <class T>
[[gnu::flatten]] void gru_cell_backward(const T* gates, const T* before, T* dh, T* projected, T* state,
                                        Index h) {
  for (Index j = 0; j < h; j += width_of<T>) {
    const Simd<T> one(T(1)), r = at(gates, 0, h, j), z = at(gates, 1, h, j), q = at(gates, 2, h, j),
                             n = at(gates, 3, h, j);
    const Simd<T> g = at<T>(dh, 0, h, j), difference = at(before, 0, h, j) - n;
    const auto [dr, dz, dn, dq, direct] = chained<T>([&](auto times) -> std::array<Simd<T>, 5> {
      const Simd<T> inner = times(times(g, one - z), one - n * n);
      return {times(times(times(inner, q), r), one - r), times(times(times(g, difference), z), one - z),
              inner, times(inner, r), times(g, z)};
    });
    put(dr, projected, 0, h, j);
    put(dz, projected, 1, h, j);
    put(dn, projected, 2, h, j);
    put(dr, state, 0, h, j);
    put(dz, state, 1, h, j);
    put(dq, state, 2, h, j);
    put(direct, dh, 0, h, j);
  }
}

template <class T>
void add_row(const T* from, T* to, Index n) {
  for (Index i = 0; i < n; ++i) to[i] += from[i];
}

}  // namespace

LstmPass lstm(const Tensor& projected, const Tensor& hidden, const Tensor& cell, const Tensor& weight) {
  const Sizes s{projected.size(0), projected.size(1), hidden.size(1)};
  const Shape states{s.steps, s.batch, s.hidden};
  LstmPass pass{Tensor::uninitialized(states, hidden.dtype()), Tensor::uninitialized(states, hidden.dtype()),
                Tensor::uninitialized(projected.shape(), hidden.dtype())};
  detail::dispatch_floating(hidden.dtype(), [&]<class T>(std::type_identity<T>) {
    const Index h = s.hidden, width = 4 * h;
    const T *in = projected.data<T>(), *w = weight.data<T>();
    T *gates = pass.gates.mutable_data<T>(), *out = pass.hidden.mutable_data<T>(),
      *cells = pass.cells.mutable_data<T>();
    detail::parallel_parts(s.batch, rows_of_thread(s, 4), rows_of_part, [&](Index begin, Index end) {
      StepProduct<T> from_state(s.steps, end - begin, width, h, w, true, T(0), width);
      const T *state = hidden.data<T>() + begin * h, *before = cell.data<T>() + begin * h;
      for (Index t = 0; t < s.steps; ++t) {
        const Index row = t * s.batch + begin;
        from_state(state, gates + row * width);
        for (Index i = 0; i < end - begin; ++i)
          lstm_cell(in + (row + i) * width, gates + (row + i) * width, before + i * h, cells + (row + i) * h,
                    out + (row + i) * h, h);
        state = out + row * h;
        before = cells + row * h;
      }
    });
  });
  return pass;
}

LstmGradients lstm_backward(const LstmPass& pass, const Tensor& hidden, const Tensor& cell,
                            const Tensor& weight, const Tensor& hidden_gradient,
                            const Tensor& cells_gradient) {
  const Sizes s = sizes_of(pass.hidden);
  return detail::dispatch_floating(hidden.dtype(), [&]<class T>(std::type_identity<T>) {
    const Index h = s.hidden, width = 4 * h;
    LstmGradients result{
        Tensor::uninitialized(pass.gates.shape(), hidden.dtype()), zeros_like(hidden), zeros_like(cell), {}};
    T *out = result.projected.mutable_data<T>(), *dh = result.hidden.mutable_data<T>(),
      *dc = result.cell.mutable_data<T>();
    const T *gates = pass.gates.data<T>(), *cells = pass.cells.data<T>(), *w = weight.data<T>();
    const T* from_hidden = hidden_gradient.defined() ? hidden_gradient.data<T>() : nullptr;
    const T* from_cells = cells_gradient.defined() ? cells_gradient.data<T>() : nullptr;
    detail::parallel_parts(s.batch, rows_of_thread(s, 8), rows_of_part, [&](Index begin, Index end) {
      const Index rows = end - begin;
      StepProduct<T> to_state(s.steps, rows, h, width, w, false, T(0), h);
      for (Index t = s.steps; t-- > 0;) {
        const Index row = t * s.batch + begin;
        const T* before = t > 0 ? cells + (row - s.batch) * h : cell.data<T>() + begin * h;
        if (from_hidden != nullptr) add_row(from_hidden + row * h, dh + begin * h, rows * h);
        if (from_cells != nullptr) add_row(from_cells + row * h, dc + begin * h, rows * h);
        for (Index i = 0; i < rows; ++i)
          lstm_cell_backward(gates + (row + i) * width, before + i * h, cells + (row + i) * h,
                             dh + (begin + i) * h, dc + (begin + i) * h, out + (row + i) * width, h);
        to_state(out + row * width, dh + begin * h);
      }
    });
    result.weight = weight_gradient<T>(s, width, result.projected, hidden, pass.hidden);
    return result;
  });
}

GruPass gru(const Tensor& projected, const Tensor& hidden, const Tensor& weight, const Tensor& bias) {
  const Sizes s{projected.size(0), projected.size(1), hidden.size(1)};
  GruPass pass{Tensor::uninitialized({s.steps, s.batch, s.hidden}, hidden.dtype()),
               Tensor::uninitialized({s.steps, s.batch, 4 * s.hidden}, hidden.dtype())};
  detail::dispatch_floating(hidden.dtype(), [&]<class T>(std::type_identity<T>) {
    const Index h = s.hidden, width = 4 * h;
    const T *in = projected.data<T>(), *w = weight.data<T>(), *b = bias.defined() ? bias.data<T>() : nullptr;
    T *gates = pass.gates.mutable_data<T>(), *out = pass.hidden.mutable_data<T>();
    detail::parallel_parts(s.batch, rows_of_thread(s, 3), rows_of_part, [&](Index begin, Index end) {
      StepProduct<T> from_state(s.steps, end - begin, 3 * h, h, w, true, T(0), width, b);
      const T* before = hidden.data<T>() + begin * h;
      for (Index t = 0; t < s.steps; ++t) {
        const Index row = t * s.batch + begin;
        from_state(before, gates + row * width);
        for (Index i = 0; i < end - begin; ++i)
          gru_cell(in + (row + i) * 3 * h, gates + (row + i) * width, before + i * h, out + (row + i) * h, h);
        before = out + row * h;
      }
    });
  });
  return pass;
}

GruGradients gru_backward(const GruPass& pass, const Tensor& hidden, const Tensor& weight,
                          const Tensor& hidden_gradient) {
  const Sizes s = sizes_of(pass.hidden);
  return detail::dispatch_floating(hidden.dtype(), [&]<class T>(std::type_identity<T>) {
    const Index h = s.hidden, width = 3 * h;
    const Shape shape{s.steps, s.batch, width};
    GruGradients result{Tensor::uninitialized(shape, hidden.dtype()), zeros_like(hidden), {}, {}};
    Tensor of_state = Tensor::uninitialized(shape, hidden.dtype());
    T *out = result.projected.mutable_data<T>(), *state = of_state.mutable_data<T>(),
      *dh = result.hidden.mutable_data<T>();
    const T *gates = pass.gates.data<T>(), *states = pass.hidden.data<T>(), *w = weight.data<T>();
    const T* from_hidden = hidden_gradient.data<T>();
    detail::parallel_parts(s.batch, rows_of_thread(s, 6), rows_of_part, [&](Index begin, Index end) {
      const Index rows = end - begin;
      StepProduct<T> to_state(s.steps, rows, h, width, w, false, T(1), h);
      for (Index t = s.steps; t-- > 0;) {
        const Index row = t * s.batch + begin;
        const T* before = t > 0 ? states + (row - s.batch) * h : hidden.data<T>() + begin * h;
        add_row(from_hidden + row * h, dh + begin * h, rows * h);
        for (Index i = 0; i < rows; ++i)
          gru_cell_backward(gates + (row + i) * 4 * h, before + i * h, dh + (begin + i) * h,
                            out + (row + i) * width, state + (row + i) * width, h);
        to_state(state + row * width, dh + begin * h);
      }
    });
    result.weight = weight_gradient<T>(s, width, of_state, hidden, pass.hidden);
    result.bias = sum(of_state, {0, 1}).reshape({width});
    return result;
  });
}

}  // namespace xgrad::kernels
