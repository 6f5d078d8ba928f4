"""What loading gives: examples in three splits, how to scale a batch of them, how to augment it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from randfeat.seeds import Stream
from randfeat.typing import Examples, Task

Scale = Callable[[Tensor], Tensor]
"""A batch of rows as they are kept -> the same rows as float32, scaled. Deterministic; never mixes rows."""

Augment = Callable[[Tensor, Stream], Tensor]
"""A batch of uint8 images and a stream -> as many changed images of the same shape, on the same device."""


@dataclass(frozen=True)
class Raw:
    """What the files hold, on the CPU, in file order.

    Attributes:
        train: ``x`` uint8 images (N, C, H, W); float32 vectors (N, D); uint8 or float32 sequences (N, T, C); float32 graphs
            (N, nodes, C). ``y_N`` as :class:`randfeat.typing.Examples` says.
        test: likewise.
        val: where the files say which rows are for choices; None where they are to be held out of ``train``.
        edges: of a graph, from and to which node, int64 (2, E), each edge in both directions; None where there is none.
    """

    train: Examples
    test: Examples
    val: Examples | None = None
    edges: Tensor | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set ready for a run, on one device.

    ``x`` stays as it was read, uint8 or float32; ``scale`` turns a batch into what a network sees. ``scale`` is
    fitted on the rows of ``train`` alone. ``val`` has no rows where ``val_share`` is 0. ``augment`` is for training
    batches, before ``scale``; it is None where nothing is to be changed. ``edges`` are those of a graph, see
    :class:`Raw`, on the CPU.
    """

    task: Task
    train: Examples
    val: Examples
    test: Examples
    scale: Scale
    augment: Augment | None
    edges: Tensor | None = None

    @property
    def splits(self) -> dict[str, Examples]:
        """The rows of ``train``, ``val`` and ``test`` by these names."""
        return {"train": self.train, "val": self.val, "test": self.test}
