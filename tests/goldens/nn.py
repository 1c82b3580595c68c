#!/usr/bin/env python3
"""Writes nn.hpp beside this file: what PyTorch gives for the layers and losses that tests/nn builds as well.

Every array is stored flat under a name: inputs, then values ("<case>") and gradients ("<case>/grad"). A gradient is
that of sum(cotangent * output), where the cotangent of a scalar is 1. Images and class scores are stored with channels
last. Made with PyTorch 1.13 in float64.
"""

import torch
import torch.nn.functional as F

from arrays import case, keep, write

torch.set_default_dtype(torch.float64)
torch.manual_seed(7)


def reductions(name, function, cotangent, *inputs):
    for reduction in ("none", "mean", "sum"):
        case(f"{name}/{reduction}", lambda *x: function(*x, reduction=reduction), cotangent, *inputs)


# ---------------------------------------------------------------------------------------------------- classes

logits = keep("logits", torch.randn(6, 4) * 3)
labels = torch.tensor([0, 3, -100, 2, 1, 3])
per_sample = keep("per_sample", torch.randn(6))
class_weight = keep("class_weight", torch.tensor([0.5, 2.0, 1.25, 0.1]))
all_labels = torch.tensor([0, 3, 2, 2, 1, 3])

reductions("cross_entropy", lambda x, reduction: F.cross_entropy(x, all_labels, reduction=reduction), per_sample, logits)
for name, options in {
    "ignore": {},
    "ignore_weight": {"weight": class_weight},
    "smooth": {"label_smoothing": 0.2},
    "smooth_weight": {"label_smoothing": 0.2, "weight": class_weight},
    "all_smooth": {"label_smoothing": 1.0},
}.items():
    reductions(f"cross_entropy/{name}",
               lambda x, reduction: F.cross_entropy(x, labels, reduction=reduction, **options), per_sample, logits)
reductions("cross_entropy/ignore_3",
           lambda x, reduction: F.cross_entropy(x, all_labels, ignore_index=3, reduction=reduction), per_sample, logits)
reductions("nll", lambda x, reduction: F.nll_loss(x, labels, weight=class_weight, reduction=reduction), per_sample, logits)

# Scores per pixel: PyTorch has the classes second, this library last.
pixels = keep("pixels", torch.randn(2, 3, 2, 4))
pixel_labels = torch.tensor([[[0, 1], [3, 2], [-100, 1]], [[2, 2], [0, 3], [1, -100]]])
pixel_cotangent = keep("pixel_cotangent", torch.randn(2, 3, 2))
reductions("cross_entropy/pixels",
           lambda x, reduction: F.cross_entropy(x.permute(0, 3, 1, 2), pixel_labels, weight=class_weight,
                                                label_smoothing=0.1, reduction=reduction), pixel_cotangent, pixels)

extreme = keep("extreme_logits", torch.tensor([[1e4, -1e4, 0], [-1e300, 0, 1e300], [700, 710, -745], [0, 0, 0]]))
reductions("cross_entropy/extreme", lambda x, reduction: F.cross_entropy(x, torch.tensor([0, 2, 2, 1]), reduction=reduction),
           torch.ones(4), extreme)

# ---------------------------------------------------------------------------------------------------- pairs

prediction = keep("prediction", torch.randn(3, 5) * 1.5)
target = keep("target", torch.randn(3, 5))
pair_cotangent = keep("pair_cotangent", torch.randn(3, 5))
kinks = keep("kinks", torch.tensor([0.0, 0.7, -0.7, 0.5, -0.5, 1e-9, -1e-9, 30.0, -30.0, 1e200]))
kink_cotangent = keep("kink_cotangent", torch.randn(10))
for name, function in {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": lambda x, y, reduction: F.huber_loss(x, y, delta=0.7, reduction=reduction),
    "smooth_l1": lambda x, y, reduction: F.smooth_l1_loss(x, y, beta=0.5, reduction=reduction),
    "smooth_l1/zero": lambda x, y, reduction: F.smooth_l1_loss(x, y, beta=0.0, reduction=reduction),
}.items():
    reductions(name, function, pair_cotangent, prediction, target)
    # At 0 PyTorch's smooth_l1_loss with beta 0 has a gradient that is no subgradient.
    if name not in ("mse", "smooth_l1/zero"):
        case(f"{name}/kinks", lambda x: function(x, torch.zeros(10), reduction="none"), kink_cotangent, kinks)
