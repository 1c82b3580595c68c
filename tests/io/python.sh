#!/usr/bin/env bash
# Files that NumPy and PyTorch write are read here and written again, and both read what was written.
set -euo pipefail
for python in python3 /usr/bin/python3 ""; do
  [ -z "$python" ] || ! "$python" -c 'import numpy, torch' 2>/dev/null || break
done
[ -n "$python" ] || { echo "skipped: there is no Python with NumPy and PyTorch here"; exit 77; }
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

$CXX -std=c++20 "$SOURCE/tests/io/exchange.cpp" -o "$temporary/exchange" -I"$BUILD/include" -L"$BUILD" -lxgrad \
  -Wl,-rpath,"$BUILD"
cd "$temporary"
"$python" - <<'PYTHON'
import collections
import subprocess
import sys

import numpy as np
import torch


def exchange(source, target):
    done = subprocess.run(["./exchange", source, target], capture_output=True, text=True)
    if "libzip-dev" in done.stderr:
        print("skipped: this build has no libzip")
        sys.exit(77)
    assert done.returncode == 0, done.stderr


def same(a, b):
    """Equal in type, shape and every bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def widened(x):
    """What an array becomes: other floats float32, other integers int64."""
    kept = (np.float32, np.float64, np.int64, np.uint8, np.bool_)
    x = np.ascontiguousarray(x.astype(x.dtype.newbyteorder("="))).reshape(x.shape)
    if x.dtype in kept:
        return x
    return x.astype(np.float32 if x.dtype.kind == "f" else np.int64)


generator = np.random.default_rng(1)
arrays = {}
for dtype in ["b1", "u1", "i1", "i2", "u2", "i4", "u4", "i8", "f2", "f4", "f8", ">i2", ">i4", ">i8", ">f2", ">f4", ">f8"]:
    x = generator.normal(size=(3, 4, 5)) * 50
    x = x > 0 if dtype == "b1" else (np.abs(x) if "u" in dtype else x).astype(dtype)
    arrays[dtype] = x
    arrays[dtype + " in Fortran's order"] = np.asfortranarray(x)
    arrays[dtype + " scalar"] = x[0, 0, 0].reshape(())
    arrays[dtype + " empty"] = x[:, :0]
arrays["special"] = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
arrays["large"] = generator.normal(size=(300, 1000)).astype(np.float32)
expected = {name: widened(x) for name, x in arrays.items()}

for save in np.savez, np.savez_compressed:
    save("from.npz", **arrays)
    for target in "to.npz", "to.pt":
        exchange("from.npz", target)
        if target == "to.npz":
            found = dict(np.load(target))
        else:
            found = torch.load(target, weights_only=True)
            assert type(found) is collections.OrderedDict
            found = {name: x.numpy() for name, x in found.items()}
        assert list(found) == list(expected)
        for name, x in expected.items():
            assert same(x, found[name]), (target, name)
for name, x in arrays.items():
    np.save("from.npy", x)
    exchange("from.npy", "to.npy")
    assert same(expected[name], np.load("to.npy")), name
    np.save("again.npy", expected[name])
    assert open("to.npy", "rb").read() == open("again.npy", "rb").read(), name
np.savez("from.npz")
exchange("from.npz", "to.npz")
exchange("from.npz", "to.pt")
assert not dict(np.load("to.npz")) and not torch.load("to.pt", weights_only=True)

# A module, its optimizer, and views of all kinds.
module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LSTM(4, 5, 2), torch.nn.Linear(4, 2))
torch.save(module.state_dict(), "from.pt")
exchange("from.pt", "to.pt")
state = torch.load("to.pt", weights_only=True)
assert all(torch.equal(x, state[name]) for name, x in module.state_dict().items())
module.load_state_dict(state, strict=True)
x = torch.randn(4, 5, 6)
tensors = {"turned": x.permute(2, 0, 1), "part": x[1:, ::2, 3], "reversed axes": x.t() if x.dim() == 2 else x[0].t(),
           "expanded": x[:, :1].expand(4, 7, 6), "diagonal": x[0].diagonal(), "bfloat16": x.bfloat16(), "half": x.half(),
           "whole": x, "complex part": torch.view_as_real(torch.randn(3, dtype=torch.complex64))}
for protocol in 2, 3, 4, 5:
    torch.save(tensors, "from.pt", pickle_protocol=protocol)
    for target in "to.pt", "to.npz":
        exchange("from.pt", target)
        found = dict(np.load(target)) if target == "to.npz" else {k: v.numpy() for k, v in torch.load(target).items()}
        for name, tensor in tensors.items():
            assert same(tensor.to(torch.float32).contiguous().numpy(), found[name]), (protocol, target, name)
optimizer = torch.optim.Adam(module[3].parameters())
module[3](torch.randn(7, 4)).sum().backward()
optimizer.step()
torch.save({"optimizer": optimizer.state_dict(), "epoch": 3, "name": "first"}, "from.pt")
exchange("from.pt", "to.npz")
found = dict(np.load("to.npz"))
assert found["epoch"] == 3 and found["optimizer.param_groups.0.betas.1"] == 0.999
assert same(found["optimizer.state.1.exp_avg"], optimizer.state_dict()["state"][1]["exp_avg"].numpy())
print(f"{2 * 2 * len(arrays) + len(arrays) + 4 * len(tensors)} tensors there and back")
PYTHON
