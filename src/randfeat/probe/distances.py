"""Whether rows that are near each other stay near: pairwise distances before and after."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randfeat.network import Network
from randfeat.probe.gram import Matrix, centred_gram
from randfeat.probe.walk import Readings, named, walk
from randfeat.typing import Weights

Vector = NDArray[np.float64]


@torch.no_grad()
def distances(net: Network, weights: Weights, x: Tensor) -> Readings:
    """``distance_pearson``, ``distance_spearman`` and ``distance_ratio`` of every unit's output against the rows.

    Cost: one forward pass, and N**2 D multiply-adds for every unit.
    See: Giryes, Sapiro and Bronstein, IEEE Trans. Signal Processing 64 (2016).
    """
    before = pairwise(centred_gram(x))
    readings: Readings = {}
    for unit, z in walk(net, weights, x):
        readings |= named(unit, preserved(before, pairwise(centred_gram(z))))
    return readings


def pairwise(gram: Matrix) -> Vector:
    """The Euclidean distances of all pairs i < j, from ``|z_i - z_j|**2 = G_ii + G_jj - 2 G_ij``."""
    i, j = np.triu_indices(len(gram), 1)
    squares: Vector = gram[i, i] + gram[j, j] - 2 * gram[i, j]
    return np.sqrt(np.clip(squares, 0, None))


def preserved(before: Vector, after: Vector) -> dict[str, float]:
    """How well distances survive: correlation of the pairs' distances, of their ranks, and the mean of log(after / before).

    1, 1 and 0 where a map keeps all distances. The logarithm is over the pairs with both distances above zero. A
    correlation is nan where all distances are equal; of one row, which has no pair, all are.
    """
    from scipy.stats import pearsonr, spearmanr

    both = (before > 0) & (after > 0)
    ratio = float(np.log(after[both] / before[both]).mean()) if both.any() else math.nan
    if not len(before) or not np.isfinite(after).all() or before.min() == before.max() or after.min() == after.max():
        return {"distance_pearson": math.nan, "distance_spearman": math.nan, "distance_ratio": ratio}
    return {
        "distance_pearson": float(pearsonr(before, after).statistic),
        "distance_spearman": float(spearmanr(before, after).statistic),
        "distance_ratio": ratio,
    }