for name in ("none", "mean", "sum"):
    reduce = {"none": lambda x: x, "mean": torch.mean, "sum": torch.sum}[name]
    case(f"arctan/{name}", lambda x, y: reduce(torch.atan(x - y) ** 2), pair_cotangent, prediction, target)

# ---------------------------------------------------------------------------------------------------- probabilities

probability = keep("probability", torch.rand(3, 5) * 0.98 + 0.01)
share = keep("share", torch.rand(3, 5))
element_weight = keep("element_weight", torch.rand(3, 5) * 2)
column_weight = keep("column_weight", torch.rand(5) * 3)
reductions("bce", F.binary_cross_entropy, pair_cotangent, probability, share)
reductions("bce/weight", lambda p, reduction: F.binary_cross_entropy(p, share, weight=element_weight, reduction=reduction),
           pair_cotangent, probability)
# Not the ends that agree with their target: there PyTorch's slope is 0, the derivative 1 or -1.
edges = keep("edges", torch.tensor([0.0, 1.0, 1e-30, 1 - 1e-16]))
edge_targets = keep("edge_targets", torch.tensor([1.0, 0.0, 0.5, 0.5]))
case("bce/edges", lambda p: F.binary_cross_entropy(p, edge_targets, reduction="none"), torch.ones(4), edges)

reductions("bce_logits", F.binary_cross_entropy_with_logits, pair_cotangent, prediction, share)
reductions("bce_logits/weights",
           lambda x, reduction: F.binary_cross_entropy_with_logits(x, share, weight=element_weight, pos_weight=column_weight,
                                                                   reduction=reduction), pair_cotangent, prediction)
far = keep("far", torch.tensor([1e3, -1e3, 1e3, -1e3, 30.0, -30.0]))
far_targets = keep("far_targets", torch.tensor([0.0, 1.0, 1.0, 0.0, 0.5, 0.5]))
case("bce_logits/far", lambda x: F.binary_cross_entropy_with_logits(x, far_targets, reduction="none"), torch.ones(6), far)

log_p = keep("log_p", torch.log_softmax(prediction, -1))
p = keep("p", torch.softmax(target, -1))
reductions("kl", F.kl_div, pair_cotangent, log_p, p)
reductions("kl/log", lambda x, y, reduction: F.kl_div(x, y, log_target=True, reduction=reduction), pair_cotangent, log_p, target)
zero_p = keep("zero_p", torch.tensor([0.0, 0.25, 0.75, 0.0]))
zero_log_p = keep("zero_log_p", torch.tensor([-1.0, -2.0, -0.5, -3.0]))
case("kl/zero", lambda x: F.kl_div(x, zero_p, reduction="none"), torch.ones(4), zero_log_p)

# ---------------------------------------------------------------------------------------------------- layers

layer_x = keep("layer_x", torch.randn(2, 3, 4))
layer_weight = keep("layer_weight", torch.randn(5, 4))
layer_bias = keep("layer_bias", torch.randn(5))
layer_cotangent = keep("layer_cotangent", torch.randn(2, 3, 5))
case("linear", F.linear, layer_cotangent, layer_x, layer_weight, layer_bias)
case("linear/no_bias", F.linear, layer_cotangent, layer_x, layer_weight)

grid = keep("grid", torch.tensor([-20.0, -4.0, -3.1, -1.7, -1.01, -0.6, -0.3, -1e-3, 1e-3, 0.2, 0.45, 0.9, 1.3, 2.5, 5.9, 6.5, 25.0]))
grid_cotangent = keep("grid_cotangent", torch.randn(len(grid)))
for name, layer in {
    "ReLU": torch.nn.ReLU(),
    "ReLU6": torch.nn.ReLU6(),
    "SELU": torch.nn.SELU(),
    "SiLU": torch.nn.SiLU(),
    "Mish": torch.nn.Mish(),
    "Sigmoid": torch.nn.Sigmoid(),
    "LogSigmoid": torch.nn.LogSigmoid(),
    "Tanh": torch.nn.Tanh(),
    "Hardsigmoid": torch.nn.Hardsigmoid(),
    "Hardswish": torch.nn.Hardswish(),
    "Softsign": torch.nn.Softsign(),
    "Tanhshrink": torch.nn.Tanhshrink(),
    "LeakyReLU": torch.nn.LeakyReLU(0.2),
    "ELU": torch.nn.ELU(0.7),
    "CELU": torch.nn.CELU(1.3),
    "GELU": torch.nn.GELU(),
    "GELU tanh": torch.nn.GELU(approximate="tanh"),
    "Softplus": torch.nn.Softplus(beta=2, threshold=1e9),
    "Hardtanh": torch.nn.Hardtanh(-0.5, 2),
    "Softshrink": torch.nn.Softshrink(0.4),
    "Hardshrink": torch.nn.Hardshrink(0.4),
    "Threshold": torch.nn.Threshold(0.3, -2),
    "Softmax": torch.nn.Softmax(dim=-1),
    "LogSoftmax": torch.nn.LogSoftmax(dim=-1),
}.items():
    case(name, layer, grid_cotangent, grid)

