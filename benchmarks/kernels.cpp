// Kernels one by one beside their ceilings, for whoever works on them (Google Benchmark's options apply:
// --benchmark_filter=softmax). `share` is the ceiling's time over the kernel's: for kernels bound by memory a
// copy that reads and writes as many bytes, for products and convolutions OpenBLAS's product of 1024 x 1024
// at the same number of operations. OMP_NUM_THREADS sets the number of threads of both.
#include <xgrad/xgrad.hpp>

#include <benchmark/benchmark.h>
#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <vector>

using namespace xgrad;

namespace {

template <class F>
double best_seconds(F f) {
  using Clock = std::chrono::steady_clock;
  double best = 1e9;
  const auto end = Clock::now() + std::chrono::milliseconds(100);
  do {
    const auto start = Clock::now();
    f();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() < end);
  return best;
}

// Of a copy that moves `bytes`, half of them read and half written, by as many threads as the library uses.
double copy_seconds(double bytes) {
  static std::map<double, double> known;
  const auto [entry, is_new] = known.try_emplace(bytes);
  if (is_new) {
    const auto half = static_cast<Index>(bytes / 2);
    std::vector<char> from(static_cast<std::size_t>(half), 1), to(from);
    entry->second = best_seconds([&] {
      const Index threads = num_threads(), share = (half + threads - 1) / threads;
#pragma omp parallel for num_threads(num_threads()) schedule(static, 1)
      for (Index i = 0; i < threads; ++i) {
        const Index begin = std::min(i * share, half), end = std::min(begin + share, half);
        std::memcpy(to.data() + begin, from.data() + begin, static_cast<std::size_t>(end - begin));
      }
      benchmark::DoNotOptimize(to.data());
    });
  }
  return entry->second;
}

double product_seconds(double flops) {
  static const double rate = [] {
    constexpr int n = 1024;
    std::vector<float> a(n * n, 0.5F), b(a), c(a);
    return 2.0 * n * n * n / best_seconds([&] {
             cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a.data(), n, b.data(), n, 0,
                         c.data(), n);
           });
  }();
  return flops / rate;
}

// A kernel that moves so many bytes, or computes so many floating-point operations, in one call.
struct Kernel {
  std::string name;
  double bytes, flops;
  Callback<Variable()> call;
};

Kernel moving(std::string name, Index floats, Callback<Variable()> call) {
  return {std::move(name), 4. * static_cast<double>(floats), 0, std::move(call)};
}
Kernel computing(std::string name, Index products, Callback<Variable()> call) {
  return {std::move(name), 0, 2. * static_cast<double>(products), std::move(call)};
}

// The gradients of sum(f(inputs) * c); its forward pass is timed too.
template <class F>
Callback<Variable()> both_passes(std::vector<Tensor> values, F f) {
  std::vector<Variable> inputs;
  for (Tensor& value : values) inputs.emplace_back(std::move(value), VariableOptions{.requires_grad = true});
  const Variable seed(ones_like(f(inputs).value()));
  return [=] { return grad({f(inputs)}, inputs, {.seeds = {seed}}).front(); };
}

void run(benchmark::State& state, const Kernel& kernel) {
  const double ceiling = kernel.bytes > 0 ? copy_seconds(kernel.bytes) : product_seconds(kernel.flops);
  for (auto _ : state) benchmark::DoNotOptimize(kernel.call());
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  if (kernel.bytes > 0)
    state.counters["GB/s"] = benchmark::Counter(kernel.bytes / 1e9, rate);
  else
    state.counters["GFLOP/s"] = benchmark::Counter(kernel.flops / 1e9, rate);
  state.counters["share"] = benchmark::Counter(ceiling, rate);
}

std::vector<Kernel> elementwise(Index n) {
  const Tensor x = normal({n}), y = normal({n});
  const std::string size = "/" + std::to_string(n);
  return {
      moving("add" + size, 3 * n, [=] { return add(x, y); }),
      moving("mul_by_scalar" + size, 2 * n, [=, s = full(Shape{}, 2.0)] { return mul(x, s); }),
      moving("where" + size, 3 * n, [=] { return where(x > y, x, y); }),
      moving("relu" + size, 2 * n, [=] { return relu(x); }),
      moving("exp" + size, 2 * n, [=] { return exp(x); }),
      moving("tanh" + size, 2 * n, [=] { return tanh(x); }),
      moving("sigmoid" + size, 2 * n, [=] { return sigmoid(x); }),
      moving("gelu" + size, 2 * n, [=] { return gelu(x); }),
      moving("swish_by_map" + size, 2 * n,
             [=] {
               return map(
                   "swish", [](auto v) { return v / (1 + exp(-v)); }, x);
             }),
      moving("relu_both_passes" + size, 5 * n,
             both_passes({x}, [](const std::vector<Variable>& in) { return relu(in[0]); })),
      moving("gelu_both_passes" + size, 5 * n,
             both_passes({x}, [](const std::vector<Variable>& in) { return gelu(in[0]); })),
  };
}

