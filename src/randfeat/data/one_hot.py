"""Rows of symbols as rows of bytes, one channel for each symbol."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def one_hot(symbols_NT: npt.NDArray[np.int64], channels: int) -> Tensor:
    """(N, T) -> (N, T, channels): 255, which is 1 where nothing is scaled, in the channel of each symbol; 0 elsewhere."""
    return torch.from_numpy((255 * np.eye(channels, dtype=np.uint8))[symbols_NT])
