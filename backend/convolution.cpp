#include <xgrad/backend/convolution.hpp>

#include <xgrad/backend/onednn.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>
#include <atomic>

namespace xgrad::backend {
namespace {

using kernels::Convolution;

/// The images of a batch in parts that depend on the sizes alone.
Index images_of_part(Pass pass, const Convolution& sizes) {
  constexpr double worth_a_part = 1 << 20;
  constexpr Index most = 16;
  const double work =
      static_cast<double>(sizes.y().count()) * static_cast<double>(sizes.weight().count() / sizes.out);
  Index parts = std::min<Index>(sizes.batch, most);
  if (work < worth_a_part * static_cast<double>(parts))
    parts = std::max<Index>(1, static_cast<Index>(work / worth_a_part));
  // Each part has a weight's gradient of its own.
  if (pass == Pass::weight_gradient)
    parts =
        std::min(parts, std::max<Index>(1, (sizes.x().count() + sizes.y().count()) / sizes.weight().count()));
  return (sizes.batch + parts - 1) / parts;
}

/// The pass in parts that threads share, each on one. The weight's gradients of the parts are added
/// in their order.
bool in_parts(Pass pass, const Convolution& sizes, const float* a, const float* b, const float* bias,
              float* result) {
  const Index images = images_of_part(pass, sizes), parts = (sizes.batch + images - 1) / images;
  const Index x = sizes.x().count() / sizes.batch, y = sizes.y().count() / sizes.batch;
  const bool forward = pass == Pass::forward, to_weight = pass == Pass::weight_gradient;
  const Index weights = sizes.weight().count();
  Tensor sums;
  float* partial = result;
  if (to_weight && parts > 1) {
    sums = Tensor::uninitialized({parts, weights}, float32);
    partial = sums.mutable_data<float>();
  }
  std::atomic<bool> all{true};
  detail::parallel_for(parts, 1, [&](Index begin, Index end) {
    for (Index part = begin; part < end; ++part) {
      const Index first = part * images;
      Convolution own = sizes;
      own.batch = std::min(images, sizes.batch - first);
      const float* from = a + first * (forward ? x : y);
      const float* other = to_weight ? b + first * x : b;
      float* to = to_weight ? partial + part * weights : result + first * (forward ? y : x);
      if (!onednn::convolve(pass, own, from, other, bias, to)) all = false;
    }
  });
  if (!all) return false;
  if (!sums.defined()) return true;
  detail::parallel_for(weights, detail::grain_of(2), [&](Index begin, Index end) {
    std::copy(partial + begin, partial + end, result + begin);
    for (Index part = 1; part < parts; ++part) {
      const float* from = partial + part * weights;
      for (Index i = begin; i < end; ++i) result[i] += from[i];
    }
  });
  return true;
}

}  // namespace

bool convolve(Pass pass, const Convolution& sizes, const float* a, const float* b, const float* bias,
              float* result) {
  if (sizes.x().count() == 0 || sizes.weight().count() == 0 || sizes.y().count() == 0) return false;
  return reproducible() ? in_parts(pass, sizes, a, b, bias, result)
                        : onednn::convolve(pass, sizes, a, b, bias, result);
}

bool convolve(Pass, const Convolution&, const double*, const double*, const double*, double*) {
  return false;
}

bool prefers_mirrored(const Convolution& sizes, DType dtype) {
  return dtype == float32 && onednn::prefers_mirrored(sizes);
}

}  // namespace xgrad::backend
