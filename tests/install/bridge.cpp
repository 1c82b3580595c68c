// A user's program that hands arrays of xtensor in and out.
#include <iostream>
#include <xgrad/tensor/xtensor.hpp>
#include <xgrad/xgrad.hpp>
#include <xtensor/xarray.hpp>

int main() {
  const xt::xarray<double> given{{1.0, 2.0}, {3.0, 4.0}};
  const xgrad::Tensor twice = 2 * given;
  if (twice.array<double>()(1, 0) == 6.0 && twice.shape() == xgrad::Shape{2, 2}) return 0;
  std::cerr << "2 * {{1, 2}, {3, 4}} became " << to_string(twice) << '\n';
  return 1;
}
