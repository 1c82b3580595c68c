// How well clusters agree with classes. Labels are int64, uint8 or boolean, of any values, one for each
// example.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

XGRAD_API_BEGIN
namespace xgrad::train {

/// The part of examples that are of the commonest class of their cluster (Manning, Raghavan and Schuetze,
/// "Introduction to Information Retrieval", 2008, 16.3). Throws ShapeError where the shapes differ,
/// DTypeError on labels that are no integers, ValueError where there are none.
[[nodiscard]] double purity(const Tensor& classes, const Tensor& clusters, Place place = Place::here());

/// The adjusted Rand index (Hubert and Arabie, "Comparing partitions", 1985): the part of pairs that both
/// sides judge alike, moved and scaled so that 1 is agreement and 0 what chance gives. Throws as purity().
[[nodiscard]] double adjusted_rand_index(const Tensor& classes, const Tensor& clusters,
                                         Place place = Place::here());

}  // namespace xgrad::train
XGRAD_API_END
