"""What the first unit that trains sees of the rows: computed when it is asked for, or once and kept, also for other runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor

from randfeat.data import Dataset
from randfeat.machine import fits
from randfeat.model import Model
from randfeat.typing import Examples, Weights, row_blocks

SPLITS = ("train", "val", "test")

Outputs = Mapping[str, Tensor]
"""What a unit gives for the rows of each split."""


class Shelf:
    """What runs of one command share: of a network as drawn the statistics of its norm layers, and the outputs of its units.

    It holds things of one network at a time.

    Args:
        shared: the keys of the networks that several runs have, see :attr:`randfeat.spec.RunSpec.network_key`.
    """

    def __init__(self, shared: Collection[str] = ()) -> None:
        self._shared = set(shared)
        self._network = ""
        self._statistics: Weights = {}
        self._outputs: dict[tuple[str, ...], Outputs] = {}

    def open(self, network: str) -> bool:
        """Whether runs share this network. What is held of another goes."""
        if network != self._network:
            self._network, self._statistics, self._outputs = network, {}, {}
        return network in self._shared

    def record_statistics(self, model: Model, x: Tensor) -> None:
        """Those of a network as drawn on the training rows; computed, unless another run has done so."""
        names = set(model.statistics)
        if not names <= self._statistics.keys():
            model.record_statistics(model.weights.trained, map(model.prefix, row_blocks(x)), list(model.recorders))
            self._statistics = {name: model.buffers[name].clone() for name in names}
        model.buffers |= {name: self._statistics[name].clone() for name in names}

    def nearest(self, units: tuple[str, ...]) -> tuple[int, Outputs]:
        """How many of these units, from the first on, have been computed, and the output of the last of them."""
        found = max((held for held in self._outputs if held == units[: len(held)]), key=len, default=())
        return len(found), self._outputs.get(found, {})

    def hold(self, units: tuple[str, ...], outputs: Outputs) -> None:
        """Keep the output of these units for other runs."""
        self._outputs[units] = outputs


class Prefix:
    """The rows of a data set as the first unit that trains sees them.

    What is kept, and what is scored, is computed in the same blocks of rows, so that it is the same to the last bit.

    Args:
        model: with its statistics recorded.
        data: the rows.
        kept: outputs by split; those of other splits are computed when they are asked for.
    """

    def __init__(self, model: Model, data: Dataset, kept: Outputs) -> None:
        self._model, self.kept = model, kept
        self._examples = data.splits

    def classes(self, split: str) -> Tensor:
        """The classes of the rows of ``train``, ``val`` or ``test``."""
        return self._examples[split].y_N

    def examples(self, split: str) -> Examples:
        """The rows that :meth:`prepare` takes: their outputs where they are kept, or those of the data."""
        raw = self._examples[split]
        return Examples(self.kept[split], raw.y_N) if self.kept else raw

    def prepare(self, x: Tensor) -> Tensor:
        """Rows of :meth:`examples` -> what the first unit that trains sees."""
        return x if self.kept else self._model.prefix(x)

    def blocks(self, split: str) -> Iterator[Tensor]:
        """What the first unit that trains sees, in the blocks of rows of the data."""
        for rows, block in self._examples[split].numbered_blocks():
            yield self.kept[split][rows] if split in self.kept else self._model.prefix(block.x)


def kept(model: Model, data: Dataset, splits: Collection[str], shelf: Shelf, *, shared: bool) -> Outputs:
    """The outputs of the prefix for all rows of these splits; nothing where there is no prefix, or not the memory.

    ``shared``: they are taken from the shelf, as far as they lie there, and left on it.
    """
    examples = data.splits
    n_rows = sum(len(examples[split]) for split in splits)
    if model.first == 0 or n_rows == 0:
        return {}
    done, earlier = shelf.nearest(model.units_below) if shared else (0, {})
    if done == model.first:
        return earlier
    row = model.prefix(data.train.x[:1])
    if not fits(row.nbytes * n_rows, row.device):
        return {}
    layout = torch.channels_last if row.ndim == 4 else torch.contiguous_format
    outputs = {
        split: torch.empty(len(examples[split]), *row.shape[1:], dtype=row.dtype, device=row.device, memory_format=layout)
        for split in splits
    }
    for split, filled in outputs.items():
        for rows, block in examples[split].numbered_blocks():
            filled[rows] = model.prefix(earlier[split][rows] if done else block.x, done)
    if shared:
        shelf.hold(model.units_below, outputs)
    return outputs
