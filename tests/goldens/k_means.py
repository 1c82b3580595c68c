#!/usr/bin/env python3
"""Writes k_means.hpp beside this file: what scikit-learn's KMeans makes of given first centres.

Made with scikit-learn 1.2.1 and NumPy 1.24.
"""

import numpy as np
import torch
from sklearn.cluster import KMeans

from arrays import keep, write

rng = np.random.default_rng(11)


def put(name, values):
    keep(name, torch.tensor(np.asarray(values, dtype=np.float64)))
    return values


# Overlapping groups, so that points change sides for several iterations.
points = put("points", np.round(rng.normal(size=(60, 3)) + 1.2 * rng.integers(0, 3, (60, 1)), 4))
start = put("start", points[:4])
fitted = KMeans(4, init=start, n_init=1, tol=0, algorithm="lloyd").fit(points)
put("centres", fitted.cluster_centers_)
put("clusters", fitted.labels_)
put("inertia", fitted.inertia_)

# A first centre far from all points, which loses its cluster at once.
lost = put("lost_start", np.vstack([points[:3], [[50, 50, 50]]]))
fitted = KMeans(4, init=lost, n_init=1, tol=0, algorithm="lloyd").fit(points)
put("lost_centres", fitted.cluster_centers_)
put("lost_clusters", fitted.labels_)
put("lost_inertia", fitted.inertia_)

write(__file__, "scikit-learn")
