#include <xgrad/vmath/lanes.hpp>

#include <xgrad/tensor/api.hpp>
#include <xgrad/vmath/simd.hpp>

namespace xgrad::detail {
namespace {

// Whole cache lines, so that every loop has a constant length; a few elements need few of them.
template <class T, class F>
void fill(int active, T* out, F f) {
  constexpr int width = Lanes<T>::width, line = 64 / sizeof(T);
  if (active == 0 || active > width / 2) {
#pragma omp simd
    for (int i = 0; i < width; ++i) out[i] = f(i);
  } else {
    for (int begin = 0; begin < active; begin += line) {
#pragma omp simd
      for (int i = begin; i < begin + line; ++i) out[i] = f(i);
    }
  }
}

// exp(-|x|), which does not overflow.
template <class T>
void decay(int active, const T* x, T* out) {
  fill(active, out, [&](int i) { return x[i] < 0 ? x[i] : -x[i]; });
  vmath::exp(out, out, active == 0 ? Lanes<T>::width : active);
}

// a(i) and b(i) are the operands of lane i.
template <class T, class A, class B>
void binary(LaneBinary op, int active, A a, B b, T* out) {
  switch (op) {
    case LaneBinary::add:
      return fill(active, out, [=](int i) { return a(i) + b(i); });
    case LaneBinary::sub:
      return fill(active, out, [=](int i) { return a(i) - b(i); });
    case LaneBinary::mul:
      return fill(active, out, [=](int i) { return a(i) * b(i); });
    case LaneBinary::div:
      return fill(active, out, [=](int i) { return a(i) / b(i); });
    case LaneBinary::maximum:
      return fill(active, out, [=](int i) { return a(i) > b(i) || a(i) != a(i) ? a(i) : b(i); });
    case LaneBinary::minimum:
      return fill(active, out, [=](int i) { return a(i) < b(i) || a(i) != a(i) ? a(i) : b(i); });
    case LaneBinary::chain:
      return fill(active, out, [=](int i) { return a(i) == 0 ? T{0} : a(i) * b(i); });
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

// The instances below are as visible as these definitions.
XGRAD_API_BEGIN

template <class T>
void lane_fill(T value, T* out) {
  fill(0, out, always(value));
}
template <class T>
void lane_copy(const T* from, T* to) {
  using V = Simd<T>;
  constexpr auto width = static_cast<int>(V::size);
  for (int i = 0; i < Lanes<T>::width; i += width) V::load_unaligned(from + i).store_unaligned(to + i);
}

template <class T>
void lane_loop(LaneUnary op, int active, const T* a, T* out) {
  switch (op) {
    case LaneUnary::negate:
      return fill(active, out, [=](int i) { return -a[i]; });
    case LaneUnary::abs:
      return fill(active, out, [=](int i) { return a[i] < 0 ? -a[i] : a[i] + T{0}; });
    case LaneUnary::sign:
      return fill(active, out, [=](int i) { return a[i] > 0 ? T{1} : a[i] < 0 ? T{-1} : a[i]; });
    case LaneUnary::softplus: {
      T e[Lanes<T>::width] = {};
      decay(active, a, e);
      vmath::log1p(e, e, active == 0 ? Lanes<T>::width : active);
      return fill(active, out, [&](int i) { return (a[i] > 0 || a[i] != a[i] ? a[i] : T{0}) + e[i]; });
    }
  }
}

template <class T>
void lane_loop(LaneBinary op, int active, const T* a, const T* b, T* out) {
  binary(op, active, each(a), each(b), out);
}
template <class T>
void lane_loop(LaneBinary op, int active, const T* a, T b, T* out) {
  binary(op, active, each(a), always(b), out);
}
template <class T>
void lane_loop(LaneBinary op, int active, T a, const T* b, T* out) {
  binary(op, active, always(a), each(b), out);
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
void lane_lerp(const T* a, const T* b, const T* t, T* out) {
  fill(0, out, [=](int i) {
    const T x = a[i], y = b[i], w = t[i], between = y - x, rest = T{1} - w;
    const T near = w < T(0.5) ? x + w * between : y - rest * between;
    const T value = (x < 0) != (y < 0) ? w * y + rest * x : near;
    const T from_start = w == 0 ? x : value;
    return w == 1 ? y : from_start;
  });
}
template <class T>
bool lane_any(const typename LaneMask<T>::Bits* mask) {
  typename LaneMask<T>::Bits all = 0;
  for (int i = 0; i < LaneMask<T>::width; ++i) all |= mask[i];
  return all != 0;
}
template <class T>
void lane_select(const typename LaneMask<T>::Bits* mask, const T* a, const T* b, T* out) {
  fill(0, out, [=](int i) { return mask[i] != 0 ? a[i] : b[i]; });
}

template void lane_fill(float, float*);
template void lane_fill(double, double*);
template void lane_copy(const float*, float*);
template void lane_copy(const double*, double*);
template void lane_loop(LaneUnary, int, const float*, float*);
template void lane_loop(LaneUnary, int, const double*, double*);
template void lane_loop(LaneBinary, int, const float*, const float*, float*);
template void lane_loop(LaneBinary, int, const double*, const double*, double*);
template void lane_loop(LaneBinary, int, const float*, float, float*);
template void lane_loop(LaneBinary, int, const double*, double, double*);
template void lane_loop(LaneBinary, int, float, const float*, float*);
template void lane_loop(LaneBinary, int, double, const double*, double*);
template void lane_test<float>(LaneTest, const float*, const float*, LaneMask<float>::Bits*);
template void lane_test<double>(LaneTest, const double*, const double*, LaneMask<double>::Bits*);
template void lane_lerp(const float*, const float*, const float*, float*);
template void lane_lerp(const double*, const double*, const double*, double*);
template bool lane_any<float>(const LaneMask<float>::Bits*);
template bool lane_any<double>(const LaneMask<double>::Bits*);
template void lane_select<float>(const LaneMask<float>::Bits*, const float*, const float*, float*);
template void lane_select<double>(const LaneMask<double>::Bits*, const double*, const double*, double*);

XGRAD_API_END
}  // namespace xgrad::detail
