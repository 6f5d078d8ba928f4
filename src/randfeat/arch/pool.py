"""Pooling over windows of a map: average, sum, maximum, or the root of the sum of squares."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pooling = Literal["none", "average", "sum", "max", "root"]


class Pool(nn.Module):
    """One number for each window of each map: its ``average``, ``sum``, ``max``, or ``root`` = sqrt(sum of squares).

    Outside of the map lie zeros, which an average counts and a maximum does not. Places that fill no window are left out.
    The gradient of a root is 0 where its window is 0.

    Args:
        kind: which number.
        size: of a window, down and across.
        stride: from a window to the next, down and across.
        padding: places outside of the map on every side, at most half a window.
    """

    def __init__(self, kind: Pooling, size: tuple[int, int], stride: tuple[int, int], padding: int) -> None:
        super().__init__()
        self.kind, self.size, self.stride, self.padding = kind, size, stride, padding

    def forward(self, z: Tensor) -> Tensor:
        """(N, maps, H, W) -> (N, maps, windows down, windows across)."""
        if self.kind == "none":
            return z
        if self.kind == "max":
            return F.max_pool2d(z, self.size, self.stride, self.padding)
        if self.kind == "average":
            return F.avg_pool2d(z, self.size, self.stride, self.padding)
        summed = z.square() if self.kind == "root" else z
        sums = F.avg_pool2d(summed, self.size, self.stride, self.padding, divisor_override=1)
        return sums.clamp(min=torch.finfo(z.dtype).tiny).sqrt() if self.kind == "root" else sums
