// Matrix products and convolutions as oneDNN primitives, made once for each set of sizes and kept.
// Invariant: only implementations that stand a storm of signals are used. With the older kernels behind
// dnnl_sgemm (seen in 2.7) a signal handler that runs meanwhile corrupts memory; the cause is not known.
#include <xgrad/backend/onednn.hpp>

#include <xgrad/tensor/parallel.hpp>

#ifdef XGRAD_ONEDNN
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

using Matrix = backend::Product<float>;
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
  bool transpose_a, transpose_b, bias, packed;
  int threads;

  friend bool operator==(const Key&, const Key&) = default;
};

std::uint64_t mixed(std::uint64_t hash, Index number) {
  return std::rotl((hash ^ static_cast<std::uint64_t>(number)) * 0x9E3779B97F4A7C15u, 29);
}

struct Hash {
  std::size_t operator()(const Key& key) const {
    std::uint64_t hash = std::bit_cast<std::uint32_t>(key.beta) ^ static_cast<std::uint64_t>(key.threads)
                                                                      << 32;
    for (const bool flag : {key.transpose_a, key.transpose_b, key.bias, key.packed})
      hash = hash << 1 | static_cast<std::uint64_t>(flag);
    for (const Index size : key.sizes) hash = mixed(hash, size);
    return hash;
  }
};

// A primitive with memory objects to point at the operands of each call; for one thread.
struct Ready {
  dnnl::matmul primitive;
  dnnl::memory a, b, c, bias;
  int threads;
};

// A primitive is planned for a number of threads, room for each included, and some kernels run on as many as
// OpenMP gives at the time: both are done in the lifetime of one of these.
using Planned = detail::OpenMpThreads;

// While reproducible() is set, threads share whole products and images.
int threads_that_share() { return reproducible() ? 1 : detail::threads_here(); }

// `rows` by `columns` as the product sees them; a step of zero repeats one matrix along the batch.
dnnl::memory::desc matrices(Index batch, Index step, Index rows, Index columns, Index stride,
                            bool transposed) {
  constexpr auto f32 = dnnl::memory::data_type::f32;
  const Index down = transposed ? 1 : stride, right = transposed ? stride : 1;
  if (batch == 1) return {Dims{rows, columns}, f32, Dims{down, right}};
  const Index whole = (transposed ? columns : rows) * stride;
  return {Dims{step == 0 ? 1 : batch, rows, columns}, f32, Dims{step == 0 ? whole : step, down, right}};
}
dnnl::memory::desc given_b(const Matrix& p) {
  return matrices(p.batch, p.step_b, p.inner, p.columns, p.ldb, p.transpose_b);
}

// Nothing where oneDNN has no implementation that may be used.
std::optional<Ready> make(const Matrix& p, bool packed, int threads) {
  const auto a = matrices(p.batch, p.step_a, p.rows, p.inner, p.lda, p.transpose_a);
  const dnnl::memory::desc any{Dims{p.inner, p.columns}, dnnl::memory::data_type::f32,
                               dnnl::memory::format_tag::any};
  const auto b = packed ? any : given_b(p);
  const auto c = matrices(p.batch, p.step_c, p.rows, p.columns, p.ldc, false);
  const auto bias = matrices(p.batch, 0, 1, p.columns, p.columns, false);
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
                 {chosen.weights_desc(), cpu(), DNNL_MEMORY_NONE},
                 {c, cpu(), DNNL_MEMORY_NONE},
                 {bias, cpu(), DNNL_MEMORY_NONE},
                 threads};
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

void execute(const Ready& ready, const Matrix& p, const float* b) {
  const auto point = [](const dnnl::memory& memory, const float* data) {
    dnnl_memory_set_data_handle(memory.get(), const_cast<float*>(data));
    return memory.get();
  };
  const std::array<dnnl_exec_arg_t, 4> arguments{{{DNNL_ARG_SRC, point(ready.a, p.a)},
                                                  {DNNL_ARG_WEIGHTS, point(ready.b, b)},
                                                  {DNNL_ARG_DST, point(ready.c, p.c)},
                                                  {DNNL_ARG_BIAS, point(ready.bias, p.bias)}}};
  const Planned planned(ready.threads);
  dnnl::error::wrap_c_api(dnnl_primitive_execute(ready.primitive.get(), stream().get(),
                                                 p.bias != nullptr ? 4 : 3, arguments.data()),
                          "matrix product");
}

// A primitive reads a b that is not transposed in place, strides and all: beyond the caches OpenBLAS, which
// packs it, was 1.2 to 2 times as fast.
constexpr Index fits_caches = 1 << 20;

