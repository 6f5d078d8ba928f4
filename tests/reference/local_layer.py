"""A layer of convolve, square, sum and root with a filter of its own at every place, in loops."""

from __future__ import annotations

import numpy as np

from tests.reference import patch_codes


def local_responses(images, filters, kernel, stride):
    """(N, maps, places down, places across), for filters (maps * places, C, kernel, kernel), map by map, row by row."""
    seen = np.stack([patch_codes.windows(image, kernel, stride) for image in images])
    n, down, across, _ = seen.shape
    maps = len(filters) // (down * across)
    z = np.empty((n, maps, down, across))
    row = 0
    for m in range(maps):
        for i in range(down):
            for j in range(across):
                z[:, m, i, j] = seen[:, i, j] @ filters[row].ravel()
                row += 1
    return z


def squares_pooled(z, pool, pool_stride, root):
    """The sums of squares over windows of the maps, or their roots."""
    sums = patch_codes.pooled(z**2, pool, pool_stride, 0, lambda window: window.sum(-1), 0)
    return np.sqrt(sums) if root else sums
