// Random tensors from a counter-based generator: element i of a stream depends on the seed and i alone.
// Invariant: the same seed gives the same stream at any thread count.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/state_dict.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <cstdint>

XGRAD_API_BEGIN
namespace xgrad {

/// The state of a random stream: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
/// SC 2011). A value: copying it repeats the stream. Not for use from several threads at once.
class [[nodiscard]] Generator {
 public:
  [[nodiscard]] explicit Generator(std::uint64_t seed = 0) : seed_(seed) {}

  std::uint64_t seed() const { return seed_; }
  std::uint64_t position() const { return position_; }
  /// Reserves `blocks` blocks of four 32-bit words and returns the first one's number.
  std::uint64_t advance(std::uint64_t blocks) {
    const std::uint64_t first = position_;
    position_ += blocks;
    return first;
  }

  /// "seed" and "position": int64 scalars of the same 64 bits.
  [[nodiscard]] StateDict state_dict() const;
  /// Checks all that load_state_dict() does and changes nothing; what it returns goes on.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) &;
  /// Goes on with the stream that state_dict() told of. Throws ValueError listing every mismatch; nothing is
  /// changed then.
  void load_state_dict(const StateDict& state, Place place = Place::here()) {
    prepare_load(state, place).run();
  }

 private:
  std::uint64_t seed_;
  std::uint64_t position_ = 0;
};

/// The calling thread's stream, used where no generator is given. Threads other than the main one start with
/// seeds of their own.
Generator& default_generator();
/// Restarts the calling thread's stream.
void manual_seed(std::uint64_t seed);

/// Uniform in [low, high). Throws ValueError unless both are finite and low <= high.
Tensor uniform(const Shape& shape, double low = 0, double high = 1, DType dtype = float32,
               Generator& generator = default_generator(), Place place = Place::here());
/// Normal with the given mean and standard deviation (Box-Muller). Throws ValueError on a negative deviation.
Tensor normal(const Shape& shape, double mean = 0, double deviation = 1, DType dtype = float32,
              Generator& generator = default_generator(), Place place = Place::here());
/// Integers in [low, high), int64. Throws ValueError unless low < high.
Tensor randint(const Shape& shape, Index low, Index high, Generator& generator = default_generator(),
               Place place = Place::here());
/// 1 with probability p, else 0. Throws ValueError outside [0, 1].
Tensor bernoulli(const Shape& shape, double p, DType dtype = float32,
                 Generator& generator = default_generator(), Place place = Place::here());
/// 0 ... count - 1 in random order, int64 (Fisher-Yates).
Tensor permutation(Index count, Generator& generator = default_generator(), Place place = Place::here());

}  // namespace xgrad
XGRAD_API_END
