#!/usr/bin/env python3
"""Writes sklearn_data.hpp beside this file: what scikit-learn gives for scalers. Made with scikit-learn 1.2.1."""

import numpy as np
import torch
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from arrays import keep as keep_tensor, write


def keep(name, array):
    keep_tensor(name, torch.from_numpy(np.array(array, dtype=np.float64)))


rng = np.random.default_rng(5)
train = rng.normal(size=(7, 5)) * [1, 100, 1e-3, 5, 1] + [0, 1e6, -3, 2, 0]
train[:, 3] = 0.1  # a constant that has no exact binary form
other = rng.normal(size=(3, 5)) * [1, 100, 1e-3, 5, 1] + [0, 1e6, -3, 2, 0]
keep("train", train)
keep("other", other)

standard = StandardScaler().fit(train)
keep("standard/mean", standard.mean_)
keep("standard/scale", standard.scale_)
keep("standard/train", standard.transform(train))
keep("standard/other", standard.transform(other))
keep("standard/inverse", standard.inverse_transform(other))

for name, options in {"minmax": {}, "minmax/range": {"feature_range": (-2, 3)},
                      "minmax/clip": {"feature_range": (-1, 1), "clip": True}}.items():
    scaler = MinMaxScaler(**options).fit(train)
    keep(f"{name}/minimum", scaler.data_min_)
    keep(f"{name}/train", scaler.transform(train))
    keep(f"{name}/other", scaler.transform(other))
    keep(f"{name}/inverse", scaler.inverse_transform(other))

write(__file__, "scikit-learn")
