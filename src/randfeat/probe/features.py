"""How much of the rows is left in a unit's output: how many directions they fill, and whether a line parts the classes."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randfeat.network import Network
from randfeat.probe.gram import Matrix, centred_gram, coordinates, eigenvalues
from randfeat.probe.walk import Readings, named, walk
from randfeat.typing import Weights

PENALTIES = tuple(10.0**k for k in range(-6, 3))
"""Tried on rows whose mean squared norm is 1."""


@torch.no_grad()
def features(net: Network, weights: Weights, x: Tensor, y_N: Tensor) -> Readings:
    """``rank``, ``participation`` and ``separability`` of the rows and of every unit's output for them.

    Rows without one class each have no separability.

    Cost: one forward pass, and for every unit N**2 D multiply-adds and an N x N eigendecomposition.
    """
    readings: Readings = {}
    classes = y_N.cpu().numpy() if y_N.ndim == 1 else None
    names = ("rank", "participation") if classes is None else ("rank", "participation", "separability")
    for unit, z in walk(net, weights, x):
        gram = centred_gram(z)
        if not np.isfinite(gram).all():
            readings |= named(unit, dict.fromkeys(names, math.nan))
            continue
        values = eigenvalues(gram)
        ranks = {"rank": effective_rank(values), "participation": participation_ratio(values)}
        readings |= named(unit, ranks if classes is None else {**ranks, "separability": separability(gram, classes)})
    return readings


def effective_rank(values: NDArray[np.float64]) -> float:
    """``exp(-sum p log p)`` with p the eigenvalues of the covariance as shares of their sum; 0 where all are zero.

    See: Roy and Vetterli, "The effective rank", EUSIPCO 2007.
    """
    if not values.any():
        return 0.0
    p = values[values > 0] / values.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def participation_ratio(values: NDArray[np.float64]) -> float:
    """``(sum v)**2 / sum v**2`` of the eigenvalues of the covariance; 0 where all are zero."""
    return float(values.sum() ** 2 / np.square(values).sum()) if values.any() else 0.0


def separability(gram: Matrix, y_N: NDArray[np.int64]) -> float:
    """Accuracy on the second half of the rows of a ridge classifier fitted to the first half (scikit-learn's).

    Its penalty is chosen on the first half by leave-one-out. nan where the first half has fewer than two classes; the
    share of the most frequent class where all rows are the same.
    """
    from sklearn.linear_model import RidgeClassifierCV

    half = len(y_N) // 2
    if len(set(y_N[:half])) < 2:
        return math.nan
    size = math.sqrt(np.trace(gram) / len(gram)) or 1.0
    points = coordinates(gram) / size
    classifier = RidgeClassifierCV(alphas=PENALTIES).fit(points[:half], y_N[:half])
    return float(classifier.score(points[half:], y_N[half:]))
