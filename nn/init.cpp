#include <xgrad/nn/init.hpp>

#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/sample.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace xgrad::nn::init {
namespace {

void check_floating(const Variable& parameter) {
  if (!is_floating(parameter.dtype()))
    fail<DTypeError>("expects a floating parameter, got " + describe(parameter.value()));
}

double kaiming_scale(const Variable& weight, const KaimingOptions& options) {
  const Fans fan = fans(weight.shape());
  const Index count = options.mode == FanMode::in ? fan.in : fan.out;
  return gain(options.nonlinearity, options.slope) /
         std::sqrt(static_cast<double>(std::max<Index>(count, 1)));
}

double xavier_scale(const Variable& weight, double gain) {
  const Fans fan = fans(weight.shape());
  return gain * std::sqrt(2.0 / static_cast<double>(std::max<Index>(fan.in + fan.out, 1)));
}

// A uniform distribution on [-a, a] has the deviation a / sqrt(3).
const double uniform_bound = std::sqrt(3.0);

}  // namespace

void constant(Variable parameter, double value, Place place) {
  const Scope scope("constant", place);
  check_floating(parameter);
  parameter.set_value(full(parameter.shape(), value, parameter.dtype()));
}

void zeros(Variable parameter, Place place) {
  const Scope scope("zeros", place);
  constant(std::move(parameter), 0);
}
void ones(Variable parameter, Place place) {
  const Scope scope("ones", place);
  constant(std::move(parameter), 1);
}

void uniform(Variable parameter, double low, double high, Generator& generator, Place place) {
  const Scope scope("uniform", place);
  check_floating(parameter);
  parameter.set_value(xgrad::uniform(parameter.shape(), low, high, parameter.dtype(), generator));
}

void normal(Variable parameter, double mean, double deviation, Generator& generator, Place place) {
  const Scope scope("normal", place);
  check_floating(parameter);
  parameter.set_value(xgrad::normal(parameter.shape(), mean, deviation, parameter.dtype(), generator));
}

void truncated_normal(Variable parameter, double mean, double deviation, double low, double high,
                      Generator& generator, Place place) {
  const Scope scope("truncated_normal", place);
  check_floating(parameter);
  parameter.set_value(
      xgrad::truncated_normal(parameter.shape(), mean, deviation, low, high, parameter.dtype(), generator));
}

Fans fans(const Shape& weight, Place place) {
  const Scope scope("fans", place);
  if (weight.rank() < 2)
    fail<ShapeError>("expects a weight of two axes or more, got the shape " + to_string(weight));
  static_cast<void>(weight.count());  // throws where a product below would overflow
  const Index kernel = std::accumulate(weight.begin() + 1, weight.end() - 1, Index{1}, std::multiplies<>());
  return {weight.back() * kernel, weight[0] * kernel};
}

void xavier_uniform(Variable weight, double gain, Generator& generator, Place place) {
  const Scope scope("xavier_uniform", place);
  const double bound = std::abs(xavier_scale(weight, gain)) * uniform_bound;
  uniform(std::move(weight), -bound, bound, generator);
}

void xavier_normal(Variable weight, double gain, Generator& generator, Place place) {
  const Scope scope("xavier_normal", place);
  const double deviation = std::abs(xavier_scale(weight, gain));
  normal(std::move(weight), 0, deviation, generator);
}

double gain(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case Nonlinearity::tanh:
      return 5.0 / 3;
    case Nonlinearity::relu:
      return std::sqrt(2.0);
    case Nonlinearity::leaky_relu:
      return std::sqrt(2 / (1 + slope * slope));
    case Nonlinearity::selu:
      return 0.75;
    case Nonlinearity::linear:
    case Nonlinearity::sigmoid:
      break;
  }
  return 1;
}

void kaiming_uniform(Variable weight, KaimingOptions options, Generator& generator, Place place) {
  const Scope scope("kaiming_uniform", place);
  const double bound = kaiming_scale(weight, options) * uniform_bound;
  uniform(std::move(weight), -bound, bound, generator);
}

void kaiming_normal(Variable weight, KaimingOptions options, Generator& generator, Place place) {
  const Scope scope("kaiming_normal", place);
  const double deviation = kaiming_scale(weight, options);
  normal(std::move(weight), 0, deviation, generator);
}

void orthogonal(Variable weight, double gain, Generator& generator, Place place) {
  const Scope scope("orthogonal", place);
  check_floating(weight);
  if (weight.rank() < 2)
    fail<ShapeError>("expects a weight of two axes or more, got the shape " + to_string(weight.shape()));
  const Index rows = weight.size(0);
  const Index columns = rows > 0 ? weight.count() / rows : 0;
  const Index vectors = std::min(rows, columns);
  const Index length = std::max(rows, columns);

  // Gram-Schmidt on normal vectors; the second pass restores orthogonality to rounding ("twice is enough").
  Tensor basis = xgrad::normal({vectors, length}, 0, 1, float64, generator);
  double* const q = basis.mutable_data<double>();
  for (Index i = 0; i < vectors; ++i) {
    double* const v = q + i * length;
    for (int pass = 0; pass < 2; ++pass)
      for (Index j = 0; j < i; ++j) {
        const double* const u = q + j * length;
        const double along = std::inner_product(u, u + length, v, 0.0);
        for (Index k = 0; k < length; ++k) v[k] -= along * u[k];
      }
    const double norm = std::sqrt(std::inner_product(v, v + length, v, 0.0));
    for (Index k = 0; k < length; ++k) v[k] /= norm;
  }

  Tensor value = Tensor::uninitialized({rows, columns}, float64);
  double* const to = value.mutable_data<double>();
  for (Index r = 0; r < rows; ++r)
    for (Index c = 0; c < columns; ++c)
      to[r * columns + c] = gain * (rows <= columns ? q[r * length + c] : q[c * length + r]);
  weight.set_value(value.reshape(weight.shape()).to(weight.dtype()));
}

}  // namespace xgrad::nn::init
