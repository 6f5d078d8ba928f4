"""The rows of an output as a matrix of inner products: all that ranks, distances and linear classifiers see of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Matrix = NDArray[np.float64]


def centred_gram(z: Tensor) -> Matrix:
    """``G_ij = <z_i - m, z_j - m>`` with m the mean row, N x N in float64. Its size does not depend on the unit's width."""
    flat = z.flatten(1).double()
    flat = flat - flat.mean(0)
    gram: Matrix = (flat @ flat.T).cpu().numpy()
    return gram


def eigenvalues(gram: Matrix) -> NDArray[np.float64]:
    """Those of the covariance of the rows (divided by N) that are not zero by reason of its size, ascending, >= 0."""
    found: NDArray[np.float64] = np.linalg.eigvalsh(gram) / len(gram)
    return np.clip(found, 0, None)


def coordinates(gram: Matrix) -> Matrix:
    """N points in N dimensions with these inner products: the rows, turned so that they fill no more than they need."""
    values, vectors = np.linalg.eigh(gram)
    points: Matrix = vectors * np.sqrt(np.clip(values, 0, None))
    return points
