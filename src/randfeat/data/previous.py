"""The symbol before the present one, where time runs slowly or at every pace: for tests of invariance to time warps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from randfeat.data.base import AbstractData
from randfeat.data.dataset import Raw
from randfeat.data.one_hot import one_hot
from randfeat.errors import ConfigError
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import stream
from randfeat.typing import Examples, Task


@register("data", "previous")
@dataclass(frozen=True, kw_only=True)
class Previous(AbstractData):
    """Symbols, each for some steps; at each step the one before the present one is asked for; built in.

    The first symbol is uniform on ``symbols`` of them, each other one on those that differ from the one before it. A row is
    cut after ``length`` steps. Nothing is asked for while there is no symbol before the present one. A step is one-hot, kept
    as bytes 0 and 255 for 0 and 1.

    Attributes:
        length: T, steps of a row; more than ``stretch``.
        symbols: different symbols there are, K.
        stretch: steps that a symbol takes. 1: no warp.
        variable: a symbol takes a number of steps that is uniform on 1 to ``stretch``, drawn anew for each.
        filling: what fills the steps: the symbol again and again (``repeat``), or a blank after its first step (``pad``), which
            has a channel of its own.
        rows: training rows there are.
        test_rows: test rows there are, drawn independently of the training rows.
        draw: which draw of the rows; not the data seed, so that the test rows stay the same for every seed.
        scaling: as for every data set, but ``none`` unless asked for.

    Raises:
        ConfigError: rows so short that they may have one symbol only.

    See: Tallec and Ollivier, ICLR (2018), after whose warped and padded tasks this is.
    """

    length: int = setting(40, ge=2)
    symbols: int = setting(10, ge=2)
    stretch: int = setting(4, ge=1)
    variable: bool = False
    filling: Literal["repeat", "pad"] = "repeat"
    rows: int = setting(2000, ge=1)
    test_rows: int = setting(1000, ge=1)
    draw: int = setting(0, ge=0)
    scaling: Literal["standardise", "rows", "zca", "none"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length <= self.stretch:
            raise ConfigError(
                f"data.length must be more than data.stretch, so that every row has two symbols: got data.length={self.length}"
                f" and data.stretch={self.stretch}."
            )

    @property
    def chance_loss(self) -> float:
        """Nats for each answer of who knows the present symbol alone: log(symbols - 1)."""
        return math.log(self.symbols - 1)

    def raw_task(self) -> Task:
        """Sequences with an answer for each step."""
        return Task((self.length, self.symbols + (self.filling == "pad")), self.symbols, (self.length,))

    def read(self, folder: Path) -> Raw:
        """The rows of this draw; the folder is not looked at."""
        return Raw(self._drawn(self.rows, "train"), self._drawn(self.test_rows, "test"))

    def _drawn(self, n: int, split: str) -> Examples:
        purpose, shape = ("data", "previous", split), (n, self.length)
        moved_NT = stream(self.draw, *purpose, "symbols").integers(1, self.symbols, shape)
        moved_NT[:, 0] = stream(self.draw, *purpose, "first").integers(0, self.symbols, n)
        symbol_NT = moved_NT.cumsum(1) % self.symbols  # the first, the second, ...
        spans_NT = np.full(shape, self.stretch)
        if self.variable:
            spans_NT = stream(self.draw, *purpose, "spans").integers(1, self.stretch, shape, endpoint=True)
        starts_NT = spans_NT.cumsum(1) - spans_NT
        is_first_NT = np.zeros((n, self.length + 1), bool)
        np.put_along_axis(is_first_NT, starts_NT.clip(max=self.length), True, 1)
        is_first_NT = is_first_NT[:, :-1]
        which_NT = is_first_NT.cumsum(1) - 1
        shown_NT = np.take_along_axis(symbol_NT, which_NT, 1)
        if self.filling == "pad":
            shown_NT = np.where(is_first_NT, shown_NT, self.symbols)
        y_NT = np.where(which_NT > 0, np.take_along_axis(symbol_NT, which_NT - 1, 1), -1)
        return Examples(one_hot(shown_NT, self.raw_task().shape[1]), torch.from_numpy(y_NT))
