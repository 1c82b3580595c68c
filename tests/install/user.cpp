// A user's program, built from the installed headers and pkg-config alone: a formula of its own is
// differentiated, and an error of the library is caught by its type.
#include <iostream>
#include <xgrad/xgrad.hpp>

int main() {
  using namespace xgrad;
  Variable x(Tensor{{1.0, 2.0}, {3.0, 4.0}}, {.requires_grad = true});
  Variable y = sum(map(
                       "cube", [](auto v) { return v * v * v; }, x) +
                   x);
  y.backward();
  const CheckResult right = allclose(x.grad().value(), Tensor{{4.0, 13.0}, {28.0, 49.0}});
  if (!right) {
    std::cerr << right << '\n';
    return 1;
  }
  try {
    y = matmul(x, Tensor{1.0, 2.0, 3.0});
  } catch (const ShapeError& error) {
    std::cout << error.what() << '\n';
    return 0;
  }
  std::cerr << "no ShapeError from a product of (2, 2) and (3)\n";
  return 1;
}
