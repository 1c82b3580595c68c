// A differentiable function of one's own, twice: as a one-line formula, and with its backward written by
// hand.
#include <xgrad/xgrad.hpp>

#include <iostream>

using namespace xgrad;

// map() turns a formula into a forward loop, a backward loop and the higher derivatives.
Variable swish(const Operand& x) {
  return map(
      "swish", [](auto v) { return v / (1 + exp(-v)); }, x);
}

// A Function names what it saves and computes its gradients itself: log(sum(exp(x))) of a vector.
const Function log_sum_exp(
    "log_sum_exp",
    [](FunctionForward& f, const std::vector<Variable>& inputs) {
      const Variable& x = inputs[0];
      const Variable highest = amax(x);
      const Variable result = highest + log(sum(exp(x - highest)));
      f.save(x);
      f.save(result);
      return std::vector{result};
    },
    [](const FunctionBackward& b) {
      const Variable x = b.saved(0), result = b.saved(1);
      return std::vector{b.gradient() * exp(x - result)};
    });

bool report(const char* what, const CheckResult& result) {
  std::cout << what << ": " << (result ? "passed" : result.text) << '\n';
  return result.passed;
}

int main() {
  const Tensor x = uniform({5}, -2, 2, float64);
  std::cout << "x              = " << x << '\n'
            << "swish(x)       = " << swish(x) << '\n'
            << "log_sum_exp(x) = " << log_sum_exp(x) << "\n\n";

  bool passed = true;
  passed &= report("swish, first order", gradcheck([](const Variable& v) { return swish(v); }, x));
  passed &= report("swish, second order", gradgradcheck([](const Variable& v) { return swish(v); }, x));
  passed &=
      report("log_sum_exp, first order", gradcheck([](const Variable& v) { return log_sum_exp(v); }, x));
  passed &=
      report("log_sum_exp, second order", gradgradcheck([](const Variable& v) { return log_sum_exp(v); }, x));
  return passed ? 0 : 1;
}
