#!/usr/bin/env python3
"""Writes optim.hpp beside this file: 1,000-step trajectories of the optimizers, from their published formulas.

Everything is float64 NumPy. With --torch the same trajectories are also made by PyTorch and compared; the header
was made with NumPy 1.24 and agrees with PyTorch 1.13 to 1e-12.
"""

import pathlib
import sys

import numpy as np

CHECKPOINTS = (1, 2, 10, 100, 1000)
CURVATURE = np.array([1.0, 0.1, 3.0, 0.5])
CENTER = np.array([1.0, -2.0, 0.5, 3.0])


def gradient(p, t):
    """A noisy bowl: the noise repeats every 11 steps and never vanishes."""
    noise = ((7 * t + 3 * np.arange(4)) % 11 - 5) / 10
    return CURVATURE * (p - CENTER) + noise


def sgd(p, g, t, s, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False):
    g = (-g if maximize else g) + weight_decay * p
    if momentum:
        s["b"] = g if t == 1 else momentum * s["b"] + (1 - dampening) * g
        g = g + momentum * s["b"] if nesterov else s["b"]
    return p - lr * g


def adam(p, g, t, s, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, decoupled=False):
    if decoupled:
        p = p * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * p
    b1, b2 = betas
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g * g
    v = s["v"]
    if amsgrad:
        v = s["vmax"] = np.maximum(s.get("vmax", 0), v)
    m_hat = s["m"] / (1 - b1**t)
    v_hat = v / (1 - b2**t)
    return p - lr * m_hat / (np.sqrt(v_hat) + eps)


def adamw(p, g, t, s, weight_decay=0.01, **options):
    return adam(p, g, t, s, weight_decay=weight_decay, decoupled=True, **options)


def rmsprop(p, g, t, s, lr, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False):
    g = g + weight_decay * p
    s["s"] = alpha * s.get("s", 0) + (1 - alpha) * g * g
    variance = s["s"]
    if centered:
        s["a"] = alpha * s.get("a", 0) + (1 - alpha) * g
        variance = variance - s["a"] ** 2
    d = g / (np.sqrt(variance) + eps)
    if momentum:
        d = s["b"] = momentum * s.get("b", 0) + d
    return p - lr * d


def adagrad(p, g, t, s, lr, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10):
    g = g + weight_decay * p
    s["s"] = s.get("s", initial_accumulator_value) + g * g
    return p - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s["s"]) + eps)


# name: (formula, PyTorch's class, options)
RUNS = {
    "sgd": (sgd, "SGD", dict(lr=0.01)),
    "sgd_momentum": (sgd, "SGD", dict(lr=0.01, momentum=0.9)),
    "sgd_dampening": (sgd, "SGD", dict(lr=0.05, momentum=0.8, dampening=0.3, weight_decay=0.1)),
    "sgd_nesterov": (sgd, "SGD", dict(lr=0.01, momentum=0.9, weight_decay=0.05, nesterov=True)),
    "sgd_maximize": (sgd, "SGD", dict(lr=0.01, momentum=0.5, maximize=True)),
    "adam": (adam, "Adam", dict(lr=0.01)),
    "adam_decay": (adam, "Adam", dict(lr=0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
    "adam_amsgrad": (adam, "Adam", dict(lr=0.02, betas=(0.9, 0.9), amsgrad=True)),
    "adamw": (adamw, "AdamW", dict(lr=0.01)),
    "adamw_amsgrad": (adamw, "AdamW", dict(lr=0.02, betas=(0.7, 0.99), weight_decay=0.3, amsgrad=True)),
    "rmsprop": (rmsprop, "RMSprop", dict(lr=0.01)),
    "rmsprop_centered": (rmsprop, "RMSprop", dict(lr=0.005, alpha=0.9, eps=1e-2, centered=True)),
    "rmsprop_momentum": (rmsprop, "RMSprop", dict(lr=0.002, momentum=0.9)),
    "rmsprop_all": (
        rmsprop,
        "RMSprop",
        dict(lr=0.002, alpha=0.95, eps=1e-2, weight_decay=0.1, momentum=0.8, centered=True),
    ),
    "adagrad": (adagrad, "Adagrad", dict(lr=0.1)),
    "adagrad_all": (
        adagrad,
        "Adagrad",
        dict(lr=0.2, lr_decay=0.01, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3),
    ),
}


def trajectory(update):
    p, points = np.zeros(4), []
    for t in range(1, CHECKPOINTS[-1] + 1):
        p = update(p, t)
        if t in CHECKPOINTS:
            points.append(p)
    return points


def by_formula(formula, options):
    state = {}
    sign = -1 if options.get("maximize") else 1
    return trajectory(lambda p, t: formula(p, sign * gradient(p, t), t, state, **options))


def by_torch(name, options):
    import torch

    sign = -1 if options.get("maximize") else 1
    p = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, name)([p], **options)

    def update(_, t):
        p.grad = torch.from_numpy(sign * gradient(p.detach().numpy(), t))
        optimizer.step()
        return p.detach().numpy().copy()

    return trajectory(update)


def main():
    lines = [
        "// Trajectories of the optimizers by name: four parameters after 1, 2, 10, 100 and 1,000 steps. Written by",
        "// optim.py; do not edit.",
        "#pragma once",
        "",
        "#include <map>",
        "#include <string>",
        "#include <vector>",
        "",
        "namespace goldens {",
        "",
        "// clang-format off",
        "inline const std::vector<int> optim_checkpoints = {" + ", ".join(map(str, CHECKPOINTS)) + "};",
        "inline const std::map<std::string, std::vector<std::vector<double>>> optim = {",
    ]
    for name, (formula, torch_name, options) in RUNS.items():
        points = by_formula(formula, options)
        if "--torch" in sys.argv:
            difference = np.abs(np.array(points) - by_torch(torch_name, options)).max()
            print(f"{name:20} differs from PyTorch by {difference:.1e}")
            assert difference < 1e-12
        lines.append(f'    {{"{name}", {{')
        lines += ["        {" + ", ".join(repr(float(x)) for x in point) + "}," for point in points]
        lines.append("    }},")
    lines += ["};", "// clang-format on", "", "}  // namespace goldens", ""]
    pathlib.Path(__file__).with_suffix(".hpp").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