# ---------------------------------------------------------------------------------------------------- images


def first(x):
    """Channels last to channels first: (N, H, W, C) to (N, C, H, W), and weights (out, kh, kw, in) likewise."""
    return x.permute(0, 3, 1, 2)


def last(x):
    return x.permute(0, 2, 3, 1)


image = keep("image", torch.randn(2, 5, 6, 4))
for name, shape, result, options in (
        ("plain", (6, 3, 2, 4), (2, 3, 5, 6), {}),
        ("stride_padding", (6, 3, 3, 4), (2, 3, 3, 6), {"stride": 2, "padding": 1}),
        ("dilation_groups", (6, 2, 2, 2), (2, 5, 2, 6), {"stride": (1, 2), "padding": (1, 0), "dilation": (2, 3), "groups": 2}),
        ("depthwise", (4, 3, 3, 1), (2, 5, 6, 4), {"padding": 1, "groups": 4}),
        ("same", (3, 2, 4, 4), (2, 5, 6, 3), {"padding": "same"})):
    weight = keep(f"conv2d/{name}/weight", torch.randn(shape))
    bias = keep(f"conv2d/{name}/bias", torch.randn(shape[0]))
    cotangent = keep(f"conv2d/{name}/cotangent", torch.randn(result))
    case(f"conv2d/{name}", lambda x, w, b: last(F.conv2d(first(x), first(w), b, **options)), cotangent, image, weight, bias)

for name, shape, result, options in (
        ("plain", (4, 3, 2, 3), (2, 7, 7, 3), {}),
        ("stride_padding", (4, 3, 3, 3), (2, 10, 11, 3), {"stride": 2, "padding": 1, "output_padding": (1, 0)}),
        ("dilation_groups", (4, 2, 2, 3), (2, 5, 14, 6), {"stride": (1, 2), "padding": (1, 0), "dilation": (2, 3), "groups": 2})):
    weight = keep(f"conv_transpose2d/{name}/weight", torch.randn(shape))
    bias = keep(f"conv_transpose2d/{name}/bias", torch.randn(result[3]))
    cotangent = keep(f"conv_transpose2d/{name}/cotangent", torch.randn(result))
    case(f"conv_transpose2d/{name}", lambda x, w, b: last(F.conv_transpose2d(first(x), first(w), b, **options)), cotangent,
         image, weight, bias)

for name, result, function in (
        ("max_pool2d/plain", (2, 2, 3, 4), lambda x: F.max_pool2d(x, 2)),
        ("max_pool2d/options", (2, 3, 4, 4), lambda x: F.max_pool2d(x, (2, 3), stride=(2, 1), padding=1, dilation=(1, 2))),
        ("avg_pool2d/plain", (2, 2, 3, 4), lambda x: F.avg_pool2d(x, 2)),
        ("avg_pool2d/padding", (2, 3, 6, 4), lambda x: F.avg_pool2d(x, 3, stride=(2, 1), padding=1)),
        ("avg_pool2d/not_counted", (2, 3, 6, 4),
         lambda x: F.avg_pool2d(x, 3, stride=(2, 1), padding=1, count_include_pad=False)),
        ("adaptive_avg_pool2d/global", (2, 1, 1, 4), lambda x: F.adaptive_avg_pool2d(x, 1)),
        ("adaptive_avg_pool2d/uneven", (2, 3, 4, 4), lambda x: F.adaptive_avg_pool2d(x, (3, 4)))):
    cotangent = keep(f"{name}/cotangent", torch.randn(result))
    case(name, lambda x: last(function(first(x))), cotangent, image)

# ---------------------------------------------------------------------------------------------------- initialisers

for name in ("linear", "sigmoid", "tanh", "relu", "selu"):
    keep(f"gain/{name}", torch.tensor(torch.nn.init.calculate_gain(name)))
keep("gain/leaky_relu", torch.tensor(torch.nn.init.calculate_gain("leaky_relu", 0.3)))
# (out, in, height, width) here, (out, height, width, in) in this library.
keep("fans", torch.tensor(torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(8, 6, 3, 5))))

write(__file__)
