// Random tensors. Invariant: block b of a stream is philox({b, 0}, seed), and its words always make the same
// elements, so neither chunks nor threads show in the result. Counter words 2 and 3 stay 0 except where a
// draw is repeated.
#include <xgrad/tensor/random.hpp>

#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/entries.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/tensor/philox.hpp>
#include <xgrad/vmath/vmath.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <thread>

namespace xgrad {
namespace {

constexpr Index chunk_blocks = 256;

detail::PhiloxKey key_of(std::uint64_t seed) {
  return {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
}

detail::PhiloxCounter counter_of(std::uint64_t block, std::uint32_t attempt = 0) {
  return {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), attempt, 0};
}

// The words of neighbouring blocks, one array per position in the block: loops over blocks vectorise.
struct alignas(64) Words {
  std::uint32_t word[4][chunk_blocks];

  void fill(std::uint64_t first, std::uint64_t seed, Index blocks) {
    const detail::PhiloxKey key = key_of(seed);
    for (Index b = 0; b < blocks; ++b) {
      const detail::PhiloxCounter words =
          detail::philox(counter_of(first + static_cast<std::uint64_t>(b)), key);
      for (std::size_t w = 0; w < 4; ++w) word[w][b] = words[w];
    }
  }
  std::uint64_t pair(Index half, Index b) const {
    return std::uint64_t{word[2 * half + 1][b]} << 32 | word[2 * half][b];
  }
};

// Elements that one block makes.
template <class T>
constexpr Index per_block = sizeof(T) == 8 ? 2 : 4;

template <class T, Index lanes>
struct alignas(64) Values {
  T lane[lanes][chunk_blocks];
};

// Fills out[lanes * b + l] with values.lane[l][b]; make(words, first_block, blocks, values) computes a chunk
// of them.
template <Index lanes, class T, class Make>
void generate(T* out, Index count, Generator& generator, Make make) {
  const Index blocks = count / lanes + (count % lanes != 0 ? 1 : 0);
  const std::uint64_t seed = generator.seed();
  const std::uint64_t first = generator.advance(static_cast<std::uint64_t>(blocks));
  const Index chunks = (blocks + chunk_blocks - 1) / chunk_blocks;
  detail::parallel_for(chunks, detail::grain_of(4 * chunk_blocks), [=](Index begin, Index end) {
    Words words;
    Values<T, lanes> values;
    for (Index chunk = begin; chunk < end; ++chunk) {
      const Index done = chunk * chunk_blocks;
      const Index here = std::min(chunk_blocks, blocks - done);
      const std::uint64_t block = first + static_cast<std::uint64_t>(done);
      words.fill(block, seed, here);
      make(words, block, here, values);
      T* target = out + done * lanes;
      const Index whole = std::min(here, (count - done * lanes) / lanes);
      for (Index b = 0; b < whole; ++b)
        for (Index l = 0; l < lanes; ++l) target[b * lanes + l] = values.lane[l][b];
      for (Index rest = whole * lanes; rest < std::min(here * lanes, count - done * lanes); ++rest)
        target[rest] = values.lane[rest % lanes][rest / lanes];
    }
  });
}

// Uniform in [0, 1) on the grid of 2^-24 or 2^-53.
template <class T>
T unit(const Words& words, Index lane, Index b) {
  if constexpr (sizeof(T) == 4)
    return static_cast<T>(static_cast<std::int32_t>(words.word[lane][b] >> 8)) * T(0x1p-24);
  else
    return static_cast<T>(static_cast<std::int64_t>(words.pair(lane, b) >> 11)) * T(0x1p-53);
}

// Uniform in (0, 1], as the logarithm needs it. float keeps all 32 bits, which reach farther into the tail.
template <class T>
T positive_unit(const Words& words, Index lane, Index b) {
  if constexpr (sizeof(T) == 4)
    return (static_cast<T>(words.word[lane][b]) + T(0.5)) * T(0x1p-32);
  else
    return unit<T>(words, lane, b) + T(0x1p-53);
}

// Box-Muller: sqrt(-2 log u) (cos 2 pi v, sin 2 pi v) of neighbouring lanes u, v.
template <class T>
void make_normal(const Words& words, Index blocks, T mean, T deviation, Values<T, per_block<T>>& values) {
  alignas(64) T radius[chunk_blocks];
  alignas(64) T angle[chunk_blocks];
  for (Index lane = 0; lane < per_block<T>; lane += 2) {
    T* cosine = values.lane[lane];
    T* sine = values.lane[lane + 1];
    for (Index b = 0; b < blocks; ++b) {
      radius[b] = positive_unit<T>(words, lane, b);
      angle[b] = unit<T>(words, lane + 1, b) * (2 * std::numbers::pi_v<T>);
    }
    vmath::log(radius, radius, blocks);
    for (Index b = 0; b < blocks; ++b) radius[b] = std::max(T(-2) * radius[b], T(0));
    vmath::sqrt(radius, radius, blocks);
    vmath::cos(angle, cosine, blocks);
    vmath::sin(angle, sine, blocks);
    for (Index b = 0; b < blocks; ++b) {
      cosine[b] = mean + deviation * (radius[b] * cosine[b]);
      sine[b] = mean + deviation * (radius[b] * sine[b]);
    }
  }
}

__extension__ typedef unsigned __int128 Wide;

// Uniform in [0, bound) by the high half of a product (Lemire, "Fast random integer generation in an
// interval", TOMACS 2019). A biased draw is repeated with the same block's next attempt, so other elements
// never shift.
std::uint64_t bounded(std::uint64_t draw, std::uint64_t bound, std::uint64_t seed, std::uint64_t block,
                      Index half) {
  Wide product = Wide{draw} * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t biased = (0 - bound) % bound;
    for (std::uint32_t attempt = 1; static_cast<std::uint64_t>(product) < biased; ++attempt) {
      const detail::PhiloxCounter words = detail::philox(counter_of(block, attempt), key_of(seed));
      const auto low = static_cast<std::size_t>(2 * half);
      product = Wide{std::uint64_t{words[low + 1]} << 32 | words[low]} * bound;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

// `count` integers, the i-th one in [0, bound(i)).
template <class Bound>
void generate_bounded(std::int64_t* out, Index count, Generator& generator, Bound bound) {
  const std::uint64_t seed = generator.seed();
  const std::uint64_t start = generator.position();
  generate<2>(out, count, generator,
              [=](const Words& words, std::uint64_t block, Index blocks, Values<std::int64_t, 2>& values) {
                const auto first = static_cast<Index>(2 * (block - start));
                for (Index b = 0; b < blocks; ++b)
                  for (Index half = 0; half < 2; ++half) {
                    // The last block may reach past the end, where bound() need not be defined.
                    const Index i = std::min(first + 2 * b + half, count - 1);
                    values.lane[half][b] = static_cast<std::int64_t>(bounded(
                        words.pair(half, b), bound(i), seed, block + static_cast<std::uint64_t>(b), half));
                  }
              });
}

std::uint64_t mixed(std::uint64_t x) {  // SplitMix64's finaliser
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

const std::thread::id main_thread = std::this_thread::get_id();

std::uint64_t first_seed() {
  static std::atomic<std::uint64_t> threads{0};
  return std::this_thread::get_id() == main_thread ? 0 : mixed(++threads);
}

}  // namespace

StateDict Generator::state_dict() const {
  return {{"seed", scalar(std::bit_cast<Index>(seed_))},
          {"position", scalar(std::bit_cast<Index>(position_))}};
}

PreparedLoad Generator::prepare_load(const StateDict& state, Place place) & {
  const Scope scope("Generator", place);
  detail::Entries entries(state);
  const Tensor seed = entries.take("seed", {}, int64), position = entries.take("position", {}, int64);
  entries.finish("this generator");
  Generator loaded(std::bit_cast<std::uint64_t>(seed.item<Index>()));
  loaded.position_ = std::bit_cast<std::uint64_t>(position.item<Index>());
  return [this, loaded]() noexcept { *this = loaded; };
}

Generator& default_generator() {
  thread_local Generator generator(first_seed());
  return generator;
}

void manual_seed(std::uint64_t seed) { default_generator() = Generator(seed); }

Tensor uniform(const Shape& shape, double low, double high, DType dtype, Generator& generator, Place place) {
  const Scope scope("uniform", place);
  return detail::dispatch_floating(dtype, [&]<class T>(std::type_identity<T>) {
    const T from = static_cast<T>(low), to = static_cast<T>(high);
    if (!std::isfinite(from) || !std::isfinite(to) || low > high)
      fail<ValueError>("expects finite low <= high, got [" + std::to_string(low) + ", " +
                       std::to_string(high) + ")");
    // The interval's outermost numbers in T: rounding, of the bounds or of a draw, never leaves it.
    constexpr T infinity = std::numeric_limits<T>::infinity();
    T least = from < low ? std::nextafter(from, infinity) : from;
    T most = to >= high ? std::nextafter(to, -infinity) : to;
    if (least > most) least = most = from;

    Tensor result = Tensor::uninitialized(shape, dtype);
    generate<per_block<T>>(
        result.mutable_data<T>(), result.count(), generator,
        [=](const Words& words, std::uint64_t, Index blocks, Values<T, per_block<T>>& values) {
          for (Index l = 0; l < per_block<T>; ++l)
            for (Index b = 0; b < blocks; ++b) {
              const T u = unit<T>(words, l, b);
              values.lane[l][b] = std::min(std::max((1 - u) * from + u * to, least), most);
            }
        });
    return result;
  });
}

Tensor normal(const Shape& shape, double mean, double deviation, DType dtype, Generator& generator,
              Place place) {
  const Scope scope("normal", place);
  return detail::dispatch_floating(dtype, [&]<class T>(std::type_identity<T>) {
    const T center = static_cast<T>(mean), scale = static_cast<T>(deviation);
    if (!std::isfinite(center) || !std::isfinite(scale) || deviation < 0)
      fail<ValueError>("expects a finite mean and a finite deviation >= 0, got " + std::to_string(mean) +
                       " and " + std::to_string(deviation));
    Tensor result = Tensor::uninitialized(shape, dtype);
    generate<per_block<T>>(
        result.mutable_data<T>(), result.count(), generator,
        [=](const Words& words, std::uint64_t, Index blocks, Values<T, per_block<T>>& values) {
          make_normal<T>(words, blocks, center, scale, values);
        });
    return result;
  });
}

Tensor randint(const Shape& shape, Index low, Index high, Generator& generator, Place place) {
  const Scope scope("randint", place);
  if (low >= high)
    fail<ValueError>("expects low < high, got [" + std::to_string(low) + ", " + std::to_string(high) + ")");
  Tensor result = Tensor::uninitialized(shape, int64);
  const std::span<Index> out = result.mutable_span<Index>();
  // Unsigned arithmetic: the width of [low, high) may exceed the signed range.
  const std::uint64_t width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  generate_bounded(out.data(), result.count(), generator, [width](Index) { return width; });
  for (Index& value : out)
    value = static_cast<Index>(static_cast<std::uint64_t>(value) + static_cast<std::uint64_t>(low));
  return result;
}

Tensor bernoulli(const Shape& shape, double p, DType dtype, Generator& generator, Place place) {
  const Scope scope("bernoulli", place);
  if (!(p >= 0 && p <= 1)) fail<ValueError>("expects a probability in [0, 1], got " + std::to_string(p));
  // p in units of 2^-32, the resolution of one word; 1 is above every word.
  const auto limit = static_cast<std::uint64_t>(std::llround(p * 0x1p32));
  return detail::dispatch(dtype, [&]<class T>(std::type_identity<T>) {
    Tensor result = Tensor::uninitialized(shape, dtype);
    generate<4>(result.mutable_data<T>(), result.count(), generator,
                [=](const Words& words, std::uint64_t, Index blocks, Values<T, 4>& values) {
                  for (Index l = 0; l < 4; ++l)
                    for (Index b = 0; b < blocks; ++b)
                      values.lane[l][b] = static_cast<T>(words.word[l][b] < limit);
                });
    return result;
  });
}

Tensor permutation(Index count, Generator& generator, Place place) {
  const Scope scope("permutation", place);
  if (count < 0) fail<ValueError>("expects a count >= 0, got " + std::to_string(count));
  Tensor result = Tensor::uninitialized({count}, int64);
  const std::span<Index> order = result.mutable_span<Index>();
  std::iota(order.begin(), order.end(), Index{0});
  if (count < 2) return result;
  std::vector<Index> partner(static_cast<std::size_t>(count - 1));
  generate_bounded(partner.data(), count - 1, generator,
                   [count](Index i) { return static_cast<std::uint64_t>(count - i); });
  for (std::size_t i = 0; i < partner.size(); ++i)
    std::swap(order[order.size() - 1 - i], order[static_cast<std::size_t>(partner[i])]);
  return result;
}

}  // namespace xgrad
