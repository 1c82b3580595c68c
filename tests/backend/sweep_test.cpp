// Random geometries of convolutions and products, in float32 on small integers, against plain loops: sums of
// small integers are exact, so that every bit must agree whatever computes them. Operands and results lie
// between pages that nobody may touch; workspaces are new for each geometry, so that memory checkers see
// their ends too. XGRAD_SWEEP is the number of geometries of each kind in the slow suite.
#include "support/reference.hpp"

#include "support/guarded.hpp"

#include <xgrad/backend/convolution.hpp>
#include <xgrad/backend/products.hpp>
#include <xgrad/kernels/conv.hpp>
#include <xgrad/kernels/matmul.hpp>

#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>

using namespace xgrad;
using namespace xgrad::test;
using kernels::Convolution;
using kernels::Window;

namespace {

using Values = std::vector<float>;

Values integers(RandomTensors& random, Index count) {
  Values values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(random.integer(-3, 3));
  return values;
}

Tensor tensor_of(const Values& values, const Shape& shape) {
  Tensor result = Tensor::uninitialized(shape, float32);
  std::copy(values.begin(), values.end(), result.mutable_data<float>());
  return result;
}

/// A copy of values between guarded pages; room for a result is filled with NaN.
struct GuardedValues {
  Guarded<float> memory;
  Index count;
  GuardedValues(const Values& values, End end)
      : memory(values.size(), end), count(static_cast<Index>(values.size())) {
    std::copy(values.begin(), values.end(), memory.data());
  }
  static Values unwritten(Index count) { return Values(static_cast<std::size_t>(count), std::nanf("")); }
  Values values() const { return {memory.data(), memory.data() + count}; }
};

std::string difference(const Values& actual, const Values& expected) {
  if (actual.size() != expected.size()) return "sizes differ";
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (!(actual[i] == expected[i]))
      return "element " + std::to_string(i) + ": " + std::to_string(actual[i]) + " for " +
             std::to_string(expected[i]);
  return "";
}

/// Runs f in a thread of its own, whose primitives and workspaces are made anew.
void in_a_new_thread(const std::function<void()>& f) {
  std::exception_ptr error;
  std::thread([&] {
    try {
      f();
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
}

// ------------------------------------------------------------------------------------------- convolutions

std::string named(const Window& w) {
  return std::to_string(w.input) + "/k" + std::to_string(w.kernel) + "/s" + std::to_string(w.stride) + "/p" +
         std::to_string(w.before) + "," + std::to_string(w.after) + "/d" + std::to_string(w.dilation);
}
std::string named(const Convolution& c) {
  return "batch " + std::to_string(c.batch) + ", height " + named(c.height) + ", width " + named(c.width) +
         ", channels " + std::to_string(c.in) + " -> " + std::to_string(c.out) + ", groups " +
         std::to_string(c.groups);
}

/// Calls f(index in x, index in the weight, index in y) for every product of a convolution.
template <class F>
void for_each_product(const Convolution& c, F f) {
  const Index in = c.in / c.groups, out = c.out / c.groups, rows = c.height.output(),
              columns = c.width.output();
  for (Index n = 0; n < c.batch; ++n)
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < columns; ++j)
        for (Index k = 0; k < c.height.kernel; ++k)
          for (Index l = 0; l < c.width.kernel; ++l) {
            const Index row = i * c.height.stride - c.height.before + k * c.height.dilation;
            const Index column = j * c.width.stride - c.width.before + l * c.width.dilation;
            if (row < 0 || row >= c.height.input || column < 0 || column >= c.width.input) continue;
            const Index x = ((n * c.height.input + row) * c.width.input + column) * c.in;
            const Index y = ((n * rows + i) * columns + j) * c.out;
            for (Index o = 0; o < c.out; ++o) {
              const Index w = ((o * c.height.kernel + k) * c.width.kernel + l) * in;
              for (Index ch = 0; ch < in; ++ch) f(x + o / out * in + ch, w + ch, y + o);
            }
          }
}

Window random_window(RandomTensors& random, bool point) {
  Window w;
  do {
    w = {.input = random.integer(1, 9),
         .kernel = random.integer(1, 4),
         .stride = random.integer(1, 3),
         .before = random.integer(0, 2),
         .after = random.integer(0, 2),
         .dilation = random.integer(0, 3) == 0 ? random.integer(2, 3) : 1};
    if (point) w.kernel = w.dilation = 1, w.before = w.after = 0;
    // Sizes that are a multiple of the stride, which a kernel of 1 parts into equal cells.
    if (point && random.integer(0, 3) != 0) w.input = w.stride * random.integer(1, 4);
    // As a transposed convolution has it, whose last pixels no window reaches.
    if (!point && random.integer(0, 5) == 0) w.after = -random.integer(1, 2);
  } while (w.extent() > w.padded() || w.padded() < 1);
  return w;
}

Convolution random_convolution(RandomTensors& random) {
  const bool point = random.integer(0, 2) == 0;
  Convolution c{random.integer(1, 3),  random_window(random, point), random_window(random, point),
                random.integer(1, 17), random.integer(1, 17),        1};
  switch (random.integer(0, 5)) {
    case 0:
      c.groups = random.integer(2, 3);
      c.in = (c.in + 1) / 2 * c.groups;
      c.out = (c.out + 1) / 2 * c.groups;
      break;
    case 1:
      c.groups = c.out = c.in;
      break;
    default:
      break;
  }
  return c;
}

void check_convolution(RandomTensors& random) {
  const Convolution c = random_convolution(random);
  const auto end = random.integer(0, 2) == 0 ? End::front : End::back;
  const Values x = integers(random, c.x().count()), weight = integers(random, c.weight().count()),
               gradient = integers(random, c.y().count()), bias = integers(random, c.out);
  std::vector<double> y(gradient.size()), to_x(x.size()), to_weight(weight.size());
  for_each_product(c, [&](Index i, Index w, Index j) {
    const auto at = [](Index index) { return static_cast<std::size_t>(index); };
    y[at(j)] += double{x[at(i)]} * double{weight[at(w)]};
    to_x[at(i)] += double{gradient[at(j)]} * double{weight[at(w)]};
    to_weight[at(w)] += double{x[at(i)]} * double{gradient[at(j)]};
  });
  const auto single = [](const std::vector<double>& values) { return Values(values.begin(), values.end()); };
  const bool biased = random.integer(0, 1) == 0;
  if (biased)
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += double{bias[i % static_cast<std::size_t>(c.out)]};
  const std::array<Values, 3> expected{single(y), single(to_x), single(to_weight)};

  for (const int threads : {1, 2}) {
    const Threads scope(threads);
    in_a_new_thread([&] {
      const std::string where = named(c) + ", threads " + std::to_string(threads);
      CAPTURE(where);
      // Each pass as the library computes it.
      const Tensor tx = tensor_of(x, c.x()), tw = tensor_of(weight, c.weight()),
                   tg = tensor_of(gradient, c.y());
      const std::array<Tensor, 3> results{
          kernels::conv2d(tx, tw, biased ? tensor_of(bias, {c.out}) : Tensor(), c),
          kernels::conv2d_input_gradient(tg, tw, c), kernels::conv2d_weight_gradient(tg, tx, c)};
      for (std::size_t pass = 0; pass < 3; ++pass) {
        CAPTURE(pass);
        const float* data = results[pass].data<float>();
        CHECK(difference({data, data + results[pass].count()}, expected[pass]) == "");
      }
      // And as oneDNN does where it is used, between guarded pages.
      const GuardedValues gx(x, end), gw(weight, end), gg(gradient, end), gb(bias, end);
      using backend::Pass;
      const std::array<Pass, 3> passes{Pass::forward, Pass::input_gradient, Pass::weight_gradient};
      for (std::size_t pass = 0; pass < 3; ++pass) {
        CAPTURE(pass);
        const GuardedValues result(GuardedValues::unwritten(static_cast<Index>(expected[pass].size())), end);
        const bool forward = pass == 0, to_weights = pass == 2;
        if (backend::convolve(passes[pass], c, forward ? gx.memory.data() : gg.memory.data(),
                              to_weights ? gx.memory.data() : gw.memory.data(),
                              forward && biased ? gb.memory.data() : nullptr, result.memory.data()))
          CHECK(difference(result.values(), expected[pass]) == "");
      }
    });
  }
}

// ------------------------------------------------------------------------------------------------ products

struct Layout {
  Index rows, columns, stride, step;
  Index count(Index batch) const { return (batch - 1) * step + (rows - 1) * stride + columns; }
};

void check_product(RandomTensors& random) {
  const auto size = [&] {
    switch (random.integer(0, 3)) {
      case 0:
        return random.integer(1, 17);
      case 1:
        return random.integer(60, 70);
      default:
        return random.integer(1, 45);
    }
  };
  const bool ta = random.integer(0, 1) == 0, tb = random.integer(0, 1) == 0;
  const Index m = size(), n = size(), k = size(),
              batch = random.integer(0, 2) == 0 ? random.integer(2, 4) : 1;
  const auto layout = [&](Index rows, Index columns, bool repeats) {
    const Index stride = columns + (random.integer(0, 2) == 0 ? random.integer(1, 9) : 0);
    return Layout{rows, columns, stride,
                  repeats && random.integer(0, 3) == 0 ? 0 : rows * stride + random.integer(0, 1) * 5};
  };
  const Layout la = layout(ta ? k : m, ta ? m : k, true), lb = layout(tb ? n : k, tb ? k : n, true),
               lc = layout(m, n, false);
  const Values a = integers(random, la.count(batch)), b = integers(random, lb.count(batch)),
               c = integers(random, lc.count(batch)), bias = integers(random, n);
  const Index kind = random.integer(0, 2);
  const float beta = kind == 0 ? 1 : 0;
  const bool biased = kind == 1;
  Values expected = c;
  const auto at = [](Index index) { return static_cast<std::size_t>(index); };
  for (Index i = 0; i < batch; ++i)
    for (Index row = 0; row < m; ++row)
      for (Index column = 0; column < n; ++column) {
        float& to = expected[at(i * lc.step + row * lc.stride + column)];
        double sum = kind == 0 ? double{to} : kind == 1 ? double{bias[at(column)]} : 0.0;
        for (Index j = 0; j < k; ++j)
          sum += double{a[at(i * la.step + (ta ? j * la.stride + row : row * la.stride + j))]} *
                 double{b[at(i * lb.step + (tb ? column * lb.stride + j : j * lb.stride + column))]};
        to = static_cast<float>(sum);
      }
  const auto end = random.integer(0, 2) == 0 ? End::front : End::back;
  const std::string geometry =
      "(" + std::to_string(m) + ", " + std::to_string(k) + ") x (" + std::to_string(k) + ", " +
      std::to_string(n) + "), transposed " + std::to_string(ta) + std::to_string(tb) + ", strides " +
      std::to_string(la.stride) + " " + std::to_string(lb.stride) + " " + std::to_string(lc.stride) +
      ", batch " + std::to_string(batch) + " steps " + std::to_string(la.step) + " " +
      std::to_string(lb.step) + " " + std::to_string(lc.step) + ", kind " + std::to_string(kind);
  for (const int threads : {1, 2})
    for (const bool by_sizes : {false, true}) {
      const Threads scope(threads);
      set_reproducible(by_sizes);
      in_a_new_thread([&] {
        const std::string where =
            geometry + ", threads " + std::to_string(threads) + (by_sizes ? ", reproducible" : "");
        CAPTURE(where);
        const GuardedValues ga(a, end), gb(b, end), gbias(bias, end);
        const auto check = [&]<class T>(std::type_identity<T>, bool packs) {
          // What stands between the rows of c must stay, NaN is no value to add to.
          Values start = c;
          if (kind != 0)
            for (Index i = 0; i < batch; ++i)
              for (Index row = 0; row < m; ++row)
                std::fill_n(start.begin() + (i * lc.step + row * lc.stride), n, std::nanf(""));
          const auto converted = [&](const float* from, Index count) {
            auto memory = std::make_unique<Guarded<T>>(static_cast<std::size_t>(count), end);
            std::copy_n(from, count, memory->data());
            return memory;
          };
          const auto pa = converted(ga.memory.data(), ga.count), pb = converted(gb.memory.data(), gb.count),
                     pbias = converted(gbias.memory.data(), gbias.count),
                     pc = converted(start.data(), static_cast<Index>(start.size()));
          backend::Product<T> p{.transpose_a = ta,
                                .transpose_b = tb,
                                .rows = m,
                                .columns = n,
                                .inner = k,
                                .a = pa->data(),
                                .lda = la.stride,
                                .b = pb->data(),
                                .ldb = lb.stride,
                                .beta = static_cast<T>(beta),
                                .c = pc->data(),
                                .ldc = lc.stride,
                                .bias = biased ? pbias->data() : nullptr,
                                .batch = batch,
                                .step_a = la.step,
                                .step_b = lb.step,
                                .step_c = lc.step};
          backend::multiply(p, packs ? backend::pack(p) : backend::Packed());
          CHECK(difference(Values(pc->data(), pc->data() + start.size()), expected) == "");
        };
        check(std::type_identity<float>(), false);
        if (batch == 1) check(std::type_identity<float>(), true);
        check(std::type_identity<double>(), false);
      });
      set_reproducible(false);
    }
}

void sweep(void (*check)(RandomTensors&), unsigned seed, Index count) {
  for (Index i = 0; i < count; ++i) {
    const unsigned own = seed + static_cast<unsigned>(i);
    CAPTURE(own);
    RandomTensors random(own);
    check(random);
  }
}

Index many() {
  const char* given = std::getenv("XGRAD_SWEEP");
  return given != nullptr ? std::atoi(given) : 3000;
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("sweep: the weight's gradient of strided points, of fewer channels than a vector holds") {
    for (const auto& [batch, input, in, out] : std::vector<std::array<Index, 4>>{
             {32, 32, 4, 8}, {2, 8, 3, 16}, {1, 4, 1, 1}, {3, 6, 7, 9}, {2, 8, 9, 16}, {2, 8, 15, 5}})
      for (const int threads : {1, 2}) {
        const Index channels = in;
        CAPTURE(channels);
        const Window w{.input = input, .kernel = 1, .stride = 2};
        const Convolution c{batch, w, w, in, out, 1};
        const Threads scope(threads);
        const auto ones = [](const Shape& shape) {
          return tensor_of(Values(static_cast<std::size_t>(shape.count()), 1.0f), shape);
        };
        const Tensor g = kernels::conv2d_weight_gradient(ones(c.y()), ones(c.x()), c);
        const auto sum = static_cast<double>(batch * (input / 2) * (input / 2));
        check_equal(g, Naive(c.weight(), sum));
      }
  }

  TEST_CASE("sweep: random convolutions are exact on small integers") { sweep(check_convolution, 1000, 120); }
  TEST_CASE("sweep: random products are exact on small integers") { sweep(check_product, 2000, 80); }

  TEST_CASE("sweep: turned products are exact on small integers") {
    RandomTensors random(7);
    for (const auto& [rows, inner, columns] :
         std::vector<std::array<Index, 3>>{{20, 1100, 1000}, {17, 1030, 1021}, {64, 1024, 300}}) {
      const Index length = rows;
      CAPTURE(length);
      const Values a = integers(random, inner * rows), b = integers(random, inner * columns);
      const Tensor x = tensor_of(a, {inner, rows}), y = tensor_of(b, {inner, columns});
      const Tensor single = kernels::matmul(x, y, true, false),
                   real = kernels::matmul(x.to(float64), y.to(float64), true, false);
      check_equal(single, Naive(real));
    }
  }
}

TEST_SUITE("slow") {
  TEST_CASE("sweep: thousands of convolutions") { sweep(check_convolution, 100000, many()); }
  TEST_CASE("sweep: thousands of products") { sweep(check_product, 200000, many()); }
}
