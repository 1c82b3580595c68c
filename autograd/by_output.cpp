#include <xgrad/autograd/by_output.hpp>

#include <xgrad/autograd/new_variable.hpp>
#include <xgrad/kernels/strided.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>

namespace xgrad::detail {

namespace {

// Calls run(begin, n, g) for parts of an array of `count` elements: g is the cotangent of the n elements from
// `begin` on. One that is the same everywhere stands in a block that stays in the cache.
template <class Run>
[[gnu::noinline]] void over_parts(const Tensor& cotangent, Index count, Run run) {
  constexpr Index block = 1024;
  const bool uniform = cotangent.count() != count;
  const Tensor repeated = uniform ? kernels::broadcast_to(cotangent.reshape({1}), {block}) : cotangent;
  const Index width = element_size(cotangent.dtype());
  parallel_for(count, worth_a_thread, [&](Index begin, Index end) {
    if (!uniform) return run(begin, end - begin, repeated.raw() + begin * width);
    for (; begin < end; begin += block) run(begin, std::min(block, end - begin), repeated.raw());
  });
}

}  // namespace

const MapLoops& loops_of(DType dtype, const MapLoops& f32, const MapLoops& f64) {
  switch (dtype) {
    case DType::float32:
      return f32;
    case DType::float64:
      return f64;
    case DType::int64:
    case DType::uint8:
    case DType::boolean:
      break;
  }
  __builtin_unreachable();
}

void backward_of_one(const MapLoops& loops, const void* f, const Tensor& x, const Tensor* second,
                     const Tensor& cotangent, std::byte* out) {
  const Index width = element_size(x.dtype()), step = 1;
  const std::byte* const arrays[]{x.raw(), second == nullptr ? nullptr : second->raw()};
  if (x.count() <= worth_a_thread && cotangent.count() == x.count())
    return loops.backward(f, arrays, &step, cotangent.raw(), &out, x.count());
  over_parts(cotangent, x.count(), [&](Index begin, Index n, const std::byte* g) {
    const std::byte* const from[]{arrays[0] + begin * width,
                                  second == nullptr ? nullptr : arrays[1] + begin * width};
    std::byte* const to = out + begin * width;
    loops.backward(f, from, &step, g, &to, n);
  });
}

[[gnu::flatten]] Variable looped_gradient(Backward& r, const MapLoops& f32, const MapLoops& f64,
                                          const void* f, const Tensor& saved, const Tensor* second) {
  const MapLoops& loops = loops_of(saved.dtype(), f32, f64);
  Variable gradient = r.take_gradient();
  if (gradient.shape() == saved.shape() && sole(gradient)) {
    Tensor& value = Access::mutable_value(gradient);
    backward_of_one(loops, f, saved, second, value, value.mutable_raw());
    return gradient;
  }
  Tensor result = Tensor::uninitialized_like(saved);
  backward_of_one(loops, f, saved, second, gradient.value(), result.mutable_raw());
  return new_variable(std::move(result));
}

Variable under_exact_value(const char* name, const Variable& slope, const ArrayFunction& exact,
                           const Variable& x) {
  if (slope.dtype() != float32) return slope;
  const Op op(name, slope);
  return op.record(evaluated(exact, x.value()),
                   Rule{saves_nothing, [](Backward& r) { return r.gradient(); }});
}

}  // namespace xgrad::detail