// The primitive for a product, with b packed or as it is, on `threads`, or as many as may where that is 0;
// null where OpenBLAS is faster or oneDNN cannot.
const Ready* ready_for(const Matrix& p, bool packed, int threads) {
  // Calling a primitive costs a microsecond, which OpenBLAS does not; and a row times a matrix is limited by
  // memory.
  constexpr double worth_a_call = 1 << 17;
  const bool in_place = !p.transpose_b && !packed;
  if (p.rows == 1 || (in_place && p.inner * p.columns >= fits_caches) ||
      static_cast<double>(p.rows * p.columns) * static_cast<double>(p.inner * p.batch) < worth_a_call)
    return nullptr;
  constexpr std::size_t most = 1024;
  thread_local std::unordered_map<Key, std::optional<Ready>, Hash> kept;
  if (threads == 0) threads = threads_that_share();
  const Key key{{p.rows, p.columns, p.inner, p.lda, p.ldb, p.ldc, p.batch, p.step_a, p.step_b, p.step_c},
                p.beta,
                p.transpose_a,
                p.transpose_b,
                p.bias != nullptr,
                packed,
                threads};
  auto found = kept.find(key);
  if (found == kept.end()) {
    if (kept.size() >= most) kept.clear();
    const Planned planned(threads);
    found = kept.emplace(key, make(p, packed, threads)).first;
  }
  return found->second ? &*found->second : nullptr;
}

// The code that oneDNN compiles for convolutions and reorders stands a storm of signals (2.7, with SSE 4.1,
// AVX2 and AVX-512). "gemm:jit" stands on sgemm and does not, and "ref" is slower than the library's own
// loops.
bool may_be_used(std::string_view implementation) {
  return implementation.starts_with("brg") || implementation.starts_with("jit");
}

Tensor room_for(const dnnl::memory::desc& described) {
  const std::size_t bytes = described.get_size();
  return Tensor::uninitialized({static_cast<Index>((bytes + sizeof(float) - 1) / sizeof(float))}, float32);
}

}  // namespace

bool multiply(const Matrix& p, int threads) {
  const Ready* ready = ready_for(p, false, threads);
  if (ready == nullptr) return false;
  execute(*ready, p, p.b);
  return true;
}

void multiply(const Matrix& p, const backend::Packed& b) {
  const Ready* ready = ready_for(p, true, b.threads);
  if (ready == nullptr) throw std::bad_alloc();  // nothing else kept the primitive from being made again
  execute(*ready, p, b.values.data<float>());
}

bool prefers_turned(const Matrix& p) {
  // The gradient of a weight that narrows: long sums, a that is read in place once it is the right operand.
  constexpr Index long_sum = 1024, several_rows = 16;
  if (!p.transpose_a || p.transpose_b || p.inner < long_sum || p.rows < several_rows || p.batch != 1 ||
      p.rows * p.columns >= fits_caches || ready_for(p, false, 0) != nullptr)
    return false;
  const Matrix turned{.transpose_a = true,
                      .transpose_b = false,
                      .rows = p.columns,
                      .columns = p.rows,
                      .inner = p.inner,
                      .a = p.b,
                      .lda = p.ldb,
                      .b = p.a,
                      .ldb = p.lda,
                      .beta = 0,
                      .c = nullptr,
                      .ldc = p.rows};
  return ready_for(turned, false, 0) != nullptr;
}

backend::Packed pack(const Matrix& p) {
  const int threads = threads_that_share();
  const Ready* ready = p.batch == 1 ? ready_for(p, true, threads) : nullptr;
  if (ready == nullptr || ready->b.get_desc() == given_b(p)) return {};
  dnnl::memory from(given_b(p), cpu(), const_cast<float*>(p.b));
  const dnnl::reorder::primitive_desc order(from, ready->b);
  if (!may_be_used(order.impl_info_str())) return {};
  backend::Packed result{room_for(ready->b.get_desc()), threads};
  dnnl::memory to(ready->b.get_desc(), cpu(), result.values.mutable_data<float>());
  const Planned planned(threads);
  dnnl::reorder(order).execute(stream(), from, to);
  return result;
}

// ------------------------------------------------------------------------------------------- convolutions

namespace {

using backend::Pass, kernels::Convolution;

struct ConvolutionKey {
  Convolution sizes;
  Pass pass;
  bool bias;
  int threads;

