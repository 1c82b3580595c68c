// Lanes: runs of every length, and constants, which fit any of them.
#include <xgrad/vmath/lanes.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace xgrad;

TEST_CASE_TEMPLATE("lanes: a formula gives the same for every number of elements", T, float, double) {
  const auto formula = [](const Lanes<T>& x) {
    return where(x > 0, sigmoid(x) * maximum(x, 0.5), 1 - x / (2 + x * x)) + tanh(x) - softplus(-x);
  };
  std::vector<T> x(Lanes<T>::width), all(x.size()), some(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(0.37 * static_cast<double>(i % 17) - 3);
  formula(Lanes<T>::load(x.data(), Lanes<T>::width)).store(all.data(), Lanes<T>::width);
  for (Index n = 1; n <= Lanes<T>::width; ++n) {
    std::fill(some.begin(), some.end(), T{-7});
    formula(Lanes<T>::load(x.data(), n)).store(some.data(), n);
    for (Index i = 0; i < Lanes<T>::width; ++i) {
      const auto k = static_cast<std::size_t>(i);
      CHECK(some[k] == doctest::Approx(i < n ? all[k] : T{-7}).epsilon(1e-6));
    }
  }
}

TEST_CASE_TEMPLATE("lanes: functions of a constant fill every lane", T, float, double) {
  const Lanes<T> constant(2.0), sum = exp(constant) + pow(constant, 3) * constant;
  std::vector<T> out(Lanes<T>::width), x(out.size(), T{1});
  (Lanes<T>::load(x.data(), Lanes<T>::width) * sum).store(out.data(), Lanes<T>::width);
  for (const T value : out) CHECK(value == doctest::Approx(std::exp(2.0) + 16).epsilon(1e-6));
}
