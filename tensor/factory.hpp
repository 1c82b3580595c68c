// Tensors made from a rule rather than from data.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

XGRAD_API_BEGIN
namespace xgrad {

/// Every element 0, 1 or `value`.
Tensor zeros(const Shape& shape, DType dtype = float32, Place place = Place::here());
Tensor ones(const Shape& shape, DType dtype = float32, Place place = Place::here());
Tensor full(const Shape& shape, Scalar value, DType dtype = float32, Place place = Place::here());
/// A tensor of shape (). Without a dtype: int64 for integers, boolean for bool, float32 otherwise.
Tensor scalar(Scalar value, Place place = Place::here());
Tensor scalar(Scalar value, DType dtype, Place place = Place::here());
/// start, start + step, ... below `stop` (above it for a negative step). int64 when all three are integers,
/// float32 otherwise. Throws ValueError when step is 0 or a bound is not finite.
Tensor arange(Scalar start, Scalar stop, Scalar step = 1, Place place = Place::here());
Tensor arange(Scalar start, Scalar stop, Scalar step, DType dtype, Place place = Place::here());
/// 0, 1, ..., stop - 1.
Tensor arange(Scalar stop, Place place = Place::here());
/// `count` evenly spaced values from start to stop, both included. Throws ValueError when count is negative.
Tensor linspace(double start, double stop, Index count, DType dtype = float32, Place place = Place::here());
/// The identity matrix of `rows` x `columns` (square when columns is -1).
Tensor eye(Index rows, Index columns = -1, DType dtype = float32, Place place = Place::here());

/// Throw GraphError when `like` is undefined.
Tensor zeros_like(const Tensor& like, Place place = Place::here());
Tensor ones_like(const Tensor& like, Place place = Place::here());
Tensor full_like(const Tensor& like, Scalar value, Place place = Place::here());

}  // namespace xgrad
XGRAD_API_END
