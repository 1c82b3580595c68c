// Datasets of HDF5 files. Not in <xgrad/xgrad.hpp>, and in a library of its own, xgrad-hdf5
// (libxgrad_hdf5.so): HDF5 brings dozens of others along, which programs without such files need not load.
// Beware: HDF5 itself may crash on a file that was made to do so; read no files that you do not trust. What
// can be checked from here is: sizes before memory is taken, and that all data are in this one file.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <string>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::data {

/// The datasets of a file, as "group/name", sorted. Throws IoError, FormatError with HDF5's own text on a
/// file that it cannot read, NotImplementedError where the library was built without HDF5.
[[nodiscard]] std::vector<std::string> hdf5_datasets(const std::string& path, Place place = Place::here());

/// One dataset: uint8, float32 and float64 stay, float16 becomes float32, other integers int64, h5py's
/// booleans boolean. Throws as hdf5_datasets(); ValueError naming the datasets there are, DTypeError on
/// strings, compounds and other types, FormatError on a number beyond int64 and on data in another file. One
/// call at a time goes to HDF5, whichever thread it is from.
[[nodiscard]] Tensor read_hdf5(const std::string& path, const std::string& dataset,
                               Place place = Place::here());

}  // namespace xgrad::data
XGRAD_API_END
