"""VGG: chains of 3x3 convolutions, halving the map and doubling the channels from stage to stage."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch
from randfeat.errors import ConfigError
from randfeat.network import Network, chain, outline
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task

STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions in each of the five stages (Simonyan and Zisserman, table 1: configurations A, B, D, E)."""


@register("arch", "vgg")
@dataclass(frozen=True, kw_only=True)
class Vgg(AbstractArch):
    """VGG-11 to VGG-19: 3x3 convolutions in five stages, each stage closed by a 2x2 max-pool.

    Units: ``block1_1`` ... ``block5_4``, each ``activation(norm(conv(x)))``, the last of a stage with its pool; then, where
    ``hidden`` is not 0, ``fc1`` and ``fc2``. Stage s has ``width * min(2**(s-1), 8)`` channels. A pool that would leave
    nothing of a map one pixel wide is left out, so that small images pass through all layers.

    ``stages`` gives the number of convolutions in each stage, in place of those of ``depth``: [7] is one chain of seven.
    ``filters=one`` replaces every chain of k by one convolution of side 2k + 1, ``block1_1``, ``block2_1`` ..., which sees as
    much of its input: a 15x15 filter for a chain of seven. Without norms and with ``activation=identity`` a chain computes
    what one such filter does, but for the k - 1 places nearest to the border, for which it pads the maps between.

    Cost: with C maps in and out, a place takes 9 k C**2 multiply-adds in a chain, (2k + 1)**2 C**2 in one filter.

    See: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
    """

    depth: Literal[11, 13, 16, 19] = 11
    stages: tuple[int, ...] | None = setting(None, ge=1)
    filters: Literal["chain", "one"] = "chain"
    width: int = setting(64, ge=1)
    hidden: int = setting(0, ge=0)
    activation: Activation = "relu"
    norm: Literal["batch", "none"] = "batch"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        channels, height, width = self.image_shape(task)
        side = min(height, width)
        units: dict[str, nn.Module] = {}
        with torch.device("meta"):
            for s, n_convs in enumerate(self._stages()):
                sides = (3,) * n_convs if self.filters == "chain" else (2 * n_convs + 1,)
                for k, kernel in enumerate(sides, start=1):
                    pool = k == len(sides) and side > 1
                    units[f"block{s + 1}_{k}"] = self._unit(channels, self.width * min(2**s, 8), kernel, pool)
                    channels = self.width * min(2**s, 8)
                side = max(side // 2, 1)
            units["flatten"] = nn.Flatten()
            if self.hidden:
                n_flat = outline(nn.Sequential(*units.values()), task.shape)[1]
                units["fc1"] = self._fully_connected(n_flat)
                units["fc2"] = self._fully_connected(self.hidden)
        return chain(units, task)

    def _stages(self) -> tuple[int, ...]:
        """Convolutions in each stage, were they all 3x3."""
        if self.stages is None:
            return STAGES[self.depth]
        if not self.stages:
            raise ConfigError("arch.stages=[] has no convolution. Give how many each stage has, such as arch.stages=[2,2,2].")
        if self.depth != Vgg().depth:
            raise ConfigError("arch.stages gives the depth. Leave out arch.depth.")
        return self.stages

    def _unit(self, channels: int, maps: int, kernel: int, pool: bool) -> nn.Sequential:
        layers: dict[str, nn.Module] = {"conv": nn.Conv2d(channels, maps, kernel, padding=kernel // 2)}
        if self.norm == "batch":
            layers["norm"] = nn.BatchNorm2d(maps)
        layers["activation"] = ACTIVATIONS[self.activation]()
        if pool:
            layers["pool"] = nn.MaxPool2d(2)
        return nn.Sequential(OrderedDict(layers))

    def _fully_connected(self, n_in: int) -> nn.Sequential:
        layers = {"linear": nn.Linear(n_in, self.hidden), "activation": ACTIVATIONS[self.activation]()}
        return nn.Sequential(OrderedDict(layers))
