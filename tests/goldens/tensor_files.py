#!/usr/bin/env python3
"""Writes tensor_files.hpp beside this file: files as NumPy and PyTorch write them, and what stands in them.

Made with NumPy 1.24 and PyTorch 1.13.
"""

import collections
import io
import pathlib
import zipfile

import numpy as np
import torch

STORED = {"bool": "boolean"}
files = {"npy": [], "npz": [], "pytorch": []}


def item(name, array):
    """The description of a tensor: its type in the file, shape and elements."""
    stored = str(array.dtype).replace("torch.", "")
    if isinstance(array, torch.Tensor):
        array = array.detach()
        array = (array.float() if array.dtype == torch.bfloat16 else array).numpy()
    return name, STORED.get(stored, stored), array.shape, [float(x) for x in array.ravel().tolist()]


def keep(kind, name, data, *items):
    files[kind].append((name, bytes(data), items))


def samples(dtype):
    """Elements of the type with signs, fractions and both booleans."""
    values = np.array([[0, 1, 2.5], [-3, 100, -0.25]])
    if dtype == "b1":
        return values > 1
    if dtype[0] == "u":
        values = np.abs(values)
    return values.astype(dtype)


# ------------------------------------------------------------------------------------------------ npy

def npy(array, version=None):
    stream = io.BytesIO()
    if version is None:
        np.save(stream, array)
    else:
        np.lib.format.write_array(stream, array, version=version)
    return stream.getvalue()


def keep_npy(name, array, version=None):
    keep("npy", name, npy(array, version), item("arr_0", array.astype(array.dtype.newbyteorder("="))))


for dtype in ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]:
    keep_npy(dtype, samples(dtype))
    if dtype[1] != "1":
        keep_npy("big-endian " + dtype, samples(dtype).astype(">" + dtype))
keep_npy("scalar", np.float32(2.5).reshape(()))
keep_npy("empty", np.zeros((2, 0, 3), np.float32))
keep_npy("vector", np.arange(5, dtype=np.int64))
keep_npy("Fortran", np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)))
keep_npy("Fortran of rank 3", np.asfortranarray(np.arange(24, dtype=">i4").reshape(2, 3, 4)))
keep_npy("Fortran with axes of 1", np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(1, 2, 1, 3)))
keep_npy("version 2", np.arange(3, dtype=np.float32), (2, 0))
keep_npy("version 3", np.arange(3, dtype=np.float32), (3, 0))
# What is not read: without a description.
for name, array in {
    "text": np.array(["ab", "c"]), "bytes": np.array([b"ab"]), "objects": np.array([{}, None]),
    "complex": np.array([1j]), "dates": np.array(["2020-01-01"], "M8[D]"), "times": np.array([1], "m8[s]"),
    "long floats": np.array([1], np.longdouble), "records": np.array([(1, 2)], [("a", "i4"), ("b", "f4")]),
    "void": np.array([b"abc"], "V3"),
}.items():
    keep("npy", name, npy(array))


# ------------------------------------------------------------------------------------------------ npz

def keep_npz(name, save, arrays):
    stream = io.BytesIO()
    save(stream, **arrays)
    keep("npz", name, stream.getvalue(), *[item(key, array) for key, array in arrays.items()])


arrays = {"layer.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "layer.bias": np.arange(3.0),
          "labels": samples("i2"), "mask": samples("b1"), "empty": np.zeros((0, 2)), "scalar": np.array(7),
          "half": samples("f2"), "turned": np.asfortranarray(np.arange(12, dtype=np.uint8).reshape(3, 4)),
          "repeated": np.full((20, 25), 2.5)}
keep_npz("packed", np.savez_compressed, arrays)
del arrays["repeated"]
keep_npz("plain", np.savez, arrays)
keep_npz("nothing", np.savez, {})
stream = io.BytesIO()
np.savez(stream, text=np.array(["a"]))
keep("npz", "text", stream.getvalue())


# ------------------------------------------------------------------------------------------------ PyTorch

def saved(data, **options):
    stream = io.BytesIO()
    torch.save(data, stream, **options)
    return stream.getvalue()


def items(data, prefix=""):
    """Those of nested dictionaries and lists, numbers as tensors without axes."""
    if isinstance(data, dict):
        pairs = data.items()
    elif isinstance(data, (list, tuple)):
        pairs = enumerate(data)
    elif isinstance(data, torch.Tensor):
        return [item(prefix, data)]
    elif isinstance(data, (bool, int, float)):
        return [item(prefix, np.array(data))]
    else:
        return []
    return [one for key, value in pairs for one in items(value, f"{prefix}.{key}" if prefix else str(key))]


def keep_pytorch(name, data, **options):
    keep("pytorch", name, saved(data, **options), *items(data))


