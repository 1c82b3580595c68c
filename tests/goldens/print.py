#!/usr/bin/env python3
"""Writes print.hpp beside this file: what NumPy prints for the arrays that print_test.cpp builds as well.

NumPy's True and False are lowercased; a scalar is formatted as array2string does it. Made with NumPy 1.24.
"""

import pathlib

import numpy as np

OPTIONS = dict(precision=4, threshold=1000, edgeitems=3, linewidth=88)
nan, inf = np.nan, np.inf


def f32(*values):
    return np.array(values, dtype=np.float32)


def f64(*values):
    return np.array(values, dtype=np.float64)


def counting(shape, dtype=np.int64):
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


# name: (array, options that differ)
CASES = {
    "fractions": (f32(1, 0.5, 0.25, -0.125), {}),
    "whole": (f32(1, 2, 3), {}),
    "rounded": (f32(0.1, 0.123456, 2 / 3, 99.99996), {}),
    "ties": (f64(0.03125, 0.09375, -0.03125, 0.5), {}),
    "negative_zero": (f32(-0.0, 0.0, 1.5), {}),
    "zeros": (f32(0, 0, 0), {}),
    "small": (f32(1e-5, 1, 10), {}),
    "wide": (f64(1e-3, 1.5, 1001), {}),
    "wide_but_fixed": (f64(1, 1.5, 1000), {}),
    "large": (f64(1e8, 1, 12345678), {}),
    "below_large": (f32(99999992, 16777216, 33554432), {}),
    "long_exponent": (f64(1e100, 1e-300, -2.5), {}),
    "denormal": (f64(5e-324, 0), {}),
    "float_range": (f32(3.4028235e38, 1.1754944e-38, 1e-45), {}),
    "whole_exponents": (f64(1e10, 1), {}),
    "not_finite": (f32(nan, inf, -inf), {}),
    "nan_alone": (f32(nan, nan), {}),
    "inf_among": (f32(inf, 1, 2.25), {}),
    "negative_inf_among": (f64(-inf, 1, 2), {}),
    "nan_and_exponent": (f64(nan, 1e-7, -123.456), {}),
    "precision_0": (f64(0.5, 1.5, 2.25), dict(precision=0)),
    "precision_2": (f64(3.14159, 2.71828, 0.1), dict(precision=2)),
    "precision_17": (f64(0.1, 1 / 3), dict(precision=17)),
    "precision_9_float": (f32(0.1, 1 / 3), dict(precision=9)),
    "exponent_precision_1": (f64(1.25e-7, 9.96e5), dict(precision=1)),
    "integers": (np.array([1, -20, 300]), {}),
    "integer_limits": (np.array([-(2**63), 2**63 - 1]), {}),
    "bytes": (np.array([[0, 255], [7, 70]], dtype=np.uint8), {}),
    "bools": (np.array([True, False, True]), {}),
    "all_true": (np.array([True, True]), {}),
    "matrix": (f32(1, -2.5, 3, 1000).reshape(2, 2), {}),
    "column": (f32(1, 22.5, 3).reshape(3, 1), {}),
    "three_axes": (counting((2, 3, 4)), {}),
    "four_axes": (counting((2, 2, 2, 2)), {}),
    "one_by_one": (f32(7).reshape(1, 1, 1), {}),
    "wrapped": (counting((60,)), {}),
    "wrapped_rows": (counting((2, 40), np.float64) / 8, {}),
    "wrapped_deep": (counting((2, 2, 30)), dict(linewidth=40)),
    "narrow": (counting((5,)) + 1000, dict(linewidth=3)),
    "summary_1": (counting((1001,)), {}),
    "summary_2": (counting((100, 100)), {}),
    "summary_3": (counting((10, 11, 12)), {}),
    "summary_short_axis": (counting((2, 600), np.float32) / 4, {}),
    "summary_edge_1": (counting((4, 4)), dict(threshold=4, edgeitems=1)),
    "summary_wrapped": (counting((2000,)), dict(edgeitems=12)),
    "summary_format": (np.where(np.arange(2000) == 1000, 1e10, 1.5), {}),
    "at_threshold": (counting((10, 100)) % 10, {}),
    "scalar_real": (f64(1 / 3).reshape(()), {}),
    "scalar_whole": (f32(2).reshape(()), {}),
    "scalar_integer": (np.array(-42), {}),
    "scalar_bool": (np.array(True), {}),
}


def main():
    lines = [
        "// What NumPy prints, by name. Written by print.py; do not edit.",
        "#pragma once",
        "",
        "#include <map>",
        "#include <string>",
        "",
        "namespace goldens {",
        "",
        "// clang-format off",
        "inline const std::map<std::string, std::string> print = {",
    ]
    for name, (array, options) in CASES.items():
        text = np.array2string(array, **{"max_line_width" if k == "linewidth" else k: v
                                         for k, v in (OPTIONS | options).items()})
        text = text.replace("True", "true").replace("False", "false")
        lines.append(f'    {{"{name}", R"({text})"}},')
    lines += ["};", "// clang-format on", "", "}  // namespace goldens", ""]
    pathlib.Path(__file__).with_suffix(".hpp").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
