"""Images as rows of tokens, one for each patch, and what architectures of tokens have in common."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.errors import ConfigError

LayerNorm = Literal["layer", "none"]
"""The setting ``norm`` of an architecture of tokens."""


def n_patches(height: int, width: int, patch: int) -> int:
    """How many squares of ``patch`` pixels a side make up an image.

    Raises:
        ConfigError: they do not; says the nearest smaller patch that would, and the nearest size of images.
    """
    if height % patch or width % patch:
        fits = max(side for side in range(1, patch) if height % side == width % side == 0)
        size = patch * max(1, round(max(height, width) / patch))
        raise ConfigError(
            f"arch.patch must divide both sides of the images, which are {height}x{width}, got {patch}. "
            f"Use arch.patch={fits}, or data.resize={size}."
        )
    return (height // patch) * (width // patch)


def share_of(ratio: float, width: int) -> int:
    """The whole part of ``ratio * width``, 1 at least."""
    return max(1, int(ratio * width + 1e-9))


def layer_norm(width: int, norm: LayerNorm) -> nn.Module:
    """A layer norm over the numbers of each token, or the identity."""
    return nn.LayerNorm(width, eps=1e-6) if norm == "layer" else nn.Identity()


class Patches(nn.Sequential):
    """A linear map of every patch: a convolution whose stride is its kernel, its places in a row, line by line."""

    def __init__(self, channels: int, width: int, patch: int) -> None:
        conv = nn.Conv2d(channels, width, patch, stride=patch)
        super().__init__(OrderedDict[str, nn.Module](conv=conv, tokens=Tokens()))


class Tokens(nn.Module):
    """The places of a map as tokens."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, H * W, C)."""
        return x.flatten(2).mT


class TokenMean(nn.Module):
    """The mean over the tokens."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> (N, C)."""
        return x.mean(1)


class Perceptron(nn.Sequential):
    """``linear2(activation(linear1(x)))`` on the last axis, which keeps its width."""

    branch_end = "linear2"

    def __init__(self, width: int, hidden: int, activation: Activation) -> None:
        layers = {
            "linear1": nn.Linear(width, hidden),
            "activation": ACTIVATIONS[activation](),
            "linear2": nn.Linear(hidden, width),
        }
        super().__init__(OrderedDict(layers))
