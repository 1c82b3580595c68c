#include <xgrad/nn/upsample.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/weighted.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace xgrad::nn {
namespace {

/// The pixels along one axis of `in` pixels that make up each of `out`, and the second one's share.
struct Taps {
  std::vector<std::int64_t> first, second;
  std::vector<double> share;
};

Index scaled(Index in, double scale) {
  const double out = std::floor(static_cast<double>(in) * scale);
  if (!(out >= 1 && out < 1e15))
    fail<ShapeError>(std::to_string(in) + " pixels scaled by " + std::to_string(scale) +
                     " are none, or too many");
  return static_cast<Index>(out);
}

Taps taps_of(Index in, Index out, const UpsampleOptions& options) {
  // Pixels of x for one of the result; a scale is taken as it was given.
  const double ratio =
      options.scale > 0 ? 1 / options.scale : static_cast<double>(in) / static_cast<double>(out);
  const double aligned = out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
  Taps taps;
  for (Index i = 0; i < out; ++i) {
    const auto at = static_cast<double>(i);
    if (options.mode == UpsampleMode::nearest) {
      const Index exact =
          options.scale > 0 ? static_cast<Index>(std::floor(at / options.scale)) : i * in / out;
      taps.first.push_back(std::min(exact, in - 1));
      continue;
    }
    const double from = options.align_corners ? at * aligned : std::max((at + 0.5) * ratio - 0.5, 0.0);
    const Index first = std::min(static_cast<Index>(from), in - 1);
    taps.first.push_back(first);
    taps.second.push_back(std::min(first + 1, in - 1));
    taps.share.push_back(std::clamp(from - static_cast<double>(first), 0.0, 1.0));
  }
  return taps;
}

Variable resized(const Variable& x, Index axis, Index out, const UpsampleOptions& options) {
  const Taps taps = taps_of(x.size(axis), out, options);
  const auto select = [&](const std::vector<std::int64_t>& at) {
    return index_select(x, axis, Tensor::from(at, {out}));
  };
  if (taps.share.empty()) return select(taps.first);
  Shape shape{1, 1, 1, 1};
  shape[axis] = out;
  std::vector<double> rest;
  for (const double share : taps.share) rest.push_back(1 - share);
  const auto part = [&](const std::vector<std::int64_t>& at, const std::vector<double>& weights) {
    return xgrad::detail::weighted(select(at), Tensor::from(weights, shape).to(x.dtype()));
  };
  return part(taps.first, rest) + part(taps.second, taps.share);
}

}  // namespace

Upsample::Upsample(const UpsampleOptions& options, Place place) : options_(options) {
  const Scope scope("Upsample", place);
  const bool sized = options.size != Size2d(0), scaled = options.scale != 0;
  if (sized == scaled)
    fail<ValueError>(sized ? "expects a size or a scale, got both" : "expects a size or a scale");
  if (sized && (options.size.height < 1 || options.size.width < 1))
    fail<ValueError>("expects a size of at least 1, got " + to_string(options.size));
  if (scaled && !(options.scale > 0 && std::isfinite(options.scale)))
    fail<ValueError>("expects a positive, finite scale, got " + std::to_string(options.scale));
  if (options.align_corners && options.mode == UpsampleMode::nearest)
    fail<ValueError>("align_corners is for bilinear alone");
}

Variable Upsample::forward(const Variable& x) {
  const Scope scope("Upsample", at_call(x).place());
  if (x.rank() != 4 || x.size(1) < 1 || x.size(2) < 1)
    fail<ShapeError>("expects images (N, H, W, C) with pixels, got x of shape " + to_string(x.shape()));
  if (options_.mode == UpsampleMode::bilinear && !is_floating(x.dtype()))
    fail<DTypeError>("bilinear expects floating images, got " + xgrad::describe(x.value()));
  const bool sized = options_.scale == 0;
  const Index height = sized ? options_.size.height : scaled(x.size(1), options_.scale);
  const Index width = sized ? options_.size.width : scaled(x.size(2), options_.scale);
  static_cast<void>(Shape{x.size(0), height, width, x.size(3)}.count());
  return resized(resized(x, 1, height, options_), 2, width, options_);
}

std::string Upsample::describe() const {
  std::ostringstream text;
  text << "Upsample(";
  if (options_.scale > 0)
    text << "scale " << options_.scale;
  else
    text << to_string(options_.size);
  if (options_.mode == UpsampleMode::bilinear) text << ", bilinear";
  if (options_.align_corners) text << ", corners aligned";
  text << ')';
  return text.str();
}

}  // namespace xgrad::nn
