"""What the first unit that trains sees of the rows: computed when it is asked for, or once and kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import Tensor

from randfeat.data import Dataset
from randfeat.machine import fits
from randfeat.model import Model
from randfeat.shelf import Outputs, Shelf
from randfeat.solver import Once, alone
from randfeat.typing import Examples

SPLITS = ("train", "val", "test")


class Prefix:
    """The rows of a data set as the first unit that trains sees them.

    What is kept, and what is scored, is computed in the same blocks of rows, so that it is the same to the last bit.

    Args:
        model: with its statistics recorded.
        data: the rows.
        kept: outputs by split; those of other splits are computed when they are asked for.
        once: where fits on these rows share what they compute.
    """

    def __init__(self, model: Model, data: Dataset, kept: Outputs, once: Once = alone) -> None:
        self._model, self.kept, self.once = model, kept, once
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