def repacked(data, change, compression=zipfile.ZIP_STORED):
    """The archive with members that change(name, content) gives, or leaves out for None."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", compression) as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(zipfile.ZipInfo(name), content, compression)
        new.writestr(zipfile.ZipInfo("archive/byteorder"), "big")
    return stream.getvalue()


torch.manual_seed(0)
number = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
types = {str(dtype).replace("torch.", ""): torch.tensor([0, 1, 2.5, 100]).to(dtype)
         for dtype in [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int16,
                       torch.int32, torch.int64, torch.uint8, torch.bool]}
keep_pytorch("types", types)
swapped = {name: x for name, x in types.items() if name in ("float32", "float16", "int64", "bool")}
sizes = [x.element_size() for x in swapped.values()]


def swap(name, content):
    if not name.startswith("archive/data/"):
        return content
    size = sizes[int(name[13:])]
    return b"".join(content[i:i + size][::-1] for i in range(0, len(content), size))


keep("pytorch", "big-endian", repacked(saved(swapped), swap), *items(swapped))
keep("pytorch", "packed", repacked(saved(swapped), swap, zipfile.ZIP_DEFLATED), *items(swapped))
base = torch.arange(20, dtype=torch.float64)
keep_pytorch("views", {
    "turned": number[0].t(), "permuted": number.permute(2, 0, 1), "part": number[:, 1:, ::2], "row": number[1, 2],
    "expanded": torch.tensor([1.0, 2.0]).reshape(2, 1).expand(2, 3), "scalar": base[7], "offset": base[3:9],
    "same": base, "empty": base[4:4].reshape(0, 3), "nothing": torch.zeros(2, 0), "whole": number,
})
module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
keep_pytorch("module", module.state_dict())
keep_pytorch("parameters", dict(module.named_parameters()))
optimizer = torch.optim.Adam([{"params": module[0].parameters()}, {"params": module[1].parameters(), "lr": 0.5}])
module(torch.randn(4, 2)).square().sum().backward()
optimizer.step()
schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 5])
keep_pytorch("checkpoint", {
    "model": module.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(),
    "epoch": 3, "loss": 0.25, "finished": True, "name": "first", "best": None, "history": [1.0, 2, ("x", 0.5)],
    "sizes": torch.Size([4, 5]), "device": torch.device("cpu"), "dtype": torch.float32, "large": [300, 70000, 2**40, -1],
})
keep_pytorch("protocol 4", {"model": module.state_dict(), "again": number[0].t()},
             pickle_protocol=4)


# What PyTorch from 2.3 on writes for types without storage classes, and for parameters with attributes.
def _rebuild_tensor_v3():
    pass


def _rebuild_parameter_with_state():
    pass


class Uint16:
    def __reduce__(self):
        return "uint16"


class Rebuilt:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


for function in _rebuild_tensor_v3, _rebuild_parameter_with_state:
    function.__module__ = "torch._utils"
    setattr(torch._utils, function.__name__, function)
torch.uint16 = Uint16()
Uint16.__module__ = "torch"
bits = np.array([1, 40000, 65535], np.uint16)
untyped = torch.from_numpy(bits.view(np.uint8)).storage().untyped()
keep("pytorch", "new functions", saved({
    "bits": Rebuilt(_rebuild_tensor_v3, untyped, 1, (2,), (1,), False, collections.OrderedDict(), torch.uint16),
    "parameter": Rebuilt(_rebuild_parameter_with_state, base[:2], True, collections.OrderedDict(), {"decay": 0.5}),
}), item("bits", bits[1:]), item("parameter", base[:2]))

# What is not read: without a description.
stream = io.BytesIO()
torch.jit.save(torch.jit.script(torch.nn.ReLU()), stream)
keep("pytorch", "TorchScript", stream.getvalue())
keep("pytorch", "one tensor", saved(number[0, 0, :2]))
keep("pytorch", "complex", saved({"a": torch.tensor([1j])}))
keep("pytorch", "sparse", saved({"a": torch.eye(2).to_sparse()}))
keep("pytorch", "quantized", saved({"a": torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8)}))
keep("pytorch", "negative bit", saved({"a": Rebuilt(
    torch._utils._rebuild_tensor_v2, base[:2].storage(), 0, (2,), (1,), False, collections.OrderedDict(), {"neg": True})}))
keep("pytorch", "set", saved({"a": {1, 2}}))


# ------------------------------------------------------------------------------------------------ header

def literal(data):
    """Lines of a string; octal escapes end after three digits, whatever follows."""
    text = [chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in data]
    lines, line = [], ""
    for part in text:
        if len(line) + len(part) > 150:
            lines.append(line)
            line = ""
        line += part
    return "\n      ".join(f'"{line}"' for line in lines + [line]) + "sv"


def number_text(x):
    return repr(int(x)) if x == int(x) else repr(x)


def main():
    text = ["// Files as NumPy and PyTorch write them. Written by tensor_files.py; do not edit.",
            "#pragma once", "", "#include <string_view>", "#include <vector>", "",
            "namespace goldens {", "",
            "struct TensorFile {",
            "  struct Item {",
            "    std::string_view name, stored;  // the type in the file, as messages name it",
            "    std::vector<long> shape;",
            "    std::vector<double> values;",
            "  };",
            "  std::string_view name, bytes;",
            "  std::vector<Item> items;  // none: it is not read",
            "};", "", "// clang-format off"]
    for kind, cases in files.items():
        text += [f"inline std::vector<TensorFile> {kind}_files() {{", "  using namespace std::string_view_literals;",
                 "  return {"]
        for name, data, described in cases:
            text.append(f'    {{"{name}",\n      {literal(data)},\n      {{')
            for key, stored, shape, values in described:
                text.append(f'        {{"{key}", "{stored}", {{{", ".join(map(str, shape))}}}, '
                            f'{{{", ".join(map(number_text, values))}}}}},')
            text.append("      }},")
        text += ["  };", "}", ""]
    text += ["// clang-format on", "", "}  // namespace goldens", ""]
    pathlib.Path(__file__).with_name("tensor_files.hpp").write_text("\n".join(text))


main()
