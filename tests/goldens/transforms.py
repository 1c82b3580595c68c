#!/usr/bin/env python3
"""Writes transforms.hpp beside this file: what PyTorch gives for resized and turned images. Channels are last.

Made with PyTorch 1.13 in float64.
"""

import math

import torch
import torch.nn.functional as F

from arrays import keep, write

torch.set_default_dtype(torch.float64)
torch.manual_seed(3)


def last(x):
    return x[0].movedim(0, -1)


image = torch.rand(1, 3, 7, 10) * 255
keep("image", last(image))
keep("image/rounded", last(image.round()))
for size in ((14, 20), (9, 13), (3, 4), (2, 10), (1, 1), (7, 23), (16, 5)):
    name = "{}x{}".format(*size)
    keep(f"bilinear/{name}", last(F.interpolate(image, size, mode="bilinear", align_corners=False)))
    keep(f"antialias/{name}", last(F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)))
    keep(f"area/{name}", last(F.interpolate(image, size, mode="area")))
    keep(f"area/rounded/{name}", last(F.interpolate(image.round(), size, mode="area")))

h, w = image.shape[2:]
for degrees in (10, -30, 90, 200):
    a = math.radians(degrees)
    # Positions run from -1 to 1 along each axis: the angle is one in pixels. Rows go downwards.
    theta = torch.tensor([[math.cos(a), -math.sin(a) * h / w, 0], [math.sin(a) * w / h, math.cos(a), 0]])
    grid = F.affine_grid(theta[None], list(image.shape), align_corners=False)
    keep(f"rotate/{degrees}", last(F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)))

write(__file__)
