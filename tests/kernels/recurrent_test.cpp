// The recurrent passes against their definition, step by step, and back through time.
#include "support/reference.hpp"

#include <xgrad/kernels/recurrent.hpp>

using namespace xgrad;
using namespace xgrad::test;

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double close(DType dtype) { return dtype == float32 ? 5e-5 : 1e-12; }

struct Sizes {
  Index steps, batch, features;
};
const std::vector<Sizes> all_sizes{{1, 1, 1},  {3, 2, 1}, {5, 4, 3}, {7, 1, 16}, {2, 33, 5},
                                   {6, 9, 40}, {0, 2, 3}, {3, 0, 4}, {3, 2, 0}};

/// Small enough that states do not run apart from a rounding on.
Tensor weights(RandomTensors& random, Index rows, Index features, DType dtype) {
  Tensor w = random({rows, features}, float64);
  for (double& v : w.mutable_span<double>()) v /= 2 * std::sqrt(static_cast<double>(features));
  return w.to(dtype);
}

/// The state before step t.
double before(const Naive& states, const Naive& first, Index t, Index n, Index h) {
  return t == 0 ? first[{n, h}] : states[{t - 1, n, h}];
}

/// Row `row` of W times the hidden state of a batch element.
double product(const Naive& weight, Index row, const Naive& states, const Naive& first, Index t, Index n) {
  double sum = 0;
  for (Index j = 0; j < weight.shape[1]; ++j) sum += weight[{row, j}] * before(states, first, t, n, j);
  return sum;
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("lstm kernel: states, gates and gradients are those of the definition") {
    RandomTensors random(1);
    for (const DType dtype : {float32, float64})
      for (const auto& sizes : all_sizes) {
        const Index T = sizes.steps, N = sizes.batch, H = sizes.features;
        CAPTURE(T);
        CAPTURE(N);
        CAPTURE(H);
        const Tensor projected = random({T, N, 4 * H}, dtype), hidden = random({N, H}, dtype),
                     cell = random({N, H}, dtype), weight = weights(random, 4 * H, H, dtype);
        const Naive x(projected), h0(hidden), c0(cell), w(weight);
        Naive h(Shape{T, N, H}), c(h), gates(x.shape);
        for (Index t = 0; t < T; ++t)
          for (Index n = 0; n < N; ++n)
            for (Index k = 0; k < H; ++k) {
              for (Index gate = 0; gate < 4; ++gate) {
                const Index row = gate * H + k;
                const double v = x[{t, n, row}] + product(w, row, h, h0, t, n);
                gates[{t, n, row}] = gate == 2 ? std::tanh(v) : sigmoid(v);
              }
              c[{t, n, k}] =
                  gates[{t, n, H + k}] * before(c, c0, t, n, k) + gates[{t, n, k}] * gates[{t, n, 2 * H + k}];
              h[{t, n, k}] = gates[{t, n, 3 * H + k}] * std::tanh(c[{t, n, k}]);
            }
        const auto pass = kernels::lstm(projected, hidden, cell, weight);
        check_equal(pass.hidden, h, close(dtype));
        check_equal(pass.cells, c, close(dtype));
        check_equal(pass.gates, gates, close(dtype));

        for (const int given : {0, 1, 2}) {  // the gradients of both states, or of one alone
          CAPTURE(given);
          const Tensor to_h = given == 2 ? Tensor() : random({T, N, H}, dtype),
                       to_c = given == 1 ? Tensor() : random({T, N, H}, dtype);
          const Naive dh = to_h.defined() ? Naive(to_h) : Naive(h.shape),
                      dc = to_c.defined() ? Naive(to_c) : Naive(h.shape);
          Naive dx(x.shape), dh0(h0.shape), dc0(h0.shape), dw(w.shape);
          for (Index n = 0; n < N; ++n) {
            std::vector<double> later_h(static_cast<std::size_t>(H)), later_c(later_h);
            for (Index t = T; t-- > 0;) {
              std::vector<double> earlier_h(later_h.size());
              for (Index k = 0; k < H; ++k) {
                const auto at = static_cast<std::size_t>(k);
                const double i = gates[{t, n, k}], f = gates[{t, n, H + k}], g = gates[{t, n, 2 * H + k}],
                             o = gates[{t, n, 3 * H + k}], squashed = std::tanh(c[{t, n, k}]);
                const double arriving = dh[{t, n, k}] + later_h[at];
                const double through = dc[{t, n, k}] + later_c[at] + arriving * o * (1 - squashed * squashed);
                const double slopes[4] = {through * g * i * (1 - i),
                                          through * before(c, c0, t, n, k) * f * (1 - f),
                                          through * i * (1 - g * g), arriving * squashed * o * (1 - o)};
                for (Index gate = 0; gate < 4; ++gate) {
                  const Index row = gate * H + k;
                  dx[{t, n, row}] = slopes[gate];
                  for (Index j = 0; j < H; ++j) {
                    earlier_h[static_cast<std::size_t>(j)] += slopes[gate] * w[{row, j}];
                    dw[{row, j}] += slopes[gate] * before(h, h0, t, n, j);
                  }
                }
                later_c[at] = through * f;
              }
              later_h = earlier_h;
            }
            for (Index k = 0; k < H; ++k) {
              dh0[{n, k}] = later_h[static_cast<std::size_t>(k)];
              dc0[{n, k}] = later_c[static_cast<std::size_t>(k)];
            }
          }
          const auto back = kernels::lstm_backward(pass, hidden, cell, weight, to_h, to_c);
          check_equal(back.projected, dx, 20 * close(dtype));
          check_equal(back.hidden, dh0, 20 * close(dtype));
          check_equal(back.cell, dc0, 20 * close(dtype));
          check_equal(back.weight, dw, 20 * close(dtype));
        }
      }
  }

  TEST_CASE("gru kernel: states, gates and gradients are those of the definition") {
    RandomTensors random(2);
    for (const DType dtype : {float32, float64})
      for (const auto& sizes : all_sizes)
        for (const bool biased : {false, true}) {
          const Index T = sizes.steps, N = sizes.batch, H = sizes.features;
          CAPTURE(T);
          CAPTURE(N);
          CAPTURE(H);
          CAPTURE(biased);
          const Tensor projected = random({T, N, 3 * H}, dtype), hidden = random({N, H}, dtype),
                       weight = weights(random, 3 * H, H, dtype),
                       bias = biased ? random({3 * H}, dtype) : Tensor(), to_h = random({T, N, H}, dtype);
          const Naive x(projected), h0(hidden), w(weight), dh(to_h),
              b = biased ? Naive(bias) : Naive(Shape{3 * H});
          Naive h(Shape{T, N, H}), gates(Shape{T, N, 4 * H});
          for (Index t = 0; t < T; ++t)
            for (Index n = 0; n < N; ++n)
              for (Index k = 0; k < H; ++k) {
                const auto share = [&](Index gate) {
                  return product(w, gate * H + k, h, h0, t, n) + b[{gate * H + k}];
                };
                const double r = sigmoid(x[{t, n, k}] + share(0)), z = sigmoid(x[{t, n, H + k}] + share(1)),
                             s = share(2), fresh = std::tanh(x[{t, n, 2 * H + k}] + r * s);
                gates[{t, n, k}] = r;
                gates[{t, n, H + k}] = z;
                gates[{t, n, 2 * H + k}] = s;
                gates[{t, n, 3 * H + k}] = fresh;
                h[{t, n, k}] = (1 - z) * fresh + z * before(h, h0, t, n, k);
              }
          const auto pass = kernels::gru(projected, hidden, weight, bias);
          check_equal(pass.hidden, h, close(dtype));
          check_equal(pass.gates, gates, 4 * close(dtype));

          Naive dx(x.shape), dh0(h0.shape), dw(w.shape), db(b.shape);
          for (Index n = 0; n < N; ++n) {
            std::vector<double> later(static_cast<std::size_t>(H));
            for (Index t = T; t-- > 0;) {
              std::vector<double> earlier(later.size());
              for (Index k = 0; k < H; ++k) {
                const double r = gates[{t, n, k}], z = gates[{t, n, H + k}], s = gates[{t, n, 2 * H + k}],
                             fresh = gates[{t, n, 3 * H + k}];
                const double arriving = dh[{t, n, k}] + later[static_cast<std::size_t>(k)];
                const double to_fresh = arriving * (1 - z) * (1 - fresh * fresh);
                const double inputs[3] = {to_fresh * s * r * (1 - r),
                                          arriving * (before(h, h0, t, n, k) - fresh) * z * (1 - z),
                                          to_fresh},
                             shares[3] = {inputs[0], inputs[1], to_fresh * r};
                earlier[static_cast<std::size_t>(k)] += arriving * z;
                for (Index gate = 0; gate < 3; ++gate) {
                  const Index row = gate * H + k;
                  dx[{t, n, row}] = inputs[gate];
                  db[{row}] += shares[gate];
                  for (Index j = 0; j < H; ++j) {
                    earlier[static_cast<std::size_t>(j)] += shares[gate] * w[{row, j}];
                    dw[{row, j}] += shares[gate] * before(h, h0, t, n, j);
                  }
                }
              }
              later = earlier;
            }
            for (Index k = 0; k < H; ++k) dh0[{n, k}] = later[static_cast<std::size_t>(k)];
          }
          const auto back = kernels::gru_backward(pass, hidden, weight, to_h);
          check_equal(back.projected, dx, 20 * close(dtype));
          check_equal(back.hidden, dh0, 20 * close(dtype));
          check_equal(back.weight, dw, 20 * close(dtype));
          check_equal(back.bias, db, 20 * close(dtype));
        }
  }
}

TEST_SUITE("threads") {
  TEST_CASE("recurrent kernels: reproducible passes have the same bits on any number of threads") {
    RandomTensors random(3);
    const Index T = 6, N = 40, H = 48;
    const Tensor four = random({T, N, 4 * H}), three = random({T, N, 3 * H}), h = random({N, H}),
                 c = random({N, H}), w4 = random({4 * H, H}), w3 = random({3 * H, H}), g = random({T, N, H});
    const ByTheirSizes scope_of_all;
    const auto results = [&](int threads) {
      const Threads scope(threads);
      const auto lstm = kernels::lstm(four, h, c, w4);
      const auto lstm_back = kernels::lstm_backward(lstm, h, c, w4, g, {});
      const auto gru = kernels::gru(three, h, w3, {});
      const auto gru_back = kernels::gru_backward(gru, h, w3, g);
      return std::vector<Tensor>{lstm.hidden, lstm.cells, lstm_back.projected, gru.hidden,
                                 gru_back.projected};
    };
    const auto one = results(1), three_threads = results(3);
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], three_threads[i]));
  }
}
