#!/usr/bin/env python3
"""Writes hdf5.hpp beside this file: an HDF5 file with a dataset of every type, made by h5py 3.7."""

import io
import pathlib

import h5py
import numpy as np

out = io.BytesIO()
with h5py.File(out, "w", libver="latest", track_order=False) as file:
    grid = np.array([[0, 1, 2], [3, 4, 5]])
    for name in ("u1", "i1", "<i2", ">i2", "u2", "i4", "u4", "i8", "u8", "f2", "<f4", ">f4", "f8"):
        file["numbers/" + name] = grid.astype(name)
    file["negative"] = np.array([-(2**63), -1], "i8")
    file["beyond"] = np.array([1, 2**63], "u8")
    file["boolean"] = np.array([True, False])
    file["scalar"] = np.float64(1.5)
    file["empty"] = np.zeros((0, 3), "f4")
    file.create_dataset("packed", data=np.zeros((64, 64), "u1") + 7, chunks=(64, 64), compression="gzip")
    file.create_dataset("unwritten", shape=(4,), dtype="f4", fillvalue=2.5)
    file.create_dataset("holes", shape=(1 << 40,), dtype="u1", chunks=(16,))
    file["strings"] = ["a", "bc"]
    file["compound"] = np.zeros(2, [("a", "i4"), ("b", "f4")])
    file["complex"] = np.zeros(2, "c8")
    file["enumeration"] = np.zeros(2, h5py.enum_dtype({"RED": 0, "BLUE": 1}, "u1"))
    file["long"] = np.zeros(2, np.longdouble)
    file["axes"] = np.zeros([1] * 9, "u1")
    file["nothing"] = h5py.Empty("f4")
    file["soft"] = h5py.SoftLink("/numbers/u1")
    file["elsewhere"] = h5py.ExternalLink("other.h5", "/numbers/u1")

numbers = ", ".join(map(str, out.getvalue()))
path = pathlib.Path(__file__).with_suffix(".hpp")
path.write_text(
    f"""// An HDF5 file with a dataset of every type. Written by {pathlib.Path(__file__).name}; do not edit.
#pragma once

#include <vector>

namespace goldens {{

// clang-format off
inline const std::vector<unsigned char> hdf5 = {{
    {numbers}}};
// clang-format on

}}  // namespace goldens
"""
)
