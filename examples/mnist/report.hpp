// What a classifier confuses, in words.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <array>
#include <string>

/// Ten classes as the report calls them.
using ClassNames = std::array<std::string, 10>;

/// The three classes that are recognised least, a line each, with what they are most often taken for;
/// `predictions` and `labels` are int64 (N,).
std::string confusion_summary(const xgrad::Tensor& predictions, const xgrad::Tensor& labels,
                              const ClassNames& names);
