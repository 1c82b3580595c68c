#!/usr/bin/python3
"""Writes schedules.hpp: learning rates by PyTorch's schedulers (1.13), as data for tests/optim/rules_test.cpp
and plateau_test.cpp."""
import pathlib
import warnings

import torch
from torch.optim import lr_scheduler as s

warnings.simplefilter("ignore")


def sgd(rate):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)


def rates(make, steps, base=0.8):
    optimizer = sgd(base)
    scheduler = make(optimizer)
    points = []
    for _ in range(steps):
        points.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return points


def one_cycle(steps, **options):
    optimizer = sgd(0.8)
    scheduler = s.OneCycleLR(optimizer, max_lr=0.8, total_steps=steps, cycle_momentum=False, **options)
    points = []
    for i in range(steps):
        points.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if i + 1 < steps:
            scheduler.step()
    return points


def sequential(optimizer):
    return s.SequentialLR(
        optimizer,
        [s.StepLR(optimizer, 2, 0.5), s.ExponentialLR(optimizer, 0.9), s.CosineAnnealingLR(optimizer, 50)],
        milestones=[5, 11],
    )


FIGURES = [1.0, 0.9, 0.9, 0.95, 0.89995, 0.91, 0.92, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, float("nan"), 0.4, 0.41, 0.42]
FIGURES += [0.43, 0.39, 0.399, 0.3895, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.6, 1.6, 1.6, 1.6]


def plateau(**options):
    optimizer = sgd(0.8)
    scheduler = s.ReduceLROnPlateau(optimizer, **options)
    points = []
    for figure in FIGURES:
        scheduler.step(figure)
        points.append(optimizer.param_groups[0]["lr"])
    return points


RULES = {
    "multi_step": rates(lambda o: s.MultiStepLR(o, [2, 5, 6], 0.5), 10),
    "exponential": rates(lambda o: s.ExponentialLR(o, 0.9), 12),
    "one_cycle": one_cycle(20),
    "one_cycle_linear": one_cycle(17, pct_start=0.4, div_factor=10, final_div_factor=50, anneal_strategy="linear"),
    "one_cycle_three": one_cycle(23, three_phase=True),
    "one_cycle_short": one_cycle(3),
    "restarts": rates(lambda o: s.CosineAnnealingWarmRestarts(o, 4), 13),
    "restarts_growing": rates(lambda o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.05), 30),
    "chained": rates(lambda o: s.ChainedScheduler([s.ExponentialLR(o, 0.9), s.StepLR(o, 3, 0.5)]), 12),
    "sequential": rates(sequential, 25),
}
PLATEAUS = {
    "defaults": plateau(),
    "patience": plateau(patience=2),
    "cooldown": plateau(patience=1, cooldown=2, factor=0.5, min_lr=0.03),
    "maximize": plateau(mode="max", patience=1, factor=0.5),
    "absolute": plateau(patience=0, threshold=0.2, threshold_mode="abs", factor=0.7),
    "absolute_maximize": plateau(mode="max", patience=1, threshold=0.3, threshold_mode="abs", factor=0.7),
    "eps": plateau(patience=0, eps=0.1, factor=0.5),
}


def number(x):
    return "NAN" if x != x else repr(float(x))


def table(name, rows):
    lines = [f"inline const std::map<std::string, std::vector<double>> {name} = {{"]
    for key, points in rows.items():
        lines.append(f'    {{"{key}", {{' + ", ".join(map(number, points)) + "}},")
    return lines + ["};"]


lines = [
    "// Learning rates by PyTorch's schedulers. Written by schedules.py; do not edit.",
    "#pragma once",
    "",
    "#include <cmath>",
    "#include <map>",
    "#include <string>",
    "#include <vector>",
    "",
    "namespace goldens {",
    "",
    "// clang-format off",
    *table("schedules", RULES),
    "inline const std::vector<double> plateau_figures = {" + ", ".join(map(number, FIGURES)) + "};",
    *table("plateaus", PLATEAUS),
    "// clang-format on",
    "",
    "}  // namespace goldens",
    "",
]
pathlib.Path(__file__).with_suffix(".hpp").write_text("\n".join(lines))
