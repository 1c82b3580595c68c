// Initialisers: fill a parameter in place. A leaf stays the leaf it was, with every handle on it.
// All take floating parameters (DTypeError otherwise) and draw from the thread's default generator unless
// given one.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/random.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn::init {

/// Every element 0, 1 or `value`.
void zeros(Variable parameter, Place place = Place::here());
void ones(Variable parameter, Place place = Place::here());
void constant(Variable parameter, double value, Place place = Place::here());
/// Uniform in [low, high).
void uniform(Variable parameter, double low = 0, double high = 1, Generator& generator = default_generator(),
             Place place = Place::here());
/// Normally distributed.
void normal(Variable parameter, double mean = 0, double deviation = 1,
            Generator& generator = default_generator(), Place place = Place::here());
/// Normally distributed within [low, high], as xgrad::truncated_normal.
void truncated_normal(Variable parameter, double mean = 0, double deviation = 1, double low = -2,
                      double high = 2, Generator& generator = default_generator(),
                      Place place = Place::here());

/// Inputs and outputs of one unit of a weight (out, ..., in); the axes between are the kernel's.
struct [[nodiscard]] Fans {
  Index in = 0;
  Index out = 0;
};
/// Throws ShapeError below two axes.
Fans fans(const Shape& weight, Place place = Place::here());

/// Uniform within gain sqrt(6 / (in + out)), normal with deviation gain sqrt(2 / (in + out)) (Glorot and
/// Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010).
void xavier_uniform(Variable weight, double gain = 1, Generator& generator = default_generator(),
                    Place place = Place::here());
void xavier_normal(Variable weight, double gain = 1, Generator& generator = default_generator(),
                   Place place = Place::here());

/// What follows the weight. Its gain keeps the variance: 1 for linear and sigmoid, 5/3 for tanh, sqrt(2) for
/// relu, sqrt(2 / (1 + slope^2)) for leaky_relu, 3/4 for selu.
enum class Nonlinearity { linear, sigmoid, tanh, relu, leaky_relu, selu };
[[nodiscard]] double gain(Nonlinearity nonlinearity, double slope = 0.01);

/// Whether the variance of activations (in) or of gradients (out) is kept.
enum class FanMode { in, out };
struct KaimingOptions {
  double slope = 0;  ///< of leaky_relu
  FanMode mode = FanMode::in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
};
/// Uniform within gain sqrt(3 / fan), normal with deviation gain / sqrt(fan) (He et al., "Delving deep into
/// rectifiers", 2015).
void kaiming_uniform(Variable weight, KaimingOptions options = {}, Generator& generator = default_generator(),
                     Place place = Place::here());
void kaiming_normal(Variable weight, KaimingOptions options = {}, Generator& generator = default_generator(),
                    Place place = Place::here());

/// gain times a matrix, (first axis) x (the others), with orthonormal rows or columns, whichever are fewer,
/// drawn uniformly (Saxe et al., "Exact solutions to the nonlinear dynamics of learning", 2014).
void orthogonal(Variable weight, double gain = 1, Generator& generator = default_generator(),
                Place place = Place::here());

}  // namespace xgrad::nn::init
XGRAD_API_END
