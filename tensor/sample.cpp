// Random tensors by weights and within bounds. Invariant: draw i of a call is made of block i after the
// generator's position (bernoulli: of word i), so neither chunks nor threads show in the result.
#include <xgrad/tensor/sample.hpp>

#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/tensor/philox.hpp>
#include <xgrad/tensor/pick.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

namespace xgrad {
namespace {

// Blocks reserved for one call.
class Blocks {
 public:
  Blocks(Generator& generator, Index count)
      : seed_(generator.seed()), first_(generator.advance(static_cast<std::uint64_t>(count))) {}

  detail::PhiloxCounter words(Index block) const {
    const std::uint64_t b = first_ + static_cast<std::uint64_t>(block);
    return detail::philox({static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(b >> 32), 0, 0},
                          {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
  }
  // Uniform in [0, 1) on the grid of 2^-53.
  double unit(Index block) const { return static_cast<double>(bits(block)) * 0x1p-53; }
  // Uniform inside (0, 1): the middles of the cells of a grid of 2^-52.
  double inner_unit(Index block) const { return (static_cast<double>(bits(block) >> 1) + 0.5) * 0x1p-52; }

 private:
  std::int64_t bits(Index block) const {
    const detail::PhiloxCounter w = words(block);
    return static_cast<std::int64_t>((std::uint64_t{w[1]} << 32 | w[0]) >> 11);
  }

  std::uint64_t seed_;
  std::uint64_t first_;
};

constexpr Index grain = detail::grain_of(64);

void check_floating(const char* what, const Tensor& tensor) {
  if (!is_floating(tensor.dtype()))
    fail<DTypeError>(std::string("expects floating ") + what + ", got " + describe(tensor));
}

// The position of an element or a row in a tensor of that shape: "(1, 2)".
std::string position(Index element, const Shape& shape) {
  std::vector<Index> at(static_cast<std::size_t>(shape.rank()));
  for (std::size_t axis = at.size(); axis-- > 0;) {
    const Index size = shape.begin()[axis];
    at[axis] = element % size;
    element /= size;
  }
  std::string text;
  for (const Index index : at) text += (text.empty() ? "" : ", ") + std::to_string(index);
  return "(" + text + ")";
}

// Rows of weights that were checked, as doubles.
struct Rows {
  Shape shape;  // of the rows
  Index count = 0;
  Index classes = 0;
  std::vector<double> weights;

  std::string name(Index row) const {
    return shape.rank() == 0 ? std::string("the row") : "row " + position(row, shape);
  }
};

// Checks a row of weights, or of logits, which it replaces by weights, the largest being 1.
void check_row(std::span<double> row, bool logits, const std::string& name) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < row.size(); ++k) {
    const bool fits = logits ? row[k] < infinity : row[k] >= 0 && row[k] < infinity;
    if (!fits)
      fail<ValueError>((logits ? "expects logits that are finite or -infinity, "
                               : "expects weights that are finite and at least 0, ") +
                       name + " has " + std::to_string(row[k]) + " for class " + std::to_string(k));
  }
  const double most = row.empty() ? 0 : *std::max_element(row.begin(), row.end());
  if (row.empty() || most == (logits ? -infinity : 0))
    fail<ValueError>(name + " has no class of positive weight");
  if (logits)
    for (double& weight : row) weight = std::exp(weight - most);
}

Rows rows_of(const Tensor& weights, bool logits) {
  check_floating(logits ? "logits" : "weights", weights);
  if (weights.rank() < 1) fail<ShapeError>("expects weights (..., classes), got a scalar");
  const Shape& shape = weights.shape();
  Rows rows{Shape(shape.begin(), shape.end() - 1), 0, shape.back(), {}};
  rows.count = rows.shape.count();
  const Tensor numbers = weights.to(float64);
  rows.weights.assign(numbers.span<double>().begin(), numbers.span<double>().end());
  for (Index r = 0; r < rows.count; ++r)
    check_row({rows.weights.data() + r * rows.classes, static_cast<std::size_t>(rows.classes)}, logits,
              rows.name(r));
  return rows;
}

void check_count(Index count) {
  if (count < 0) fail<ValueError>("expects a count >= 0, got " + std::to_string(count));
}

Shape with_axis(const Shape& shape, Index size) {
  std::vector<Index> sizes(shape.begin(), shape.end());
  sizes.push_back(size);
  return Shape(sizes);
}

// `count` draws with replacement of every row, into a result of that shape.
Tensor draw(Rows rows, Index count, const Shape& shape, Generator& generator) {
  Tensor result = Tensor::uninitialized(shape, int64);
  for (Index r = 0; r < rows.count; ++r) {
    double* const row = rows.weights.data() + r * rows.classes;
    // Without overflow of the sums.
    const double most = *std::max_element(row, row + rows.classes);
    for (Index k = 0; k < rows.classes; ++k) row[k] = row[k] / most + (k > 0 ? row[k - 1] : 0);
  }
  const Blocks blocks(generator, result.count());
  Index* const out = result.mutable_data<Index>();
  const double* const sums = rows.weights.data();
  const auto classes = static_cast<std::size_t>(rows.classes);
  detail::parallel_for(result.count(), grain, [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      out[i] = static_cast<Index>(
          detail::pick({sums + i / count * static_cast<Index>(classes), classes}, blocks.unit(i)));
  });
  return result;
}

Tensor race(const Rows& rows, Index count, Generator& generator) {
  for (Index r = 0; r < rows.count; ++r) {
    const auto row = rows.weights.begin() + r * rows.classes;
    const auto positive = std::count_if(row, row + rows.classes, [](double w) { return w > 0; });
    if (positive < count)
      fail<ValueError>(rows.name(r) + " has " + std::to_string(positive) +
                           " classes of positive weight, too few for " + std::to_string(count) +
                           " without replacement",
                       "{.replacement = true} draws classes several times");
  }
  Tensor result = Tensor::uninitialized(with_axis(rows.shape, count), int64);
  // The finishing time of each class is exponential with its weight as the rate; logarithms do not overflow.
  std::vector<double> times(rows.weights.size());
  const Blocks blocks(generator, static_cast<Index>(times.size()));
  detail::parallel_for(static_cast<Index>(times.size()), grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      times[at] = rows.weights[at] > 0
                      ? std::log(-std::log(blocks.inner_unit(i))) - std::log(rows.weights[at])
                      : std::numeric_limits<double>::infinity();
    }
  });
  Index* const out = result.mutable_data<Index>();
  std::vector<Index> order(static_cast<std::size_t>(rows.classes));
  for (Index r = 0; r < rows.count; ++r) {
    for (std::size_t k = 0; k < order.size(); ++k) order[k] = static_cast<Index>(k);
    const double* const time = times.data() + r * rows.classes;
    std::partial_sort(order.begin(), order.begin() + count, order.end(),
                      [time](Index a, Index b) { return time[a] != time[b] ? time[a] < time[b] : a < b; });
    std::copy_n(order.begin(), count, out + r * count);
  }
  return result;
}

