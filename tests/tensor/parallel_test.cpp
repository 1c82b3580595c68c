// Threads: the caller's own settings, counts that change while others compute, forked processes, and what is
// bitwise the same at any count.
#include "support/reference.hpp"

#include <xgrad/kernels/conv.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/matmul.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/xgrad.hpp>

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

using namespace xgrad;
using namespace xgrad::test;
using kernels::Convolution;
using kernels::Window;

namespace {

/// OpenMP as the library has it, without its flags for the tests.
template <class F>
F* openmp(const char* name) {
  auto* const function = reinterpret_cast<F*>(dlsym(RTLD_DEFAULT, name));
  REQUIRE(static_cast<bool>(function));
  return function;
}
int openmp_threads() { return openmp<int()>("omp_get_max_threads")(); }
void set_openmp_threads(int threads) { openmp<void(int)>("omp_set_num_threads")(threads); }

Tensor small_integers(RandomTensors& random, const Shape& shape, DType dtype) {
  return random.integers(shape, -3, 3).to(dtype);
}

Convolution square(Index batch, Index size, Index kernel, Index stride, Index padding, Index in, Index out,
                   Index groups = 1) {
  const Window w{.input = size, .kernel = kernel, .stride = stride, .before = padding, .after = padding};
  return {batch, w, w, in, out, groups};
}

/// One of each kind of work that threads share; small integers, whose sums are exact.
class Work {
 public:
  explicit Work(unsigned seed) {
    RandomTensors random(seed);
    long_ = small_integers(random, {300000}, float32);
    for (const DType dtype : {float32, float64}) {
      a_.push_back(small_integers(random, {130, 170}, dtype));
      b_.push_back(small_integers(random, {170, 140}, dtype));
      x_.push_back(small_integers(random, sizes_.x(), dtype));
      weight_.push_back(small_integers(random, sizes_.weight(), dtype));
      y_.push_back(small_integers(random, sizes_.y(), dtype));
    }
  }

  std::vector<Tensor> results() const {
    std::vector<Tensor> all{kernels::mul(long_, long_)};
    for (std::size_t i = 0; i < a_.size(); ++i) {
      all.push_back(kernels::matmul(a_[i], b_[i]));
      all.push_back(kernels::matmul(b_[i], a_[i], true, true));
      all.push_back(kernels::conv2d(x_[i], weight_[i], {}, sizes_));
      all.push_back(kernels::conv2d_input_gradient(y_[i], weight_[i], sizes_));
      all.push_back(kernels::conv2d_weight_gradient(y_[i], x_[i], sizes_));
    }
    return all;
  }

 private:
  Convolution sizes_ = square(4, 16, 1, 2, 0, 24, 40);
  Tensor long_;
  std::vector<Tensor> a_, b_, x_, weight_, y_;
};

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  bool all = a.size() == b.size();
  for (std::size_t i = 0; all && i < a.size(); ++i) all = same_bits(a[i], b[i]);
  return all;
}

