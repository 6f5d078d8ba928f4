"""VGG: chains of 3x3 convolutions, halving the map and doubling the channels from stage to stage."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch
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

    See: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
    """

    depth: Literal[11, 13, 16, 19] = 11
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
            for s, n_convs in enumerate(STAGES[self.depth]):
                for k in range(1, n_convs + 1):
                    pool = k == n_convs and side > 1
                    units[f"block{s + 1}_{k}"] = self._unit(channels, self.width * min(2**s, 8), pool)
                    channels = self.width * min(2**s, 8)
                side = max(side // 2, 1)
            units["flatten"] = nn.Flatten()
            if self.hidden:
                n_flat = outline(nn.Sequential(*units.values()), task.shape)[1]
                units["fc1"] = self._fully_connected(n_flat)
                units["fc2"] = self._fully_connected(self.hidden)
        return chain(units, task)

    def _unit(self, channels: int, maps: int, pool: bool) -> nn.Sequential:
        layers: dict[str, nn.Module] = {"conv": nn.Conv2d(channels, maps, 3, padding=1)}
        if self.norm == "batch":
            layers["norm"] = nn.BatchNorm2d(maps)
        layers["activation"] = ACTIVATIONS[self.activation]()
        if pool:
            layers["pool"] = nn.MaxPool2d(2)
        return nn.Sequential(OrderedDict(layers))

    def _fully_connected(self, n_in: int) -> nn.Sequential:
        layers = {"linear": nn.Linear(n_in, self.hidden), "activation": ACTIVATIONS[self.activation]()}
        return nn.Sequential(OrderedDict(layers))
