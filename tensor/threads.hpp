// Threads: how many the library uses, and what is bitwise the same with any number of them.
// Defined in parallel.cpp.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/error.hpp>

XGRAD_API_BEGIN
namespace xgrad {

/// Threads that one operation may use, the caller included; at first as many as OpenMP gives. An operation
/// under way keeps its number. Throws ValueError below 1; and above 1 in a process that was forked off once
/// the library had started threads: those do not exist there, and it works on one.
void set_num_threads(int threads, Place place = Place::here());
[[nodiscard]] int num_threads();

/// While set, in the whole process, matrix products, convolutions and recurrent layers are parted among
/// threads by their sizes alone: with any number of threads the same bits, at a cost that docs/semantics.md
/// names. All other operations always have this property.
void set_reproducible(bool on);
bool reproducible();

}  // namespace xgrad
XGRAD_API_END
