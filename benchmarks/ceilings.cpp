// What the machine can do at best, without any tensor library: the largest of the matrix products at hand, a
// copy that streams through memory, and glibc's vector exponential in first-level cache.
#include "bench.hpp"

#include <cblas.h>
#ifdef XGRAD_ONEDNN
#include <dnnl.hpp>
#endif

#include <omp.h>

namespace {

constexpr int size = 1024;
constexpr double product_flops = 2.0 * size * size * size;

struct Matrices {
  std::vector<float> a = std::vector<float>(size * size, 0.5F), b = a, c = a;
};

void sgemm_openblas(bench::Timer& timer) {
  Matrices m;
  timer.time(product_flops, [&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, size, size, 1, m.a.data(), size, m.b.data(),
                size, 0, m.c.data(), size);
    return m.c[0];
  });
}

#ifdef XGRAD_ONEDNN
void sgemm_onednn(bench::Timer& timer) {
  Matrices m;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const dnnl::memory::desc square({size, size}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ab);
  const dnnl::matmul product(
      dnnl::matmul::primitive_desc(dnnl::matmul::desc(square, square, square), engine));
  timer.time(product_flops, [&] {
    product.execute(stream, {{DNNL_ARG_SRC, {square, engine, m.a.data()}},
                             {DNNL_ARG_WEIGHTS, {square, engine, m.b.data()}},
                             {DNNL_ARG_DST, {square, engine, m.c.data()}}});
    return m.c[0];
  });
}
#endif

// Bytes read and written.
void copy(bench::Timer& timer) {
  const std::size_t n = std::size_t{1} << 25;
  std::vector<float> from(n, 1), to(n, 0);
  timer.time(2.0 * static_cast<double>(n) * sizeof(float), [&] {
#pragma omp parallel for simd schedule(static)
    for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
    return to[n - 1];
  });
}

void exp(bench::Timer& timer) {
  constexpr int n = 4096, rounds = 1000;
  timer.time(double{n} * rounds * omp_get_max_threads(), [&] {
    float total = 0;
#pragma omp parallel reduction(+ : total)
    {
      std::vector<float> x(n, -0.5F), y(n, 0);
      for (int round = 0; round < rounds; ++round) {
        for (int i = 0; i < n; ++i) y[static_cast<std::size_t>(i)] = std::exp(x[static_cast<std::size_t>(i)]);
        x[0] = y[1];
      }
      total += y[0];
    }
    return total;
  });
}

const std::vector<bench::Workload> workloads = {
    {"sgemm_openblas", "flop", "(1024,1024) @ (1024,1024), OpenBLAS", sgemm_openblas},
#ifdef XGRAD_ONEDNN
    {"sgemm_onednn", "flop", "(1024,1024) @ (1024,1024), oneDNN", sgemm_onednn},
#endif
    {"copy", "byte", "128 MB to another 128 MB, bytes read and written", copy},
    {"exp", "element", "exp of 4096 floats in cache, glibc's vector function", exp},
};

}  // namespace

int main(int argc, char** argv) {
  bench::Library library;
  library.title = "ceilings of the machine";
  library.set_threads = [](int threads) { omp_set_num_threads(threads); };
  return bench::run_main(argc, argv, library, workloads);
}
