"""Random flips and crops of a batch of images; drawn on the CPU, so that every device sees the same batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from randfeat.seeds import Stream


@dataclass(frozen=True)
class FlipAndCrop:
    """Each image is padded with zeros, cut to its old size at a random place, then mirrored with chance 1/2.

    One flip bit and two offsets are drawn for each image whether they are used or not: switching flips on changes no
    crop.

    See: He et al., CVPR (2016), section 4.2.
    """

    flip: bool
    crop_pad: int

    def __call__(self, x: Tensor, draws: Stream) -> Tensor:
        """uint8 (N, C, H, W) -> the same shape, type and device."""
        n, channels, height, width = x.shape
        flip_N = torch.from_numpy(draws.integers(0, 2, n)).bool() & self.flip
        top_N, left_N = torch.from_numpy(draws.integers(0, 2 * self.crop_pad + 1, (2, n)))
        columns_W = torch.arange(width)
        row_NH = top_N[:, None] + torch.arange(height)
        column_NW = left_N[:, None] + torch.where(flip_N[:, None], columns_W.flip(0), columns_W)
        padded = functional.pad(x, (self.crop_pad,) * 4)
        image_N = torch.arange(n, device=x.device)[:, None, None, None]
        channel_C = torch.arange(channels, device=x.device)[:, None, None]
        return padded[image_N, channel_C, row_NH.to(x.device)[:, None, :, None], column_NW.to(x.device)[:, None, None]]
