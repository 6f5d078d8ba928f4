"""The words that the families share: symbols, array aliases, the task and its examples.

Symbols, as suffixes of names: N rows (examples), D inputs, P features (what the head sees), K classes, S stacked runs.
``phi_train_NP`` is a matrix with a row for each training example and a column for each feature.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

Weights = dict[str, Tensor]
"""Tensors by their name in the network, ``block1_1.conv.weight``."""


@dataclass(frozen=True)
class Task:
    """What a network is built for: the shape of one input, and the number of classes.

    ``shape`` is (channels, height, width) for images and (D,) for plain vectors.
    """

    shape: tuple[int, ...]
    n_classes: int

    @property
    def n_inputs(self) -> int:
        """D: numbers in one input."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Examples:
    """Inputs and their classes: ``x`` (N, ...) and ``y_N`` (whole numbers from 0 to K - 1), on one device."""

    x: Tensor
    y_N: Tensor

    def __len__(self) -> int:
        return len(self.y_N)

    def blocks(self) -> Iterator[Examples]:
        """The examples in blocks of rows, see :func:`row_blocks`."""
        return (block for _, block in self.numbered_blocks())

    def numbered_blocks(self) -> Iterator[tuple[slice, Examples]]:
        """The same, each with the rows that it is made of."""
        end = 0
        for x in row_blocks(self.x):
            rows = slice(end, end := end + len(x))
            yield rows, Examples(x, self.y_N[rows])


MOST_ROWS = 1000
"""Of a block."""


def row_blocks(x: Tensor) -> Iterator[Tensor]:
    """``x`` in nearly equal blocks of at most ``MOST_ROWS`` rows and 4 million numbers; they depend on its shape alone."""
    rows = max(1, min(MOST_ROWS, 2**22 // max(1, x[0].numel()))) if len(x) else 1
    return iter(x.tensor_split(max(1, -(-len(x) // rows))))
