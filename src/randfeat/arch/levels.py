"""What networks that halve an image level by level, and build it up again, have in common."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch, Norm, convolution, normalisation
from randfeat.errors import ConfigError
from randfeat.typing import Task


def halved_shape(arch: AbstractArch, task: Task, depth: int) -> tuple[int, int, int]:
    """(channels, height, width) of images whose sides can be halved so many times.

    Raises:
        ConfigError: the inputs are no images, or ``2**depth`` does not divide their sides; says which depth and size would do.
    """
    channels, height, width = arch.image_shape(task, at_least=2**depth)
    side = 2**depth
    if height % side or width % side:
        fewer = max(k for k in range(depth) if height % 2**k == width % 2**k == 0)
        shallow = f"arch.depth={fewer}, or " if fewer else ""
        raise ConfigError(
            f"{arch.title()} halves images arch.depth={depth} times, so {side} must divide both of their sides, "
            f"but they are {height}x{width}. Use {shallow}data.resize={side * round(max(height, width) / side)}."
        )
    return channels, height, width


def for_each_place(task: Task) -> bool:
    """Whether the task asks for an answer at every place of an image."""
    return task.answers == task.shape[1:]


def stage(channels: int, maps: int, norm: Norm, activation: Activation, stride: int = 1) -> dict[str, nn.Module]:
    """``activation(norm(conv(x)))`` with a padded 3x3 convolution."""
    return {
        "conv": convolution(channels, maps, 3, stride, norm),
        "norm": normalisation(maps, norm),
        "activation": ACTIVATIONS[activation](),
    }


class Convolutions(nn.Sequential):
    """Two stages of so many maps, one after the other: ``conv1``, ``norm1``, ``activation1``, ``conv2``, ..."""

    def __init__(self, channels: int, maps: int, norm: Norm, activation: Activation) -> None:
        stages = stage(channels, maps, norm, activation), stage(maps, maps, norm, activation)
        super().__init__(OrderedDict({f"{name}{k}": layer for k, s in enumerate(stages, 1) for name, layer in s.items()}))


class Places(nn.Module):
    """The maps of every place on the last axis, where the head looks."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, H, W, C)."""
        return x.movedim(1, -1)
