#include <xgrad/tensor/lanes.hpp>

#include <xgrad/tensor/simd.hpp>

namespace xgrad::detail {
namespace {

template <class T, class F>
void fill(T* out, F f) {
#pragma omp simd
  for (int i = 0; i < Lanes<T>::width; ++i) out[i] = f(i);
}

// exp(-|x|), which does not overflow.
template <class T>
void decay(const T* x, T* out) {
  fill(out, [&](int i) { return x[i] < 0 ? x[i] : -x[i]; });
  vmath::exp(out, out, Lanes<T>::width);
}

// a(i) and b(i) are the operands of lane i.
template <class T, class A, class B>
void binary(LaneBinary op, A a, B b, T* out) {
  switch (op) {
    case LaneBinary::add:
      return fill(out, [=](int i) { return a(i) + b(i); });
    case LaneBinary::sub:
      return fill(out, [=](int i) { return a(i) - b(i); });
    case LaneBinary::mul:
      return fill(out, [=](int i) { return a(i) * b(i); });
    case LaneBinary::div:
      return fill(out, [=](int i) { return a(i) / b(i); });
    case LaneBinary::maximum:
      return fill(out, [=](int i) { return a(i) > b(i) || a(i) != a(i) ? a(i) : b(i); });
    case LaneBinary::minimum:
      return fill(out, [=](int i) { return a(i) < b(i) || a(i) != a(i) ? a(i) : b(i); });
    case LaneBinary::chain:
      return fill(out, [=](int i) { return a(i) == 0 ? T{0} : a(i) * b(i); });
  }
}

template <class T>
auto each(const T* x) {
  return [x](int i) { return x[i]; };
}
template <class T>
auto always(T x) {
  return [x](int) { return x; };
}

}  // namespace

template <class T>
void lane_fill(T value, T* out) {
  fill(out, always(value));
}
template <class T>
void lane_copy(const T* from, T* to) {
  using V = Batch<T>;
  constexpr auto width = static_cast<int>(V::size);
  for (int i = 0; i < Lanes<T>::width; i += width) V::load_unaligned(from + i).store_unaligned(to + i);
}

template <class T>
void lane_loop(LaneUnary op, const T* a, T* out) {
  T e[Lanes<T>::width];
  switch (op) {
    case LaneUnary::negate:
      return fill(out, [=](int i) { return -a[i]; });
    case LaneUnary::abs:
      return fill(out, [=](int i) { return a[i] < 0 ? -a[i] : a[i] + T{0}; });
    case LaneUnary::sign:
      return fill(out, [=](int i) { return a[i] > 0 ? T{1} : a[i] < 0 ? T{-1} : a[i]; });
    case LaneUnary::sigmoid:
      decay(a, e);
      return fill(out, [&](int i) { return (a[i] >= 0 ? T{1} : e[i]) / (1 + e[i]); });
    case LaneUnary::softplus:
      decay(a, e);
      vmath::log1p(e, e, Lanes<T>::width);
      return fill(out, [&](int i) { return (a[i] > 0 || a[i] != a[i] ? a[i] : T{0}) + e[i]; });
  }
}

template <class T>
void lane_loop(LaneBinary op, const T* a, const T* b, T* out) {
  binary(op, each(a), each(b), out);
}
template <class T>
void lane_loop(LaneBinary op, const T* a, T b, T* out) {
  binary(op, each(a), always(b), out);
}
template <class T>
void lane_loop(LaneBinary op, T a, const T* b, T* out) {
  binary(op, always(a), each(b), out);
}

template <class T>
void lane_test(LaneTest op, const T* a, const T* b, typename LaneMask<T>::Bits* out) {
  const auto test = [&](auto holds) {
#pragma omp simd
    for (int i = 0; i < Lanes<T>::width; ++i) out[i] = holds(a[i], b[i]) ? -1 : 0;
  };
  switch (op) {
    case LaneTest::less:
      return test([](T x, T y) { return x < y; });
    case LaneTest::less_equal:
      return test([](T x, T y) { return x <= y; });
    case LaneTest::greater:
      return test([](T x, T y) { return x > y; });
    case LaneTest::greater_equal:
      return test([](T x, T y) { return x >= y; });
    case LaneTest::equal:
      return test([](T x, T y) { return x == y; });
    case LaneTest::not_equal:
      return test([](T x, T y) { return x != y; });
  }
}

template <class T>
void lane_select(const typename LaneMask<T>::Bits* mask, const T* a, const T* b, T* out) {
  fill(out, [=](int i) { return mask[i] != 0 ? a[i] : b[i]; });
}

template void lane_fill(float, float*);
template void lane_fill(double, double*);
template void lane_copy(const float*, float*);
template void lane_copy(const double*, double*);
template void lane_loop(LaneUnary, const float*, float*);
template void lane_loop(LaneUnary, const double*, double*);
template void lane_loop(LaneBinary, const float*, const float*, float*);
template void lane_loop(LaneBinary, const double*, const double*, double*);
template void lane_loop(LaneBinary, const float*, float, float*);
template void lane_loop(LaneBinary, const double*, double, double*);
template void lane_loop(LaneBinary, float, const float*, float*);
template void lane_loop(LaneBinary, double, const double*, double*);
template void lane_test<float>(LaneTest, const float*, const float*, LaneMask<float>::Bits*);
template void lane_test<double>(LaneTest, const double*, const double*, LaneMask<double>::Bits*);
template void lane_select<float>(const LaneMask<float>::Bits*, const float*, const float*, float*);
template void lane_select<double>(const LaneMask<double>::Bits*, const double*, const double*, double*);

}  // namespace xgrad::detail
