#!/usr/bin/env python3
"""Writes metrics.hpp beside this file: what scikit-learn gives for classification, regression and clusters.

Made with scikit-learn 1.2.1 and NumPy 1.24.
"""

import numpy as np
import torch
from sklearn import metrics as m
from sklearn.metrics.cluster import contingency_matrix

from arrays import keep, write

rng = np.random.default_rng(5)


def put(name, values):
    keep(name, torch.tensor(np.asarray(values, dtype=np.float64)))
    return values


# ------------------------------------------------------------------------------------------- several classes

n, classes = 60, 5
truth = put("classes_truth", rng.integers(0, 4, n))  # class 4 never occurs
logits = rng.normal(size=(n, classes))
logits[np.arange(n), truth] += 1.0
logits[:, 3] -= 9  # class 3 is never answered
put("classes_logits", logits)
answer = logits.argmax(1)
every = range(classes)
put("accuracy", m.accuracy_score(truth, answer))
for k in (2, 3):
    put(f"top_{k}", m.top_k_accuracy_score(truth, logits, k=k, labels=every))
put("confusion", m.confusion_matrix(truth, answer, labels=every))
for name, score in (("precision", m.precision_score), ("recall", m.recall_score), ("f1", m.f1_score)):
    for average in (None, "macro", "micro", "weighted"):
        put(f"{name}/{average or 'each'}", score(truth, answer, labels=every, average=average, zero_division=0))
put("perplexity", np.exp(m.log_loss(truth, torch.softmax(torch.tensor(logits), 1).numpy(), labels=every)))

# ----------------------------------------------------------------------------------------------- two classes

binary = put("binary_truth", rng.integers(0, 2, 70))
scores = put("binary_scores", np.round(np.clip(rng.normal(0.45 + 0.15 * binary, 0.2), 0.01, 0.99), 1))  # with ties
for threshold in (0.5, 0.3):
    said = scores > threshold
    put(f"binary_accuracy/{threshold}", m.accuracy_score(binary, said))
    put(f"binary_precision/{threshold}", m.precision_score(binary, said))
    put(f"binary_recall/{threshold}", m.recall_score(binary, said))
    put(f"binary_f1/{threshold}", m.f1_score(binary, said))
fpr, tpr, thresholds = m.roc_curve(binary, scores, drop_intermediate=False)
put("roc_fpr", fpr)
put("roc_tpr", tpr)
put("roc_thresholds", thresholds[1:])  # the first one is max + 1 in this version, infinite in later ones
put("roc_auc", m.roc_auc_score(binary, scores))

# --------------------------------------------------------------------------------------------------- numbers

target = put("numbers_target", rng.normal(1e6, 1, 50))  # far from 0: squares would cancel
guess = put("numbers_guess", target + rng.normal(0, 0.5, 50))
put("mae", m.mean_absolute_error(target, guess))
put("rmse", m.mean_squared_error(target, guess, squared=False))
put("r2", m.r2_score(target, guess))

# -------------------------------------------------------------------------------------------------- clusters

group = put("clusters_truth", rng.integers(0, 3, 80))
found = put("clusters_found", np.where(rng.random(80) < 0.7, group + 10, rng.integers(8, 13, 80)))
put("rand", m.adjusted_rand_score(group, found))
put("purity", contingency_matrix(group, found).max(axis=0).sum() / 80)

write(__file__, "scikit-learn")
