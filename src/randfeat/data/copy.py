"""Symbols that have to be remembered over a stretch of blanks and then be given back."""

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
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import stream
from randfeat.typing import Examples, Task


@register("data", "copy")
@dataclass(frozen=True, kw_only=True)
class Copy(AbstractData):
    """Symbols to be given back after a long pause: a test of memory; built in.

    A row is ``items`` symbols, each uniform on ``symbols`` of them; T - 1 blanks; a marker; ``items`` blanks, during which
    the symbols are asked for in their order: T + 2 * items steps, and as many answers as items, at the last steps. A step
    is one-hot in symbols + 2 channels, the last two for the blank and the marker, kept as bytes 0 and 255 for 0 and 1.

    Published losses are means over all steps, where at those before the answers a blank is asked for as well. A network
    without a fault there has ``share_asked`` times the loss here: log 8 here is 10 log 8 / (T + 20) there.

    Attributes:
        length: T, steps from the last symbol to the marker.
        items: symbols to be remembered.
        symbols: different symbols there are, K.
        variable: T differs from row to row, uniform on 1 to ``length``; blanks go before the symbols, so that all rows end
            alike and have as many steps.
        rows: training rows there are.
        test_rows: test rows there are, drawn independently of the training rows.
        draw: which draw of the rows; not the data seed, so that the test rows stay the same for every seed.
        scaling: as for every data set, but ``none`` unless asked for.

    See: Hochreiter and Schmidhuber, Neural Computation 9 (1997); Arjovsky, Shah and Bengio, ICML (2016), whose form this is;
    Tallec and Ollivier, ICLR (2018), for ``variable``.
    """

    length: int = setting(20, ge=1)
    items: int = setting(10, ge=1)
    symbols: int = setting(8, ge=2)
    variable: bool = False
    rows: int = setting(2000, ge=1)
    test_rows: int = setting(1000, ge=1)
    draw: int = setting(0, ge=0)
    scaling: Literal["standardise", "rows", "zca", "none"] = "none"

    @property
    def steps(self) -> int:
        """Of a row: T + 2 * items."""
        return self.length + 2 * self.items

    @property
    def chance_loss(self) -> float:
        """Nats for each answer without any memory: log(symbols)."""
        return math.log(self.symbols)

    @property
    def share_asked(self) -> float:
        """The share of the steps at which a symbol is asked for: published losses over those here."""
        return self.items / self.steps

    def raw_task(self) -> Task:
        """Sequences with an answer for each of the last steps."""
        return Task((self.steps, self.symbols + 2), self.symbols, (self.items,))

    def read(self, folder: Path) -> Raw:
        """The rows of this draw; the folder is not looked at."""
        return Raw(self._drawn(self.rows, "train"), self._drawn(self.test_rows, "test"))

    def _drawn(self, n: int, split: str) -> Examples:
        purpose = ("data", "copy", split)
        y_NS = stream(self.draw, *purpose, "symbols").integers(0, self.symbols, (n, self.items))
        pause_N = np.full(n, self.length)
        if self.variable:
            pause_N = stream(self.draw, *purpose, "pauses").integers(1, self.length, n, endpoint=True)
        blank, marker = self.symbols, self.symbols + 1
        steps_NT = np.full((n, self.steps), blank)
        steps_NT[:, -self.items - 1] = marker
        first_N = self.length - pause_N
        np.put_along_axis(steps_NT, first_N[:, None] + np.arange(self.items), y_NS, 1)
        return Examples(one_hot(steps_NT, self.symbols + 2), torch.from_numpy(y_NS))
