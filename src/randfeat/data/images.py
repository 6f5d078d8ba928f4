"""Images as uint8 (N, C, H, W): axes in order, grey, another size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

ROWS_AT_ONCE = 4096


def channels_first_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """(C, H, W) of images kept with these axes after the rows: H,W or C,H,W or H,W,C with C in {1, 3}; else None.

    Where both ends could be the channels, the first axis is.
    """
    if len(shape) == 2:
        return (1, *shape)
    if len(shape) == 3 and shape[0] in (1, 3):
        return shape
    if len(shape) == 3 and shape[2] in (1, 3):
        return (shape[2], shape[0], shape[1])
    return None


def channels_first(x: Tensor) -> Tensor:
    """Images as (N, C, H, W), from the axes that :func:`channels_first_shape` knows."""
    if x.ndim == 3:
        return x[:, None]
    return x.contiguous() if x.shape[1] in (1, 3) else x.permute(0, 3, 1, 2).contiguous()


def grey(x: Tensor) -> Tensor:
    """Luma of ITU-R BT.601, ``(299 R + 587 G + 114 B) / 1000`` rounded half up: (N, 3, H, W) -> (N, 1, H, W).

    One-channel images are grey already.
    """
    if x.shape[1] == 1:
        return x
    red, green, blue = x.to(torch.int32).unbind(1)
    return ((299 * red + 587 * green + 114 * blue + 500) // 1000).to(torch.uint8)[:, None]


def resized(x: Tensor, side: int) -> Tensor:
    """Images of ``side`` x ``side`` pixels, bilinear with antialiasing, rounded to whole grey values.

    A picture that is not square is squeezed, not cut.
    """
    return torch.cat([_resized(rows, side) for rows in torch.split(x, ROWS_AT_ONCE)])


def _resized(x: Tensor, side: int) -> Tensor:
    pixels = functional.interpolate(x.to(torch.float32), size=(side, side), mode="bilinear", antialias=True)
    return pixels.round().clamp(0, 255).to(torch.uint8)
