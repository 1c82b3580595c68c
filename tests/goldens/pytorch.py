#!/usr/bin/env python3
"""Writes pytorch.hpp beside this file: small models of PyTorch, for tests/nn/torch_test.cpp.

Of each model its state_dict() as it stands there (names, order, shapes), an input and the output in float64, and the
output of the same model in float32. All numbers of a model stand in one array, parts tell where theirs begin. Images
have their channels first. Models evaluate; every parameter and running statistic is random, so that none is in a place
where another could stand unnoticed. Made with PyTorch 1.13.
"""

import copy
import pathlib

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.manual_seed(23)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Sequential(nn.Linear(6, 3, bias=False)))

    def forward(self, x):
        return self.layers(x)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 5, padding=2)
        # A weight (4, 3, 3, 3): PyTorch's order of axes and the one with channels last have the same shape.
        self.conv2 = nn.Conv2d(3, 4, 3)
        self.fc1 = nn.Linear(4 * 2 * 3, 7)
        self.fc2 = nn.Linear(7, 4)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.flatten(torch.relu(self.conv2(x)), 1)
        return self.fc2(torch.relu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride=stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(3)
        self.layer1 = nn.Sequential(Block(3, 3, 1))
        self.layer2 = nn.Sequential(Block(3, 4, 2), Block(4, 4, 1))
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x)))))
        return self.fc(x.mean((2, 3)))


class Tagger(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn = kind(3, 4, num_layers=2, bidirectional=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


class Language(nn.Module):
    """An encoder whose last layer has the weight of its first: PyTorch lists it under both names."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, dim_feedforward=10, batch_first=True)
        self.decoder = nn.Linear(8, 7)
        self.decoder.weight = self.embedding.weight

    def forward(self, ids):
        return self.decoder(self.encoder(self.embedding(ids)))


class Images(nn.Module):
    """Grouped, depthwise and transposed convolutions, and normalisations over channels and over whole images."""

    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, groups=2)
        self.group_norm = nn.GroupNorm(3, 6)
        self.up = nn.ConvTranspose2d(6, 4, (2, 3), stride=2, groups=2)
        self.layer_norm = nn.LayerNorm((4, 6, 9))
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4)
        # As in LeNet: (4, 3, 3, 3) both ways.
        self.square = nn.ConvTranspose2d(4, 3, 3)

    def forward(self, x):
        x = torch.tanh(self.group_norm(self.grouped(x)))
        return self.square(torch.relu(self.depthwise(self.layer_norm(self.up(x)))))


class Sequences(nn.Module):
    """What PyTorch has as (N, C, L) and as (N, T, features); a parameter of its own stands before its children's."""

    def __init__(self):
        super().__init__()
        self.batch_norm = nn.BatchNorm1d(2)
        self.group_norm = nn.GroupNorm(2, 2, affine=False)
        self.layer_norm = nn.LayerNorm((2, 3))
        self.scale = nn.Parameter(torch.empty(3))
        self.register_buffer("shift", torch.empty(3))

    def forward(self, x):
        return self.layer_norm(self.group_norm(self.batch_norm(x))) * self.scale + self.shift


def fill(model):
    """Every tensor of the model random, in place; what is shared stays so."""
    with torch.no_grad():
        for name, tensor in {**dict(model.named_parameters()), **dict(model.named_buffers())}.items():
            if name.endswith("num_batches_tracked"):
                tensor.fill_(int(torch.randint(1, 1000, ())))
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            else:
                tensor.normal_(0, 0.5)


lines = []
rows = []


def add(name, model, example):
    model.eval()
    fill(model)
    with torch.no_grad():
        output = model(example)
        single = copy.deepcopy(model).float()
        output_float32 = single(example.float() if example.is_floating_point() else example)
    offset, numbers, parts = 0, [], []
    for part, tensor in {**model.state_dict(), "input": example, "output": output, "output_float32": output_float32}.items():
        dtype = {torch.float64: "float64", torch.float32: "float32", torch.int64: "int64"}[tensor.dtype]
        sizes = ", ".join(map(str, tensor.shape))
        parts.append(f'    {{"{part}", Type::{dtype}, {tensor.dim()}, {{{sizes}}}, {name}_numbers + {offset}}},')
        text = (lambda x: f"{x:.9g}") if tensor.dtype == torch.float32 else repr
        numbers += map(text, tensor.reshape(-1).tolist())
        offset += tensor.numel()
    lines.append(f"inline constexpr double {name}_numbers[] = {{{', '.join(numbers)}}};")
    lines.append(f"inline constexpr Array {name}[] = {{\n" + "\n".join(parts) + "\n};")


add("mlp", Mlp(), torch.randn(3, 4))
add("lenet", LeNet(), torch.randn(2, 1, 8, 10))
add("resnet", ResNet(), torch.randn(2, 3, 5, 6))
add("lstm", Tagger(nn.LSTM), torch.randn(4, 2, 3))
add("gru", Tagger(nn.GRU), torch.randn(4, 2, 3))
add("language", Language(), torch.randint(0, 7, (2, 5)))
add("images", Images(), torch.randn(2, 4, 5, 7))
add("sequences", Sequences(), torch.randn(4, 2, 3))

pathlib.Path(__file__).with_suffix(".hpp").write_text("""// What models of PyTorch hold and give, by name; the last three arrays of each are an input and the outputs
// for it. Written by pytorch.py; do not edit.
#pragma once

namespace goldens::pytorch {

enum class Type { float64, float32, int64 };

struct Array {
  const char* name;
  Type type;
  int rank;
  long shape[4];
  const double* numbers;
};

// clang-format off
""" + "\n".join(lines) + """
// clang-format on

}  // namespace goldens::pytorch
""")
