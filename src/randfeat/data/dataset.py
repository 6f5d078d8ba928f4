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
    """What the files hold, on the CPU: ``x`` uint8 (N, C, H, W) or float32 (N, D), ``y_N`` int64, in file order."""

    train: Examples
    test: Examples


@dataclass(frozen=True)
class Dataset:
    """A data set ready for a run, on one device.

    ``x`` stays uint8 for images and float32 for vectors; ``scale`` turns a batch into what a network sees. ``scale`` is
    fitted on the rows of ``train`` alone. ``val`` has no rows where ``val_share`` is 0. ``augment`` is for training
    batches, before ``scale``; it is None where nothing is to be changed.
    """

    task: Task
    train: Examples
    val: Examples
    test: Examples
    scale: Scale
    augment: Augment | None

    @property
    def splits(self) -> dict[str, Examples]:
        """The rows of ``train``, ``val`` and ``test`` by these names."""
        return {"train": self.train, "val": self.val, "test": self.test}
