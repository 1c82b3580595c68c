#!/usr/bin/env python3
"""Writes linalg.hpp beside this file: what NumPy gives for linear equations and factorisations.

Made with NumPy 1.24 in float64. Matrices: a Hilbert matrix (ill-conditioned), Wilkinson's W+ (pairs of eigenvalues that nearly
coincide), Frank's (determinant 1), a Vandermonde matrix (tall), random ones in batches.
"""

import numpy as np
import torch

from arrays import keep as keep_tensor
from arrays import write


def keep(name, array):
    keep_tensor(name, torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64)))
    return array


rng = np.random.default_rng(7)


def hilbert(n):
    i = np.arange(n)
    return 1.0 / (i[:, None] + i + 1)


def wilkinson(n):
    return np.diag(np.abs(np.arange(n) - (n - 1) / 2)) + np.eye(n, k=1) + np.eye(n, k=-1)


def frank(n):
    i, j = np.indices((n, n))
    return np.where(j >= i - 1, n - np.maximum(i, j), 0).astype(float)


def square(name, a, b):
    keep(name, a)
    keep(f"{name}/b", b)
    keep(f"{name}/solve", np.linalg.solve(a, b))
    keep(f"{name}/inverse", np.linalg.inv(a))
    keep(f"{name}/det", np.linalg.det(a))
    sign, log_abs = np.linalg.slogdet(a)
    keep(f"{name}/sign", sign)
    keep(f"{name}/log_abs", log_abs)


def symmetric(name, a):
    keep(f"{name}/eigenvalues", np.linalg.eigh(a)[0])
    vectors = np.linalg.eigh(a)[1]
    weights = np.arange(1.0, a.shape[-1] + 1)
    keep(f"{name}/projectors", (vectors * weights) @ np.swapaxes(vectors, -1, -2))


def rectangular(name, a, b):
    keep(name, a)
    keep(f"{name}/b", b)
    q, r = np.linalg.qr(a)
    keep(f"{name}/q", q)
    keep(f"{name}/r", r)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    keep(f"{name}/s", s)
    weights = np.arange(1.0, s.shape[-1] + 1)
    keep(f"{name}/uvh", (u * weights) @ vh)
    keep(f"{name}/pinverse", np.linalg.pinv(a))
    keep(f"{name}/lstsq", np.linalg.pinv(a) @ b if a.ndim > 2 else np.linalg.lstsq(a, b, rcond=None)[0])


square("hilbert", hilbert(6), np.ones((6, 1)))
keep("hilbert/cholesky", np.linalg.cholesky(hilbert(6)))
symmetric("hilbert", hilbert(6))
keep("wilkinson", wilkinson(21))
keep("wilkinson/eigenvalues", np.linalg.eigvalsh(wilkinson(21)))
square("frank", frank(7), rng.standard_normal((7, 2)))
square("random", rng.standard_normal((2, 3, 4, 4)), rng.standard_normal((2, 3, 4, 2)))
half = rng.standard_normal((2, 4, 4))
definite = keep("definite", half @ np.swapaxes(half, -1, -2) + 0.5 * np.eye(4))
keep("definite/cholesky", np.linalg.cholesky(definite))
symmetric("definite", definite)
rectangular("vandermonde", np.vander(np.linspace(-1, 1, 7), 4), rng.standard_normal((7, 2)))
rectangular("wide", rng.standard_normal((3, 5)), rng.standard_normal((3, 2)))
rectangular("tall", rng.standard_normal((2, 2, 5, 3)), rng.standard_normal((2, 2, 5, 1)))
deficient = keep("deficient", rng.standard_normal((5, 2)) @ rng.standard_normal((2, 4)))
keep("deficient/pinverse", np.linalg.pinv(deficient, rcond=1e-10))
keep("deficient/coarse", np.linalg.pinv(deficient + np.eye(5, 4) * 1e-4, rcond=1e-2))

write(__file__, "NumPy")
