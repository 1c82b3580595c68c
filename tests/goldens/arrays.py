"""What generators of goldens share: named arrays, cases of a function with its gradients, and the header they become."""

import pathlib

import torch

arrays = {}


def keep(name, tensor):
    assert name not in arrays, name
    arrays[name] = tensor.detach().double().reshape(-1).tolist()
    return tensor


def case(name, function, cotangent, *inputs):
    """The value of function(*inputs) and the gradients of sum(cotangent * value) with respect to the floating inputs."""
    leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
    output = function(*leaves)
    keep(name, output)
    (output * cotangent).sum().backward()
    wanted = [x for x in leaves if x.requires_grad]
    for i, x in enumerate(wanted):
        keep(f"{name}/grad" + (str(i) if len(wanted) > 1 else ""), x.grad)


def write(script):
    """The arrays as a map in namespace goldens, named after the script, in a header beside it."""
    path = pathlib.Path(script)
    lines = [f'    {{"{name}", {{{", ".join(map(repr, values))}}}}},' for name, values in arrays.items()]
    path.with_suffix(".hpp").write_text(f"""// What PyTorch gives, by name. Written by {path.name}; do not edit.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace goldens {{

// clang-format off
inline const std::map<std::string, std::vector<double>> {path.stem}{{
""" + "\n".join(lines) + """
};
// clang-format on

}  // namespace goldens
""")
