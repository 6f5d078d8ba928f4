"""The words that the families share: symbols, array aliases, the task and its examples.

Symbols, as suffixes of names: N rows (examples), D inputs, P features (what the head sees), K classes, S stacked runs.
``phi_train_NP`` is a matrix with a row for each training example and a column for each feature.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Weights = dict[str, Tensor]
"""Tensors by their name in the network, ``block1_1.conv.weight``."""


Kind = Literal["vectors", "images", "sequences", "graph"]


@dataclass(frozen=True)
class Task:
    """What a network is built for: the shape of one row, and what is asked of it.

    Attributes:
        shape: (D,) for vectors, (channels, height, width) for images, (steps, channels) for sequences; for a graph, which is
            one row, (nodes, channels).
        n_outputs: K: classes, or numbers in an answer.
        answers: how many answers a row has, along axes of their own: () for one; (S,) for each of a sequence's last S steps or
            each node of a graph; (height, width) for each place of an image.
        numbers: an answer is K numbers, not one of K classes.
        is_graph: a row is a graph, whose edges come with the data.
    """

    shape: tuple[int, ...]
    n_outputs: int
    answers: tuple[int, ...] = ()
    numbers: bool = False
    is_graph: bool = False

    @property
    def n_inputs(self) -> int:
        """D: numbers in one row."""
        return math.prod(self.shape)

    @property
    def kind(self) -> Kind:
        """What a row is."""
        return "graph" if self.is_graph else ("vectors", "sequences", "images")[len(self.shape) - 1]


@dataclass(frozen=True)
class Examples:
    """Rows and their answers, on one device.

    ``x`` is (N, ...). ``y_N`` is whole numbers from 0 to K - 1: the classes (N,), or (N, *answers) where a row has several
    answers, -1 where none is asked for; or float32 (N, *answers, K) where the answers are numbers.
    """

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
