"""The contract of an architecture: a task in, a network on the meta device out."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

from torch import nn

from randfeat.errors import ConfigError
from randfeat.network import Network, fitting
from randfeat.part import Part
from randfeat.typing import Task

Norm = Literal["batch", "none"]
"""The setting ``norm`` of an architecture of convolutions."""


@dataclass(frozen=True, kw_only=True)
class AbstractArch(Part):
    """An architecture: a chain of named units and a head. It says nothing about weights."""

    @abstractmethod
    def build(self, task: Task) -> Network:
        """The network for this task, on the meta device.

        Raises:
            ConfigError: the task's inputs do not fit, with what would.
        """

    def image_shape(self, task: Task, *, at_least: int = 1) -> tuple[int, int, int]:
        """(channels, height, width) of the task's images.

        Raises:
            ConfigError: the inputs are vectors, or images with fewer than ``at_least`` pixels on a side.
        """
        if task.kind != "images":
            raise ConfigError(f"{self.title()} needs images, but the data are {described(task)}. Use {fitting(task)}.")
        channels, height, width = task.shape
        if min(height, width) < at_least:
            raise ConfigError(
                f"{self.title()} needs images of {at_least}x{at_least} or more, but they are {height}x{width}. "
                f"Use data.resize={at_least}."
            )
        return channels, height, width


def described(task: Task) -> str:
    """What the rows of a task are, in words."""
    n, channels = (*task.shape, 0)[:2]
    return {
        "vectors": f"vectors of {n}",
        "images": f"images of {'x'.join(map(str, task.shape[1:]))}",
        "sequences": f"sequences of {n} steps of {channels}",
        "graph": f"a graph of {n} nodes",
    }[task.kind]


def convolution(channels: int, maps: int, size: int, stride: int, norm: Norm) -> nn.Conv2d:
    """A ``size`` x ``size`` convolution, padded so that stride 1 keeps the map's size; it has a bias if nothing normalises."""
    return nn.Conv2d(channels, maps, size, stride=stride, padding=size // 2, bias=norm == "none")


def normalisation(maps: int, norm: Norm) -> nn.Module:
    """A batch norm of so many maps, or the identity."""
    return nn.BatchNorm2d(maps) if norm == "batch" else nn.Identity()
