"""A unit that convolves, squares and sums over all places, as a matrix with a row for every place of its filter."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def placed(kernel, n, *, circular):
    """(places, n * n): the filter at every place of an n x n image, around its edges or within them alone."""
    side = len(kernel)
    last = n if circular else n - side + 1
    matrix = sparse.lil_array((last * last, n * n))
    for top in range(last):
        for left in range(last):
            for i in range(side):
                for j in range(side):
                    matrix[top * last + left, (top + i) % n * n + (left + j) % n] += kernel[i, j]
    return matrix.tocsr()


def response(matrix, x):
    """The sum of the squares of the filter's values."""
    return float(((matrix @ x.flatten()) ** 2).sum())


def sinusoid(n, v, h, phase):
    """The n x n image sqrt(2) / n * cos(2 pi (m v + s h) / n + phase), of norm 1 unless 2 v and 2 h are multiples of n."""
    m, s = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    return np.sqrt(2) / n * np.cos(2 * np.pi * (m * v + s * h) / n + phase)