  friend bool operator==(const ConvolutionKey&, const ConvolutionKey&) = default;
};

struct ConvolutionHash {
  std::size_t operator()(const ConvolutionKey& key) const {
    std::uint64_t hash = static_cast<std::uint64_t>(key.pass) << 1 | static_cast<std::uint64_t>(key.bias);
    const Convolution& c = key.sizes;
    for (const kernels::Window& w : {c.height, c.width})
      for (const Index number : {w.input, w.kernel, w.stride, w.before, w.after, w.dilation})
        hash = mixed(hash, number);
    for (const Index number : {c.batch, c.in, c.out, c.groups, Index{key.threads}})
      hash = mixed(hash, number);
    return hash;
  }
};

// A primitive that reads and writes images in place, and weights in an order of its own.
struct ReadyConvolution {
  dnnl::primitive primitive;
  dnnl::memory x, weight, bias, y;
  dnnl::memory given;     // the weight in the library's order
  dnnl::reorder reorder;  // from the library's order to the primitive's; for the weight's gradient back
  bool reorders = false;
  int threads = 1;
};

// Moves to the first implementation that is `usable`. What the description was made from, and the forward one
// that a backward one was made with, must live and stay as they are meanwhile: oneDNN holds plain pointers.
template <class Description, class Usable>
bool settle(Description& description, Usable usable) {
  do {
    if (usable(description.impl_info_str())) return true;
  } while (description.next_impl());
  return false;
}

// Kernels for 1x1 windows copy a strided image into a workspace without the pixels between, where its size is
// a multiple of the stride. For the weight's gradient they find the rows there in steps of a vector of
// channels, but make room for the channels that there are.
bool writes_past_workspace(std::string_view implementation, const Convolution& c) {
  const auto strided = [](const kernels::Window& w) {
    return w.kernel == 1 && w.before == 0 && w.output() * w.stride == w.input;
  };
  const Index vector = implementation.ends_with("avx2") ? 8 : 16;
  return implementation.find("1x1") != implementation.npos && c.in / c.groups < vector && strided(c.height) &&
         strided(c.width) && (c.height.stride > 1 || c.width.stride > 1);
}

// Kernels of the weight's gradient leave elements unwritten, or read and write past their memory, where the
// last pixels lie under no window and are taken off as negative padding, as transposed convolutions have it.
bool crops(const Convolution& c) { return c.height.after < 0 || c.width.after < 0; }

// Images of few channels leave most of a "brg" kernel's vectors empty: the "jit" kernels for first layers
// took half the time at 1 to 3 channels, the same at 8.
bool made_for_few_channels(std::string_view implementation) { return implementation.starts_with("jit"); }

std::optional<ReadyConvolution> make(const ConvolutionKey& key) {
  using Memory = dnnl::memory;
  constexpr auto f32 = Memory::data_type::f32;
  constexpr auto direct = dnnl::algorithm::convolution_direct;
  const Convolution& c = key.sizes;
  const kernels::Window &h = c.height, &w = c.width;
  const Memory::desc x{Dims{c.batch, c.in, h.input, w.input}, f32, Memory::format_tag::nhwc};
  const Memory::desc y{Dims{c.batch, c.out, h.output(), w.output()}, f32, Memory::format_tag::nhwc};
  Dims taps{c.out / c.groups, c.in / c.groups, h.kernel, w.kernel};
  if (c.groups > 1) taps.insert(taps.begin(), c.groups);
  const Memory::desc given{taps, f32, c.groups > 1 ? Memory::format_tag::gohwi : Memory::format_tag::ohwi};
  const Memory::desc any{taps, f32, Memory::format_tag::any};
  const Memory::desc bias{Dims{c.out}, f32, Memory::format_tag::x};
  const Dims strides{h.stride, w.stride}, dilations{h.dilation - 1, w.dilation - 1},
      before{h.before, w.before}, after{h.after, w.after};

  const auto ready = [&](const dnnl::primitive& primitive,
                         const Memory::desc& weight) -> std::optional<ReadyConvolution> {
    ReadyConvolution made{primitive,
                          {x, cpu(), DNNL_MEMORY_NONE},
                          {weight, cpu(), DNNL_MEMORY_NONE},
                          {bias, cpu(), DNNL_MEMORY_NONE},
                          {y, cpu(), DNNL_MEMORY_NONE},
                          {given, cpu(), DNNL_MEMORY_NONE},
                          {},
                          weight != given,
                          key.threads};
    if (!made.reorders) return made;
    const bool back = key.pass == Pass::weight_gradient;
    const dnnl::reorder::primitive_desc order(cpu(), back ? weight : given, cpu(), back ? given : weight);
    if (!may_be_used(order.impl_info_str())) return std::nullopt;
    made.reorder = dnnl::reorder(order);
    return made;
  };
  try {
    using Forward = dnnl::convolution_forward;
    using Data = dnnl::convolution_backward_data;
    using Weights = dnnl::convolution_backward_weights;
    const Forward::desc to_y(dnnl::prop_kind::forward_training, direct, x, any,
                             key.bias ? bias : Memory::desc{}, y, strides, dilations, before, after);
    Forward::primitive_desc forward(to_y, cpu());
    if (key.pass == Pass::forward) {
      Forward::primitive_desc other(to_y, cpu());
      if (c.groups == 1 && c.in < 8 && settle(other, made_for_few_channels))
        return ready(Forward(other), other.weights_desc());
      if (!settle(forward, may_be_used)) return std::nullopt;
      return ready(Forward(forward), forward.weights_desc());
    }
    if (key.pass == Pass::input_gradient) {
      const Data::desc to_x(direct, x, any, y, strides, dilations, before, after);
      Data::primitive_desc data(to_x, cpu(), forward);
      if (!settle(data, may_be_used)) return std::nullopt;
      return ready(Data(data), data.weights_desc());
    }
    const Weights::desc to_weight(direct, x, any, y, strides, dilations, before, after);
    Weights::primitive_desc weights(to_weight, cpu(), forward);
    const auto safe = [&](std::string_view implementation) {
      return may_be_used(implementation) && !writes_past_workspace(implementation, c) && !crops(c);
    };
    if (!settle(weights, safe)) return std::nullopt;
    return ready(Weights(weights), weights.diff_weights_desc());
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

void execute(ReadyConvolution& ready, Pass pass, const float* a, const float* b, const float* bias,
             float* result) {
  const bool forward = pass == Pass::forward, to_weight = pass == Pass::weight_gradient;
  const auto point = [](dnnl::memory& memory, const float* data) {
    memory.set_data_handle(const_cast<float*>(data));
  };
  point(ready.x, forward ? a : to_weight ? b : result);
  point(ready.y, forward ? result : a);
  point(ready.given, to_weight ? result : b);
  Tensor reordered;
  if (ready.reorders) {
    reordered = room_for(ready.weight.get_desc());
    point(ready.weight, reordered.mutable_data<float>());
  } else {
    point(ready.weight, to_weight ? result : b);
  }
  if (bias != nullptr) point(ready.bias, bias);

  const Planned planned(ready.threads);
  if (ready.reorders && !to_weight) ready.reorder.execute(stream(), ready.given, ready.weight);
  const bool to_x = pass == Pass::input_gradient;
  const std::array<dnnl_exec_arg_t, 4> arguments{
      {{to_x ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, ready.x.get()},
       {to_weight ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, ready.weight.get()},
       {forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, ready.y.get()},
       {DNNL_ARG_BIAS, ready.bias.get()}}};
  dnnl::error::wrap_c_api(dnnl_primitive_execute(ready.primitive.get(), stream().get(),
                                                 bias != nullptr ? 4 : 3, arguments.data()),
                          "convolution");
  if (ready.reorders && to_weight) ready.reorder.execute(stream(), ready.weight, ready.given);
}

}  // namespace

bool convolve(Pass pass, const Convolution& sizes, const float* a, const float* b, const float* bias,
              float* result) {
  constexpr std::size_t most = 256;
  thread_local std::unordered_map<ConvolutionKey, std::optional<ReadyConvolution>, ConvolutionHash> kept;
  const int threads = threads_that_share();
  const ConvolutionKey key{sizes, pass, bias != nullptr, threads};
  auto found = kept.find(key);
  if (found == kept.end()) {
    if (kept.size() >= most) kept.clear();
    const Planned planned(threads);
    found = kept.emplace(key, make(key)).first;
  }
  if (!found->second) return false;
  execute(*found->second, pass, a, b, bias, result);
  return true;
}

bool prefers_mirrored(const Convolution& c) {
  // Forward kernels are the best ones: with many channels they took 75 to 90 % of the backward kernels' time,
  // unless the mirrored windows stand on padding for the most part; few pixels do not repay the mirroring.
  const auto same = [](const kernels::Window& w) {
    return w.stride == 1 && w.output() >= w.input && std::max(w.before, w.after) < w.extent();
  };
  const Index pixels = c.batch * c.height.input * c.width.input;
  return c.groups == 1 && c.in >= 32 && c.out >= 64 && pixels >= 1024 && same(c.height) && same(c.width);
}

#else

bool multiply(const backend::Product<float>&, int) { return false; }
void multiply(const backend::Product<float>&, const backend::Packed&) {}
backend::Packed pack(const backend::Product<float>&) { return {}; }
bool prefers_turned(const backend::Product<float>&) { return false; }
bool convolve(backend::Pass, const kernels::Convolution&, const float*, const float*, const float*, float*) {
  return false;
}
bool prefers_mirrored(const kernels::Convolution&) { return false; }

#endif

}  // namespace xgrad::onednn
