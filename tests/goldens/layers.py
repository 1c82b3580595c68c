#!/usr/bin/env python3
"""Writes layers.hpp beside this file: what PyTorch gives for RNN, the cells, sequences of different lengths, 1-d
convolution and pooling, and Upsample.

Per recurrent case "<case>/...": the input, the initial states, the parameters by name, output and last states, and the
gradients of sum(cotangent * output) + 0.3 sum(last hidden state) + 0.7 sum(last cell state). Cases with lengths go
through pack_padded_sequence, whose initial states and results stand for all T steps here. Sequences and images are
stored with channels last. Made with PyTorch 1.13 in float64.
"""

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from arrays import case, keep, write

torch.set_default_dtype(torch.float64)
torch.manual_seed(23)


def recurrent(name, kind, shape, hidden, lengths=None, **options):
    layer = kind(shape[2], hidden, **options)
    x = torch.randn(*shape, requires_grad=True)
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    h0 = torch.randn(count, shape[1], hidden, requires_grad=True)
    c0 = torch.randn(count, shape[1], hidden, requires_grad=True)
    lstm = kind is torch.nn.LSTM
    given = x if lengths is None else pack_padded_sequence(x, lengths, enforce_sorted=False)
    output, last = layer(given, (h0, c0) if lstm else h0)
    if lengths is not None:
        output, _ = pad_packed_sequence(output, total_length=shape[0])
    hn, cn = last if lstm else (last, torch.zeros(()))
    cotangent = torch.randn_like(output)
    ((cotangent * output).sum() + 0.3 * hn.sum() + 0.7 * cn.sum()).backward()
    parts = {"x": x, "hidden": h0, "cotangent": cotangent, "output": output, "last_hidden": hn, "grad/x": x.grad,
             "grad/hidden": h0.grad}
    if lstm:
        parts |= {"cell": c0, "last_cell": cn, "grad/cell": c0.grad}
    for part, value in layer.named_parameters():
        parts |= {part: value, f"grad/{part}": value.grad}
    for part, value in parts.items():
        keep(f"{name}/{part}", value)


def cell(name, kind, **options):
    layer = kind(3, 4, **options)
    x, h, c = (torch.randn(2, n, requires_grad=True) for n in (3, 4, 4))
    lstm = kind is torch.nn.LSTMCell
    hidden, new_cell = layer(x, (h, c)) if lstm else (layer(x, h), torch.zeros(()))
    fresh = layer(x)
    keep(f"{name}/fresh", fresh[0] if lstm else fresh)
    cotangent = torch.randn_like(hidden)
    ((cotangent * hidden).sum() + 0.7 * new_cell.sum()).backward()
    parts = {"x": x, "hidden": h, "cotangent": cotangent, "output": hidden, "grad/x": x.grad, "grad/hidden": h.grad}
    if lstm:
        parts |= {"cell": c, "last_cell": new_cell, "grad/cell": c.grad}
    for part, value in layer.named_parameters():
        parts |= {part: value, f"grad/{part}": value.grad}
    for part, value in parts.items():
        keep(f"{name}/{part}", value)


LENGTHS = [3, 5, 1, 4]
recurrent("rnn", torch.nn.RNN, (4, 2, 3), 5)
recurrent("rnn_relu", torch.nn.RNN, (4, 2, 3), 5, nonlinearity="relu")
recurrent("rnn_deep", torch.nn.RNN, (3, 2, 4), 3, num_layers=2, bidirectional=True)
recurrent("rnn_plain", torch.nn.RNN, (3, 2, 4), 3, bias=False)
for name, kind in ("rnn", torch.nn.RNN), ("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU):
    recurrent(f"{name}_lengths", kind, (6, 4, 3), 2, LENGTHS)
    recurrent(f"{name}_lengths_deep", kind, (6, 4, 3), 2, LENGTHS, num_layers=2, bidirectional=True)
cell("rnn_cell", torch.nn.RNNCell)
cell("rnn_cell_relu", torch.nn.RNNCell, nonlinearity="relu")
cell("rnn_cell_plain", torch.nn.RNNCell, bias=False)
cell("lstm_cell", torch.nn.LSTMCell)
cell("lstm_cell_plain", torch.nn.LSTMCell, bias=False)
cell("gru_cell", torch.nn.GRUCell)
cell("gru_cell_plain", torch.nn.GRUCell, bias=False)


def series(function):
    return lambda x, *rest: function(x.permute(0, 2, 1), *rest).permute(0, 2, 1)


def images(function):
    return lambda x: function(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


x = keep("series", torch.randn(2, 9, 4))
for name, weight_shape, length, options in (
        ("plain", (6, 4, 3), 7, {}),
        ("options", (6, 2, 3), 4, {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
        ("same", (6, 4, 4), 9, {"padding": "same"})):
    weight = keep(f"conv1d/{name}/weight", torch.randn(weight_shape))  # PyTorch's axes
    bias = keep(f"conv1d/{name}/bias", torch.randn(6))
    cotangent = keep(f"conv1d/{name}/cotangent", torch.randn(2, length, 6))
    case(f"conv1d/{name}", series(lambda x, w, b: F.conv1d(x, w, b, **options)), cotangent, x, weight, bias)
for name, length, function in (
        ("max_pool1d/plain", 4, lambda x: F.max_pool1d(x, 2)),
        ("max_pool1d/options", 7, lambda x: F.max_pool1d(x, 3, stride=1, padding=1, dilation=2)),
        ("avg_pool1d/plain", 3, lambda x: F.avg_pool1d(x, 3)),
        ("avg_pool1d/padding", 5, lambda x: F.avg_pool1d(x, 3, stride=2, padding=1)),
        ("avg_pool1d/not_counted", 5, lambda x: F.avg_pool1d(x, 3, stride=2, padding=1, count_include_pad=False))):
    cotangent = keep(f"{name}/cotangent", torch.randn(2, length, 4))
    case(name, series(function), cotangent, x)

x = keep("upsample/image", torch.randn(2, 3, 5, 2))
for name, size, options in (
        ("nearest/scale", (6, 10), {"scale_factor": 2}),
        ("nearest/size", (7, 2), {"size": (7, 2)}),
        ("nearest/uneven", (4, 7), {"scale_factor": 1.5}),
        ("bilinear/scale", (6, 10), {"scale_factor": 2, "mode": "bilinear"}),
        ("bilinear/uneven", (5, 8), {"scale_factor": 1.7, "mode": "bilinear"}),
        ("bilinear/size", (7, 2), {"size": (7, 2), "mode": "bilinear"}),
        ("bilinear/corners", (7, 2), {"size": (7, 2), "mode": "bilinear", "align_corners": True}),
        ("bilinear/corners_one", (1, 9), {"size": (1, 9), "mode": "bilinear", "align_corners": True})):
    cotangent = keep(f"upsample/{name}/cotangent", torch.randn(2, *size, 2))
    case(f"upsample/{name}", images(torch.nn.Upsample(**options)), cotangent, x)

write(__file__)
