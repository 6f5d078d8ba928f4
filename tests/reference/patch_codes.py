"""A convolution, window by window, and pooling, window by window, in loops."""

from __future__ import annotations

import numpy as np


def windows(image, size, stride):
    """(places down, places across, d): the windows of an image (C, H, W), channels first in each."""
    tops = range(0, image.shape[1] - size + 1, stride)
    lefts = range(0, image.shape[2] - size + 1, stride)
    return np.array([[image[:, i : i + size, j : j + size].ravel() for j in lefts] for i in tops])


def normalised(patch, c):
    """``(p - mean) / sqrt(variance + c)``."""
    return (patch - patch.mean()) / np.sqrt(patch.var() + c)


def responses(images, filters, bias, *, stride=1, padding=0, mode="constant", contrast=None):
    """(N, filters, places down, places across)."""
    size = filters.shape[-1]
    maps = []
    for image in images:
        seen = windows(np.pad(image, ((0, 0), (padding, padding), (padding, padding)), mode=mode), size, stride)
        if contrast is not None:
            seen = np.array([[normalised(patch, contrast) for patch in row] for row in seen])
        maps.append(np.moveaxis(seen @ filters.reshape(len(filters), -1).T + bias, -1, 0))
    return np.array(maps)


def pooled(maps, size, stride, padding, number, outside):
    """``number`` of the windows of the maps (N, maps, H, W), with ``outside`` around them."""
    around = (padding, padding)
    wide = np.pad(maps, ((0, 0), (0, 0), around, around), constant_values=outside)
    tops = range(0, wide.shape[2] - size + 1, stride)
    lefts = range(0, wide.shape[3] - size + 1, stride)
    cells = [[number(wide[:, :, i : i + size, j : j + size].reshape(*maps.shape[:2], -1)) for j in lefts] for i in tops]
    return np.moveaxis(np.array(cells), (0, 1), (2, 3))
