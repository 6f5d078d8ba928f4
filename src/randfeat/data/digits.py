"""Handwritten digits that come with scikit-learn: nothing to download."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from randfeat.data.base import AbstractData
from randfeat.data.dataset import Raw
from randfeat.registry import register
from randfeat.typing import Examples, Task

N_TEST = 360


@register("data", "digits")
@dataclass(frozen=True, kw_only=True)
class Digits(AbstractData):
    """Handwritten digits, 1,797 grey images of 8x8 pixels in 10 classes; built in.

    The last 360 rows are the test set (the first 1,437 train); grey values from 0 to 16 become ``round(255 v / 16)``.

    See: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI (1998).
    """

    def raw_task(self) -> Task:
        """Images of one channel, 8x8."""
        return Task((1, 8, 8), 10)

    def read(self, folder: Path) -> Raw:
        """The rows in scikit-learn's order; the folder is not looked at."""
        from sklearn.datasets import load_digits  # takes a second to import

        digits = load_digits()
        x = torch.from_numpy(np.round(digits.images * 255 / 16).astype(np.uint8))[:, None]
        y_N = torch.from_numpy(digits.target.astype(np.int64))
        return Raw(Examples(x[:-N_TEST], y_N[:-N_TEST]), Examples(x[-N_TEST:], y_N[-N_TEST:]))