std::vector<Kernel> matrices(Index rows, Index columns) {
  const Index n = rows * columns;
  const Tensor x = normal({rows, columns}), row = normal({columns}), column = normal({rows, 1});
  const Tensor labels = randint({rows}, 0, columns), order = randint({rows}, 0, rows);
  const std::string size = "/" + std::to_string(rows) + "x" + std::to_string(columns);
  const auto norm = [](const std::vector<Variable>& in) {
    return layer_norm(in[0], {in[0].size(-1)}, in[1], in[2]);
  };
  return {
      moving("add_row" + size, 2 * n, [=] { return add(x, row); }),
      moving("add_column" + size, 2 * n, [=] { return add(x, column); }),
      moving("transpose" + size, 2 * n,
             [=] {
               return permute(x, {1, 0});
             }),
      moving("sum" + size, n, [=] { return sum(x); }),
      moving("sum_of_rows" + size, n, [=] { return sum(x, {1}); }),
      moving("sum_of_columns" + size, n, [=] { return sum(x, {0}); }),
      moving("max_of_rows" + size, n, [=] { return amax(x, {1}); }),
      moving("softmax" + size, 2 * n, [=] { return softmax(x, 1); }),
      moving("log_softmax" + size, 2 * n, [=] { return log_softmax(x, 1); }),
      moving("cross_entropy_both_passes" + size, 3 * n,
             both_passes({x},
                         [=](const std::vector<Variable>& in) { return nn::cross_entropy(in[0], labels); })),
      moving("layer_norm" + size, 2 * n,
             [=] {
               return norm({Variable(x), Variable(row), Variable(row)});
             }),
      moving("layer_norm_both_passes" + size, 5 * n, both_passes({x, row, row}, norm)),
      moving("index_select" + size, 2 * n, [=] { return index_select(x, 0, order); }),
      moving("cumsum" + size, 2 * n, [=] { return cumsum(x, 1); }),
  };
}

std::vector<Kernel> products(Index n) {
  const Tensor a = normal({n, n}), b = normal({n, n}), bias = normal({n});
  const Tensor double_a = a.to(float64), double_b = b.to(float64);
  const std::string size = "/" + std::to_string(n);
  return {
      computing("matmul" + size, n * n * n, [=] { return matmul(a, b); }),
      computing("matmul_transposed" + size, n * n * n, [=] { return matmul(transpose(a), transpose(b)); }),
      computing("linear" + size, n * n * n, [=] { return linear(a, b, Variable(bias)); }),
      computing("matmul_float64" + size, n * n * n, [=] { return matmul(double_a, double_b); }),
  };
}

Kernel attention(Index batch, Index heads, Index length, Index width, bool causal) {
  std::vector<Tensor> values;
  for (int i = 0; i < 3; ++i) values.push_back(normal({batch, heads, length, width}));
  const Index pairs = causal ? length * (length + 1) / 2 : length * length;
  return computing(std::string(causal ? "causal_" : "") + "attention_both_passes/" + std::to_string(length),
                   batch * heads * pairs * width * 2 * 3,
                   both_passes(std::move(values), [causal](const std::vector<Variable>& in) {
                     return scaled_dot_product_attention(in[0], in[1], in[2], {.causal = causal});
                   }));
}

std::vector<Kernel> convolutions(Index batch, Index size, Index in, Index out, Index kernel, Index groups) {
  const Tensor x = normal({batch, size, size, in}), weight = normal({out, kernel, kernel, in / groups});
  const Index products = batch * size * size * out * kernel * kernel * in / groups;
  const std::string name = std::to_string(size) + "x" + std::to_string(size) + "x" + std::to_string(in) +
                           "_" + std::to_string(kernel) + "x" + std::to_string(kernel) + "x" +
                           std::to_string(out) + (groups > 1 ? "_groups_" + std::to_string(groups) : "");
  const auto f = [groups](const std::vector<Variable>& v) {
    return conv2d(v[0], v[1], {}, {.padding = Padding2d::same, .groups = groups});
  };
  return {computing("conv2d/" + name, products,
                    [=] {
                      return f({Variable(x), Variable(weight)});
                    }),
          computing("conv2d_both_passes/" + name, 3 * products, both_passes({x, weight}, f))};
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  manual_seed(1);
  std::vector<Kernel> all;
  const auto append = [&](std::vector<Kernel> group) { all.insert(all.end(), group.begin(), group.end()); };
  for (Index n : {Index{4096}, Index{1} << 20}) append(elementwise(n));
  append(matrices(4096, 512));
  append(matrices(65536, 16));
  for (Index n : {128, 512, 1024}) append(products(n));
  append({attention(16, 4, 128, 32, true), attention(16, 4, 128, 32, false), attention(2, 8, 512, 64, true)});
  append(convolutions(64, 28, 1, 32, 5, 1));
  append(convolutions(64, 32, 16, 16, 3, 1));
  append(convolutions(32, 32, 64, 64, 3, 1));
  append(convolutions(32, 32, 64, 64, 3, 64));
  for (const Kernel& kernel : all)
    benchmark::RegisterBenchmark(kernel.name.c_str(), run, kernel)->UseRealTime();
  benchmark::RunSpecifiedBenchmarks();
}
