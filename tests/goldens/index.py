#!/usr/bin/env python3
"""Writes index.hpp beside this file: what NumPy's indexing selects.

Every golden is an index and the flat positions that it selects of an array of the given shape, in the shape
of the result. Made with NumPy 1.24.
"""

import pathlib

import numpy as np

A = np.array
_ = slice(None)
ROWS = A([True, False, True])
PAIRS = (np.arange(12).reshape(3, 4) % 5 == 1)
TAIL = (np.arange(12).reshape(4, 3) % 4 != 2)

# name: (shape, index)
CASES = {
    "position": ((3, 4, 3), (1,)),
    "negative position": ((3, 4, 3), (-1,)),
    "full position": ((3, 4, 3), (1, 2, -1)),
    "no items": ((3, 4), ()),
    "slice": ((3, 4), (slice(1, None),)),
    "step": ((3, 4, 3), (_, slice(None, None, 2))),
    "negative steps": ((3, 4), (slice(None, None, -1), slice(3, 0, -2))),
    "position between slices": ((3, 4, 3), (_, 1, slice(1, 4))),
    "empty slice": ((3, 4), (slice(2, 2),)),
    "slice out of range": ((3, 4), (slice(5, 9), slice(-9, 2))),
    "ellipsis then position": ((3, 4, 3), (..., 2)),
    "ellipsis between": ((3, 4, 3), (0, ..., slice(None, None, 2))),
    "ellipsis for nothing": ((3, 4, 3), (0, ..., 1, 2)),
    "newaxis": ((3, 4), (_, None, 1)),
    "newaxis around": ((3, 4), (None, ..., None)),
    "vector": ((3, 4), (A([0, 2, 2, -1]),)),
    "matrix": ((3, 4), (A([[0, 1], [2, 0]]),)),
    "scalar tensor": ((3, 4), (A(1),)),
    "scalar tensor behind a slice": ((3, 4, 3), (_, A(-1))),
    "vector on the middle axis": ((3, 4, 3), (_, A([3, 0, 3]))),
    "two adjacent": ((2, 3, 5), (_, A([0, 1]), A([4, 2]))),
    "two broadcast": ((3, 4), (A([[0], [2]]), A([1, 3, 3]))),
    "three": ((3, 4, 3), (A([0, 1]), A([1, 2]), A([2, -3]))),
    "separated by a slice": ((3, 4, 3), (A([0, 1]), _, A([2, 0]))),
    "separated by a newaxis": ((3, 4, 3), (A([0, 1]), None, A([2, 0]))),
    "separated by an ellipsis": ((3, 4, 3), (A([0, 2]), ..., A([1, 1]))),
    "separated by an ellipsis for nothing": ((3, 4, 3), (_, A([0, 2]), ..., A([1, 1]))),
    "separated behind a slice": ((2, 3, 2, 3), (_, A([0, 1]), slice(None, None, -1), A([1, 2]))),
    "adjacent behind a newaxis": ((3, 4), (None, A([0, 1]), A([1, 2]))),
    "adjacent before a newaxis": ((3, 4, 3), (A([0, 1]), A([1, 2]), None)),
    "position apart from a vector": ((3, 4, 3), (0, _, A([1, 2]))),
    "position beside a vector": ((3, 4, 3), (_, 0, A([1, 2]))),
    "vector apart from a position": ((2, 3, 2), (A([1, 0]), slice(1, None), 0)),
    "slice and vector": ((3, 4), (slice(1, None), A([0, 3]))),
    "negative step and vector": ((3, 4), (slice(None, None, -2), A([0, 3, 3]))),
    "repeated pairs": ((2, 2), (A([0, 1, 0, 0]), A([1, 1, 1, 0]))),
    "mask": ((3, 4), (PAIRS,)),
    "mask of rows": ((3, 4), (ROWS,)),
    "mask of the leading axes": ((3, 4, 2), (PAIRS,)),
    "mask of the last axes": ((2, 4, 3), (_, TAIL)),
    "mask beside a vector": ((3, 4), (ROWS, A([3, 0]))),
    "mask apart from a vector": ((3, 2, 3), (ROWS, _, A([2, 0]))),
    "mask of none": ((3, 4), (A([False] * 3),)),
    "mask of a scalar": ((), (A(True),)),
    "false mask without axes": ((3, 2), (A(False),)),
    "mask without axes behind a slice": ((3, 2), (_, A(True))),
    "empty vector": ((3, 4), (A([], dtype=np.int64),)),
    "empty vector of nothing": ((0, 3), (A([], dtype=np.int64),)),
    "vector beside nothing": ((0, 3), (..., A([0, 2]))),
    "position beside nothing": ((2, 0, 4), (1, _, slice(None, None, -1))),
    "scalar": ((), ()),
    "scalar with newaxis": ((), (None, ...)),
}


def item(value):
    if value is None:
        return "newaxis"
    if value is Ellipsis:
        return "ellipsis"
    if isinstance(value, slice):
        bounds = ["{}" if bound is None else str(bound) for bound in (value.start, value.stop)]
        return f"Slice{{{bounds[0]}, {bounds[1]}, {1 if value.step is None else value.step}}}"
    if isinstance(value, np.ndarray):
        kind = "mask" if value.dtype == bool else "positions"
        return f"{kind}({numbers(value.astype(int))}, {numbers(A(value.shape, dtype=int))})"
    return f"Index{{{value}}}"


def numbers(array):
    return "{" + ", ".join(str(n) for n in array.ravel()) + "}"


def main():
    lines = ["// What NumPy's indexing selects. Written by index.py; do not edit.",
             "#pragma once", "", "#include <xgrad/autograd/ops/index.hpp>", "", "#include <string>", "",
             "namespace goldens {", "",
             "struct Selected {",
             "  std::string name;",
             "  xgrad::Shape from;",
             "  std::vector<xgrad::IndexItem> items;",
             "  xgrad::Shape shape;                   // of the result",
             "  std::vector<xgrad::Index> positions;  // flat, into an array of shape `from`",
             "};", "",
             "// clang-format off",
             "inline std::vector<Selected> index() {",
             "  using namespace xgrad;",
             "  const auto positions = [](const std::vector<Index>& values, const Shape& shape) {",
             "    return Variable(Tensor::from(values, shape));",
             "  };",
             "  const auto mask = [](const std::vector<Index>& values, const Shape& shape) {",
             "    return Variable(Tensor::from(values, shape).to(boolean));",
             "  };",
             "  return {"]
    for name, (shape, index) in CASES.items():
        selected = np.arange(int(np.prod(shape))).reshape(shape)[index]
        lines.append(f'    {{"{name}", {numbers(A(shape, dtype=int))}, {{{", ".join(map(item, index))}}},')
        lines.append(f"     {numbers(A(selected.shape, dtype=int))}, {numbers(selected)}}},")
    lines += ["  };", "}", "// clang-format on", "", "}  // namespace goldens", ""]
    pathlib.Path(__file__).with_name("index.hpp").write_text("\n".join(lines))


main()
