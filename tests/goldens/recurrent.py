#!/usr/bin/env python3
"""Writes recurrent.hpp beside this file: what PyTorch's LSTM and GRU give, for tests/nn/recurrent_test.cpp.

Per case "<case>/...": the input, the initial states, the parameters by name, the output and last states, and the
gradients of sum(cotangent * output) + 0.3 sum(last hidden state) + 0.7 sum(last cell state). Made with PyTorch 1.13 in
float64.
"""

import pathlib

import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(11)
arrays = {}


def keep(name, tensor):
    assert name not in arrays, name
    arrays[name] = tensor.detach().reshape(-1).tolist()


def case(name, kind, shape, hidden, **options):
    layer = kind(shape[2], hidden, **options)
    x = torch.randn(*shape, requires_grad=True)
    batch = shape[0] if options.get("batch_first") else shape[1]
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    h0 = torch.randn(count, batch, hidden, requires_grad=True)
    c0 = torch.randn(count, batch, hidden, requires_grad=True)
    if kind is torch.nn.LSTM:
        output, (hn, cn) = layer(x, (h0, c0))
    else:
        output, hn = layer(x, h0)
        cn = torch.zeros(())
    cotangent = torch.randn_like(output)
    ((cotangent * output).sum() + 0.3 * hn.sum() + 0.7 * cn.sum()).backward()
    for part, value in {"x": x, "hidden": h0, "cotangent": cotangent, "output": output, "last_hidden": hn}.items():
        keep(f"{name}/{part}", value)
    keep(f"{name}/grad/x", x.grad)
    keep(f"{name}/grad/hidden", h0.grad)
    if kind is torch.nn.LSTM:
        keep(f"{name}/cell", c0)
        keep(f"{name}/last_cell", cn)
        keep(f"{name}/grad/cell", c0.grad)
    for part, value in layer.named_parameters():
        keep(f"{name}/{part}", value)
        keep(f"{name}/grad/{part}", value.grad)


case("lstm", torch.nn.LSTM, (4, 2, 3), 5)
case("lstm_deep", torch.nn.LSTM, (3, 2, 4), 3, num_layers=2, bidirectional=True)
case("lstm_plain", torch.nn.LSTM, (2, 3, 2), 3, bias=False, batch_first=True)
case("gru", torch.nn.GRU, (4, 2, 3), 5)
case("gru_deep", torch.nn.GRU, (3, 2, 4), 3, num_layers=2, bidirectional=True)
case("gru_plain", torch.nn.GRU, (2, 3, 2), 3, bias=False, batch_first=True)

lines = [f'    {{"{name}", {{{", ".join(repr(x) for x in values)}}}}},' for name, values in arrays.items()]
pathlib.Path(__file__).with_suffix(".hpp").write_text("""// What PyTorch gives, by name. Written by recurrent.py; do not edit.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace goldens {

// clang-format off
inline const std::map<std::string, std::vector<double>> recurrent{
""" + "\n".join(lines) + """
};
// clang-format on

}  // namespace goldens
""")
