"""Random rectangles in an image."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from randfeat.seeds import Stream


def rectangles(sides: tuple[int, int], borders: tuple[int, int], min_area: int, n: int, stream: Stream) -> Tensor:
    """(n, height, width) of True inside and False outside: rectangles drawn uniformly from all that are allowed.

    Allowed are those that keep ``borders`` pixels from the upper and lower, and from the left and right edge of the image, and
    hold ``min_area`` pixels or more; where fewer are left within the borders, all of those. Of height h and width w there are
    (H - h + 1)(W - w + 1), H and W the sides less their borders.

    Cost: H W, and one whole number from the stream for each rectangle.
    """
    H, W = (side - 2 * border for side, border in zip(sides, borders, strict=True))
    h, w = np.arange(1, H + 1)[:, None], np.arange(1, W + 1)
    ways = np.where(h * w >= min(min_area, H * W), (H - h + 1) * (W - w + 1), 0).ravel()
    ends = ways.cumsum()
    number = stream.integers(ends[-1], size=n)
    size = np.searchsorted(ends, number, side="right")
    height, width = size // W + 1, size % W + 1
    top, left = np.divmod(number - ends[size] + ways[size], W - width + 1)
    down, across = (
        _between(torch.from_numpy(start) + border, torch.from_numpy(length), side)
        for start, length, border, side in zip((top, left), (height, width), borders, sides, strict=True)
    )
    return down[:, :, None] & across[:, None, :]


def _between(start_n: Tensor, length_n: Tensor, side: int) -> Tensor:
    """(n, side): True in ``length`` places from ``start`` on."""
    place = torch.arange(side)
    return (place >= start_n[:, None]) & (place < (start_n + length_n)[:, None])