/// What f returns in a forked process; -1 when it does not come to an end.
int in_a_fork(const std::function<int()>& f) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int code = 99;
    try {
      code = f();
    } catch (...) {
    }
    _exit(code);
  }
  for (int i = 0; i < 6000; ++i) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return -1;
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("threads: the caller's own OpenMP settings are given back") {
    const Work work(1);
    const auto expected = work.results();
    const Threads two(2);
    const int before = openmp_threads();
    const auto check = [&] {
      for (const int own : {5, 1, 2}) {
        CAPTURE(own);
        for (const int dynamic : {0, 1}) {
          set_openmp_threads(own);
          openmp<void(int)>("omp_set_dynamic")(dynamic);
          CHECK(same(work.results(), expected));
          CHECK(openmp_threads() == own);
          CHECK(openmp<int()>("omp_get_dynamic")() == dynamic);
          set_num_threads(3);
          CHECK(openmp_threads() == own);
          set_num_threads(2);
          CHECK(openmp_threads() == own);
        }
      }
      openmp<void(int)>("omp_set_dynamic")(0);
    };
    check();
    set_openmp_threads(before);
    std::thread(check).join();
    CHECK(openmp_threads() == before);
  }

  TEST_CASE("threads: counts below 1 throw and change nothing") {
    const int before = num_threads();
    CHECK_THROWS_AS(set_num_threads(0), ValueError);
    CHECK_THROWS_AS(set_num_threads(-3), ValueError);
    CHECK(num_threads() == before);
  }

  TEST_CASE("threads: a new count does not reach products and convolutions under way") {
    const Work work(2);
    const auto expected = work.results();
    const Threads scope(2);
    std::atomic<bool> done{false};
    std::atomic<int> switches{0};
    std::thread other([&] {
      while (!done) {
        set_num_threads(1 + switches++ % 4);
        std::this_thread::yield();
      }
    });
    int wrong = 0;
    for (int i = 0; i < 150 || switches < 3000; ++i) wrong += same(work.results(), expected) ? 0 : 1;
    done = true;
    other.join();
    CHECK(wrong == 0);
  }

  TEST_CASE("threads: several callers with counts that change, while work is parted by its sizes or not") {
    const Work work(3);
    const auto expected = work.results();
    const Threads scope(2);
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    for (int c = 0; c < 3; ++c)
      callers.emplace_back([&, c] {
        for (int i = 0; i < 40; ++i) {
          set_num_threads(1 + (i + c) % 3);
          set_reproducible(i % 2 == 0);
          if (!same(work.results(), expected)) ++wrong;
        }
      });
    for (std::thread& caller : callers) caller.join();
    set_reproducible(false);
    CHECK(wrong == 0);
  }

  TEST_CASE("threads: a forked process computes, on one thread") {
    const Work work(4);
    const Threads two(2);
    const auto expected = work.results();  // which starts threads
    CHECK(in_a_fork([&] {
            if (num_threads() != 1) return 1;
            if (!same(work.results(), expected)) return 2;
            set_num_threads(1);
            try {
              set_num_threads(2);
              return 3;
            } catch (const ValueError&) {
            }
            // A thread of its own begins with no more.
            bool right = false;
            std::thread([&] { right = same(work.results(), expected); }).join();
            if (!right) return 4;
            return in_a_fork([&] { return same(work.results(), expected) ? 0 : 1; }) == 0 ? 0 : 5;
          }) == 0);
    CHECK(num_threads() == 2);
    CHECK(same(work.results(), expected));
  }

  TEST_CASE("threads: the grain of items is what is worth a thread over their cost, and at least one item") {
    using detail::grain_of, detail::worth_a_thread;
    CHECK(grain_of(1) == worth_a_thread);
    CHECK(grain_of(4) == worth_a_thread / 4);
    CHECK(grain_of(worth_a_thread - 1) == 1);
    CHECK(grain_of(worth_a_thread + 1) == 1);
    CHECK(grain_of(0) == worth_a_thread);
    CHECK(grain_of(8, 2 * worth_a_thread) == worth_a_thread / 4);
  }

  TEST_CASE("threads: parts by their sizes cover a range once") {
    const ByTheirSizes scope;
    for (const Index count : {0, 1, 7, 8, 9, 16, 17, 100})
      for (const Index grain : {1, 8, 9}) {
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
        xgrad::detail::parallel_parts(count, grain, 8, [&](Index begin, Index end) {
          CHECK(end - begin <= std::max<Index>(8, grain));
          for (; begin < end; ++begin) ++visits[static_cast<std::size_t>(begin)];
        });
        CHECK(std::all_of(visits.begin(), visits.end(), [](const auto& n) { return n == 1; }));
      }
  }

  TEST_CASE("threads: reproducible products have the same bits at any count") {
    const ByTheirSizes scope;
    CHECK(reproducible());
    manual_seed(5);
    struct Sizes {
      Index batch, rows, inner, columns;
    };
    for (const Sizes& s : std::vector<Sizes>{{1, 64, 300, 64},
                                             {1, 257, 500, 129},
                                             {1, 1, 3000, 900},
                                             {1, 900, 3000, 1},
                                             {1, 33, 1100, 1000},
                                             {1, 600, 1030, 1021},
                                             {1, 700, 64, 700},
                                             {2, 130, 257, 140},
                                             {3, 70, 300, 70},
                                             {40, 30, 50, 40}})
      for (const DType dtype : {float32, float64})
        for (const bool ta : {false, true})
          for (const bool tb : {false, true}) {
            const auto shape = [&](Index m, Index n, bool turned) {
              Shape result;
              if (s.batch > 1) result.push_back(s.batch);
              result.push_back(turned ? n : m);
              result.push_back(turned ? m : n);
              return result;
            };
            const Shape left = shape(s.rows, s.inner, ta), right = shape(s.inner, s.columns, tb);
            CAPTURE(to_string(left));
            CAPTURE(to_string(right));
            const Tensor a = normal(left, 0, 1, dtype), b = normal(right, 0, 1, dtype);
            Tensor first;
            for (const int count : {1, 2, 3, 4, 5}) {
              CAPTURE(count);
              const Threads threads(count);
              const Tensor product = kernels::matmul(a, b, ta, tb);
              if (!first.defined()) first = product;
              CHECK(same_bits(product, first));
            }
          }
  }

  TEST_CASE("threads: reproducible convolutions have the same bits at any count, both gradients included") {
    const ByTheirSizes scope;
    RandomTensors random(6);
    for (const Convolution& c :
         {square(8, 28, 3, 1, 1, 1, 32), square(5, 14, 3, 1, 1, 32, 64), square(4, 15, 3, 2, 1, 40, 33),
          square(7, 14, 1, 1, 0, 64, 128), square(3, 16, 1, 2, 0, 20, 40), square(2, 32, 7, 2, 3, 3, 64),
          square(6, 20, 3, 1, 1, 32, 32, 32), square(4, 14, 3, 2, 1, 32, 64, 4),
          square(1, 40, 5, 1, 2, 8, 8)})
      for (const DType dtype : {float32, float64}) {
        CAPTURE(to_string(c.x()));
        CAPTURE(to_string(c.weight()));
        const Tensor x = random(c.x(), dtype), weight = random(c.weight(), dtype),
                     bias = random({c.out}, dtype), gradient = random(c.y(), dtype);
        std::vector<Tensor> first;
        for (const int count : {1, 2, 3, 4, 5}) {
          CAPTURE(count);
          const Threads threads(count);
          const std::vector<Tensor> all{kernels::conv2d(x, weight, bias, c),
                                        kernels::conv2d_input_gradient(gradient, weight, c),
                                        kernels::conv2d_weight_gradient(gradient, x, c)};
          if (first.empty()) first = all;
          for (std::size_t pass = 0; pass < all.size(); ++pass) {
            CAPTURE(pass);
            CHECK(same_bits(all[pass], first[pass]));
          }
          if (dtype == float32 && count == 1) {
            // Parted or not, it is the same convolution.
            set_reproducible(false);
            CHECK(allclose(all[0], kernels::conv2d(x, weight, bias, c), {.rtol = 1e-3, .atol = 1e-3}));
            CHECK(allclose(all[2], kernels::conv2d_weight_gradient(gradient, x, c),
                           {.rtol = 1e-3, .atol = 2e-2}));
            set_reproducible(true);
          }
        }
      }
  }

  TEST_CASE("threads: a reproducible training step of layers has the same bits at any count") {
    const ByTheirSizes scope;
    for (const DType dtype : {float32, float64}) {
      std::vector<Tensor> first;
      for (const int count : {1, 2, 3, 5}) {
        CAPTURE(count);
        const Threads threads(count);
        manual_seed(1);
        nn::LSTM lstm(24, 48);
        nn::GRU gru(48, 40);
        nn::MultiheadAttention attention(40, 4);
        nn::Linear last(40, 30);
        for (nn::Module* module : std::initializer_list<nn::Module*>{&lstm, &gru, &attention, &last})
          module->to(dtype);
        const Variable x(normal({20, 37, 24}, 0, 1, dtype), {.requires_grad = true});
        const Variable middle = gru(lstm(x));
        Variable y = last(attention(middle));
        sum(y * y).backward();
        std::vector<Tensor> all{y.value(), x.grad().value()};
        for (nn::Module* module : std::initializer_list<nn::Module*>{&lstm, &gru, &attention, &last})
          for (const Variable& parameter : module->parameters()) all.push_back(parameter.grad().value());
        if (first.empty()) first = all;
        REQUIRE(all.size() == first.size());
        for (std::size_t i = 0; i < all.size(); ++i) {
          CAPTURE(i);
          CHECK(same_bits(all[i], first[i]));
        }
      }
    }
  }
}

TEST_SUITE("threads") {
  TEST_CASE("parallel: ranges cover everything once, exceptions arrive, regions do not nest") {
    CHECK_THROWS_AS(set_num_threads(0), ValueError);
    const Threads threads(4);
    CHECK(num_threads() == 4);
    for (Index count : {0, 1, 7, 8, 1000, 4097}) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
      detail::parallel_for(count, 2, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
      });
      CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& n) { return n == 1; }));
    }
    std::atomic<int> calls{0}, inner_calls{0};
    detail::parallel_for(4, 1, [&](Index, Index) {
      ++calls;
      detail::parallel_for(100, 1, [&](Index, Index) { ++inner_calls; });
    });
    CHECK(calls == 4);
    CHECK(inner_calls == 4);
    calls = 0;
    detail::parallel_for(10, 6, [&](Index, Index) { ++calls; });
    CHECK(calls == 1);
    CHECK_THROWS_WITH_AS(detail::parallel_for(100, 1,
                                              [](Index begin, Index end) {
                                                if (begin <= 60 && 60 < end) throw std::out_of_range("sixty");
                                              }),
                         "sixty", std::out_of_range);
  }
}