// P(Z < z) of a standard normal Z; all digits kept where it is small.
double below(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

template <std::size_t n>
double polynomial(const double (&coefficients)[n], double x) {
  double sum = 0;
  for (std::size_t i = n; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

// The z with P(Z < z) = p, for p in (0, 1/2], to about 16 digits (AS 241, PPND16).
double quantile(double p) {
  constexpr double a[] = {3.3871328727963666080,    1.3314166789178437745e+2, 1.9715909503065514427e+3,
                          1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                          3.3430575583588128105e+4, 2.5090809287301226727e+3};
  constexpr double b[] = {1,
                          4.2313330701600911252e+1,
                          6.8718700749205790830e+2,
                          5.3941960214247511077e+3,
                          2.1213794301586595867e+4,
                          3.9307895800092710610e+4,
                          2.8729085735721942674e+4,
                          5.2264952788528545610e+3};
  constexpr double c[] = {1.42343711074968357734,    4.63033784615654529590,   5.76949722146069140550,
                          3.64784832476320460504,    1.27045825245236838258,   2.41780725177450611770e-1,
                          2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr double d[] = {1,
                          2.05319162663775882187,
                          1.67638483018380384940,
                          6.89767334985100004550e-1,
                          1.48103976427480074590e-1,
                          1.51986665636164571966e-2,
                          5.47593808499534494600e-4,
                          1.05075007164441684324e-9};
  constexpr double e[] = {6.65790464350110377720,    5.46378491116411436990,    1.78482653991729133580,
                          2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                          2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr double f[] = {1,
                          5.99832206555887937690e-1,
                          1.36929880922735805310e-1,
                          1.48753612908506148525e-2,
                          7.86869131145613259100e-4,
                          1.84631831751005468180e-5,
                          1.42151175831644588870e-7,
                          2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (q >= -0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(a, r) / polynomial(b, r);
  }
  const double r = std::sqrt(-std::log(p));
  return r <= 5 ? -polynomial(c, r - 1.6) / polynomial(d, r - 1.6)
                : -polynomial(e, r - 5) / polynomial(f, r - 5);
}

// A standard normal number in [low, high], of u in (0, 1).
class Truncated {
 public:
  // The half with the bounds that are nearer to 0 in the lower tail, where probabilities have all digits.
  Truncated(double low, double high)
      : flip_(low > 0),
        low_(flip_ ? -high : low),
        high_(flip_ ? -low : high),
        below_(below(low_)),
        above_(below(-high_)),
        mass_(below(high_) - below_) {}

  double operator()(double u) const {
    // Within so little the density is constant, and the difference of probabilities has lost its digits.
    if (high_ - low_ < 1e-6) return signed_of(low_ + u * (high_ - low_));
    const double p = below_ + u * mass_;
    if (p <= 0.5) return signed_of(quantile(p));
    return signed_of(-quantile(std::min(above_ + (1 - u) * mass_, 0.5)));
  }
  bool possible() const { return mass_ > 0 || high_ - low_ < 1e-6; }

 private:
  double signed_of(double z) const { return flip_ ? -z : z; }

  bool flip_;
  double low_, high_;
  double below_, above_, mass_;
};

}  // namespace

Tensor bernoulli(const Tensor& probabilities, DType dtype, Generator& generator, Place place) {
  const Scope scope("bernoulli", place);
  check_floating("probabilities", probabilities);
  const Tensor p = probabilities.to(float64);
  const double* const chance = p.data<double>();
  const Index count = p.count();
  for (Index i = 0; i < count; ++i)
    if (!(chance[i] >= 0 && chance[i] <= 1))
      fail<ValueError>("expects probabilities in [0, 1], got " + std::to_string(chance[i]) + " at " +
                       position(i, p.shape()));
  return detail::dispatch(dtype, [&]<class T>(std::type_identity<T>) {
    Tensor result = Tensor::uninitialized(p.shape(), dtype);
    T* const out = result.mutable_data<T>();
    const Index words = count / 4 + (count % 4 != 0 ? 1 : 0);
    const Blocks blocks(generator, words);
    detail::parallel_for(words, grain, [=](Index begin, Index end) {
      for (Index b = begin; b < end; ++b) {
        const detail::PhiloxCounter drawn = blocks.words(b);
        for (Index i = 4 * b; i < std::min(count, 4 * b + 4); ++i) {
          const auto limit = static_cast<std::uint64_t>(std::llround(chance[i] * 0x1p32));
          out[i] = static_cast<T>(drawn[static_cast<std::size_t>(i % 4)] < limit);
        }
      }
    });
    return result;
  });
}

Tensor categorical(const Tensor& weights, CategoricalOptions options, Generator& generator, Place place) {
  const Scope scope("categorical", place);
  if (options.count) check_count(*options.count);
  Rows rows = rows_of(weights, options.logits);
  const Shape shape = options.count ? with_axis(rows.shape, *options.count) : rows.shape;
  return draw(std::move(rows), options.count.value_or(1), shape, generator);
}

Tensor multinomial(const Tensor& weights, Index count, MultinomialOptions options, Generator& generator,
                   Place place) {
  const Scope scope("multinomial", place);
  check_count(count);
  Rows rows = rows_of(weights, false);
  if (!options.replacement) return race(rows, count, generator);
  const Shape shape = with_axis(rows.shape, count);
  return draw(std::move(rows), count, shape, generator);
}

Tensor truncated_normal(const Shape& shape, double mean, double deviation, double low, double high,
                        DType dtype, Generator& generator, Place place) {
  const Scope scope("truncated_normal", place);
  if (!std::isfinite(mean) || !(deviation > 0) || std::isinf(deviation))
    fail<ValueError>("expects a finite mean and a finite deviation > 0, got " + std::to_string(mean) +
                     " and " + std::to_string(deviation));
  const auto interval = [&] { return "[" + std::to_string(low) + ", " + std::to_string(high) + "]"; };
  if (!(low <= high)) fail<ValueError>("expects low <= high, got " + interval());
  const double from = (low - mean) / deviation, to = (high - mean) / deviation;
  const Truncated standard(from, to);
  if (from > 37 || to < -37 || !standard.possible())
    fail<ValueError>("expects bounds that reach within 37 deviations of the mean, got " + interval() +
                     " with mean " + std::to_string(mean) + " and deviation " + std::to_string(deviation));
  return detail::dispatch_floating(dtype, [&]<class T>(std::type_identity<T>) {
    // The outermost numbers of the interval in T: rounding never leaves it.
    constexpr T infinity = std::numeric_limits<T>::infinity(), largest = std::numeric_limits<T>::max();
    T least = static_cast<T>(low), most = static_cast<T>(high);
    if (least < low) least = std::nextafter(least, infinity);
    if (most > high) most = std::nextafter(most, -infinity);
    if (least == -infinity) least = -largest;
    if (most == infinity) most = largest;
    if (least > most) fail<ValueError>("no " + std::string(to_string(dtype)) + " lies in " + interval());
    Tensor result = Tensor::uninitialized(shape, dtype);
    T* const out = result.mutable_data<T>();
    const Blocks blocks(generator, result.count());
    detail::parallel_for(result.count(), grain, [=](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        // Clamped as a double, because a number beyond T's range has no value in T.
        const double x = mean + deviation * standard(blocks.inner_unit(i));
        out[i] = static_cast<T>(std::clamp(x, static_cast<double>(least), static_cast<double>(most)));
      }
    });
    return result;
  });
}

}  // namespace xgrad
