"""What generators of goldens share: named arrays, cases of a function with its gradients, and the header they become."""

import pathlib

import torch

arrays = {}


def keep(name, tensor):
    assert name not in arrays, name
    arrays[name] = tensor.detach().double().reshape(-1).tolist()
    return tensor


def case(name, function, cotangent, *inputs):
    """The value of function(*inputs) and its gradients for the floating inputs: those of sum(cotangent * value), where a
    scalar's cotangent is 1."""
    leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
    output = function(*leaves)
    keep(name, output)
    weight = torch.ones(()) if output.dim() == 0 else cotangent
    (output * weight).sum().backward()
    wanted = [x for x in leaves if x.requires_grad]
    for i, x in enumerate(wanted):
        keep(f"{name}/grad" + (str(i) if len(wanted) > 1 else ""), x.grad)


def number(x):
    if x != x:
        return "nan"
    if x in (float("inf"), float("-inf")):
        return "-inf" if x < 0 else "inf"
    return repr(x)


def write(script, source="PyTorch"):
    """The arrays as a map in namespace goldens, named after the script, in a header beside it."""
    path = pathlib.Path(script)
    lines = [f'    {{"{name}", {{{", ".join(map(number, values))}}}}},' for name, values in arrays.items()]
    path.with_suffix(".hpp").write_text(f"""// What {source} gives, by name. Written by {path.name}; do not edit.
#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

namespace goldens {{

// clang-format off
inline const auto {path.stem} = [] {{
  [[maybe_unused]] constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  [[maybe_unused]] constexpr double inf = std::numeric_limits<double>::infinity();
  return std::map<std::string, std::vector<double>>{{
""" + "\n".join(lines) + """
  };
}();
// clang-format on

}  // namespace goldens
""")
