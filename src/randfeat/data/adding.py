"""Two numbers of a long sequence, marked, whose sum is asked for at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from randfeat.data.base import AbstractData
from randfeat.data.dataset import Raw
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import stream
from randfeat.typing import Examples, Task


@register("data", "adding")
@dataclass(frozen=True, kw_only=True)
class Adding(AbstractData):
    """The sum of two marked numbers of a sequence: a test of memory, and a regression; built in.

    A step has two channels: a number, uniform on [0, 1], and a mark, 1 at one step of the first half of the row (length // 2
    steps) and at one of the second half, 0 elsewhere. The answer is the sum of the two marked numbers.

    Who always answers 1 has the mean squared error 1 / 6, the variance of the sum, and is within 0.04, which counts as right,
    for 1 - 0.96**2 = 7.8 % of the rows. In the first form of the task (numbers on [-1, 1], answer 0.5 + their sum / 4) the same
    0.04 allows for twice as large an error of the sum here.

    Attributes:
        length: T, steps of a row.
        rows: training rows there are.
        test_rows: test rows there are, drawn independently of the training rows.
        draw: which draw of the rows; not the data seed, so that the test rows stay the same for every seed.
        scaling: as for every data set, but ``none`` unless asked for.

    See: Hochreiter and Schmidhuber, Neural Computation 9 (1997), section 5.4; Arjovsky, Shah and Bengio, ICML (2016), whose
    form this is.
    """

    length: int = setting(30, ge=2)
    rows: int = setting(2000, ge=1)
    test_rows: int = setting(1000, ge=1)
    draw: int = setting(0, ge=0)
    scaling: Literal["standardise", "rows", "zca", "none"] = "none"

    def raw_task(self) -> Task:
        """Sequences of a number and a mark, with one number for an answer."""
        return Task((self.length, 2), 1, numbers=True)

    def read(self, folder: Path) -> Raw:
        """The rows of this draw; the folder is not looked at."""
        return Raw(self._drawn(self.rows, "train"), self._drawn(self.test_rows, "test"))

    def _drawn(self, n: int, split: str) -> Examples:
        purpose = ("data", "adding", split)
        half, each = self.length // 2, np.arange(n)
        value_NT = stream(self.draw, *purpose, "numbers").random((n, self.length), np.float32)
        mark_NT = np.zeros_like(value_NT)
        mark_NT[each, stream(self.draw, *purpose, "first").integers(0, half, n)] = 1
        mark_NT[each, stream(self.draw, *purpose, "second").integers(half, self.length, n)] = 1
        y_N1 = (value_NT * mark_NT).sum(1, keepdims=True)
        return Examples(torch.from_numpy(np.stack([value_NT, mark_NT], 2)), torch.from_numpy(y_N1))
