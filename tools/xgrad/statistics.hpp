// What `xgrad show` says of the elements of a tensor.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <optional>

struct Statistics {
  /// Of all elements that are numbers, infinities included; none where there is no number.
  std::optional<xgrad::Scalar> min = {}, max = {};
  std::optional<double> mean = {};
  xgrad::Index nan = 0;  ///< elements that are not numbers
};

/// The mean is summed in double precision block by block, with the rounding error of the sum of blocks added
/// again; that of integers is the exact sum, rounded once or twice. Finite numbers have a finite mean.
Statistics statistics_of(const xgrad::Tensor& tensor);
