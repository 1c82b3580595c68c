// Matrix products as oneDNN primitives, made once for each set of sizes and kept.
// Invariant: only the BRGEMM implementation is used. The older kernels behind dnnl_sgemm (seen in 2.7) keep
// data below the stack pointer, where a signal handler overwrites them: any SIGINT or profiler would corrupt
// memory.
#include <xgrad/tensor/onednn.hpp>

#include <xgrad/tensor/parallel.hpp>

#ifdef XGRAD_ONEDNN
#include <omp.h>
#include <dnnl.hpp>

#include <array>
#include <bit>
#include <optional>
#include <string_view>
#include <unordered_map>
#endif

namespace xgrad::onednn {

#ifdef XGRAD_ONEDNN
namespace {

using Matrix = blas::Product<float>;
using Dims = dnnl::memory::dims;

dnnl::engine& cpu() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& stream() {
  thread_local dnnl::stream stream(cpu());
  return stream;
}

// What a primitive is made for.
struct Key {
  std::array<Index, 10> sizes;
  float beta;
  bool transpose_a, transpose_b, bias;
  int threads;

  friend bool operator==(const Key&, const Key&) = default;
};

struct Hash {
  std::size_t operator()(const Key& key) const {
    std::uint64_t hash = std::bit_cast<std::uint32_t>(key.beta) ^ static_cast<std::uint64_t>(key.threads)
                                                                      << 32;
    hash = hash << 3 | static_cast<std::uint64_t>(key.transpose_a) << 2 |
           static_cast<std::uint64_t>(key.transpose_b) << 1 | static_cast<std::uint64_t>(key.bias);
    for (const Index size : key.sizes)
      hash = std::rotl((hash ^ static_cast<std::uint64_t>(size)) * 0x9E3779B97F4A7C15u, 29);
    return hash;
  }
};

// A primitive with memory objects to point at the operands of each call; for one thread.
struct Ready {
  dnnl::matmul primitive;
  dnnl::memory a, b, c, bias;
};

// `rows` by `columns` as the product sees them; a step of zero repeats one matrix along the batch.
dnnl::memory::desc matrices(Index batch, Index step, Index rows, Index columns, Index stride,
                            bool transposed) {
  const Index whole = (transposed ? columns : rows) * stride;
  return {Dims{step == 0 ? 1 : batch, rows, columns}, dnnl::memory::data_type::f32,
          Dims{step == 0 ? whole : step, transposed ? 1 : stride, transposed ? stride : 1}};
}

// Nothing where oneDNN has no implementation that may be used.
std::optional<Ready> make(const Matrix& p) {
  const auto a = matrices(p.batch, p.step_a, p.rows, p.inner, p.lda, p.transpose_a);
  const auto b = matrices(p.batch, p.step_b, p.inner, p.columns, p.ldb, p.transpose_b);
  const auto c = matrices(p.batch, p.step_c, p.rows, p.columns, p.ldc, false);
  const dnnl::memory::desc bias{Dims{1, 1, p.columns}, dnnl::memory::data_type::f32,
                                Dims{p.columns, p.columns, 1}};
  dnnl::primitive_attr attributes;
  if (p.beta != 0) {
    dnnl::post_ops sum;
    sum.append_sum(p.beta);
    attributes.set_post_ops(sum);
  }
  try {
    const auto described =
        p.bias != nullptr ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c);
    const dnnl::matmul::primitive_desc chosen(described, attributes, cpu());
    if (!std::string_view(chosen.impl_info_str()).starts_with("brg")) return std::nullopt;
    return Ready{dnnl::matmul(chosen),
                 {a, cpu(), DNNL_MEMORY_NONE},
                 {b, cpu(), DNNL_MEMORY_NONE},
                 {c, cpu(), DNNL_MEMORY_NONE},
                 {bias, cpu(), DNNL_MEMORY_NONE}};
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

// oneDNN plans a primitive for the number of threads that OpenMP would give it.
class PlannedThreads {
 public:
  explicit PlannedThreads(int threads) : former_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~PlannedThreads() { omp_set_num_threads(former_); }
  PlannedThreads(const PlannedThreads&) = delete;
  PlannedThreads& operator=(const PlannedThreads&) = delete;

 private:
  int former_;
};

void execute(const Ready& ready, const Matrix& p) {
  const auto point = [](const dnnl::memory& memory, const float* data) {
    dnnl_memory_set_data_handle(memory.get(), const_cast<float*>(data));
    return memory.get();
  };
  const std::array<dnnl_exec_arg_t, 4> arguments{{{DNNL_ARG_SRC, point(ready.a, p.a)},
                                                  {DNNL_ARG_WEIGHTS, point(ready.b, p.b)},
                                                  {DNNL_ARG_DST, point(ready.c, p.c)},
                                                  {DNNL_ARG_BIAS, point(ready.bias, p.bias)}}};
  dnnl::error::wrap_c_api(dnnl_primitive_execute(ready.primitive.get(), stream().get(),
                                                 p.bias != nullptr ? 4 : 3, arguments.data()),
                          "matrix product");
}

}  // namespace

bool multiply(const Matrix& p) {
  // Calling a primitive costs a microsecond, which OpenBLAS does not; and a row times a matrix is limited by
  // memory.
  constexpr double worth_a_call = 1 << 17;
  if (p.rows == 1 ||
      static_cast<double>(p.rows * p.columns) * static_cast<double>(p.inner * p.batch) < worth_a_call)
    return false;
  constexpr std::size_t most = 1024;
  thread_local std::unordered_map<Key, std::optional<Ready>, Hash> kept;
  const int threads = omp_in_parallel() != 0 ? 1 : num_threads();
  const Key key{{p.rows, p.columns, p.inner, p.lda, p.ldb, p.ldc, p.batch, p.step_a, p.step_b, p.step_c},
                p.beta,
                p.transpose_a,
                p.transpose_b,
                p.bias != nullptr,
                threads};
  auto found = kept.find(key);
  if (found == kept.end()) {
    if (kept.size() >= most) kept.clear();
    const PlannedThreads planned(threads);
    found = kept.emplace(key, make(p)).first;
  }
  if (!found->second) return false;
  execute(*found->second, p);
  return true;
}

#else

bool multiply(const blas::Product<float>&) { return false; }

#endif

}  // namespace xgrad::onednn
