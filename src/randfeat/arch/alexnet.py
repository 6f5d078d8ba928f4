"""AlexNet: five convolutions, in its form for ImageNet and in the small one for CIFAR."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch
from randfeat.errors import ConfigError
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task

CONVOLUTIONS = ((1, 11, True), (3, 5, True), (6, 3, False), (4, 3, False), (4, 3, True))
"""Of each convolution: maps as a multiple of ``width``, side of the kernel, whether a pool follows."""

PUBLISHED_WIDTH = 64
"""Maps of conv1; fc1 and fc2 then have 4096 outputs."""


@register("arch", "alexnet")
@dataclass(frozen=True, kw_only=True)
class Alexnet(AbstractArch):
    """AlexNet in one column: five convolutions with biases and without norm layers, and three max-pools.

    Units: ``conv1`` (11x11, stride 4), ``conv2`` (5x5), ``conv3`` ... ``conv5`` (3x3), of width * (1, 3, 6, 4, 4) maps; pools
    after the first, second and fifth. ``form=cifar`` pads conv1 by 5 and pools 2x2, so that images of 32x32 end as
    4 * width features, which the head sees; a pool that would leave nothing of a map one pixel wide is left out.
    ``form=imagenet`` pads by 2, pools 3x3 at stride 2, averages to 6x6 and adds ``fc1`` and ``fc2`` of 64 * width outputs,
    with ``dropout`` of their inputs; it needs images of 63x63 or more. With width 64, at 224x224 and 1000 classes it has
    61,100,840 parameters.

    See: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014; the form for CIFAR is that of
    Rosenfeld and Tsotsos, "Intriguing properties of randomly weighted networks", CRV 2019.
    """

    form: Literal["cifar", "imagenet"] = "cifar"
    width: int = setting(PUBLISHED_WIDTH, ge=1)
    activation: Activation = "relu"
    dropout: float = setting(0.5, ge=0, lt=1)

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        large = self.form == "imagenet"
        if not large and self.dropout != Alexnet().dropout:
            raise ConfigError("arch.dropout acts on fc1 and fc2 of arch.form=imagenet. Leave it out, or use that form.")
        channels, height, width = self.image_shape(task, at_least=63 if large else 1)
        side = (min(height, width) - 1) // 4 + 1
        units: dict[str, nn.Module] = {}
        with torch.device("meta"):
            for k, (factor, size, pooled) in enumerate(CONVOLUTIONS, start=1):
                padding = 2 if large and k == 1 else size // 2
                conv = nn.Conv2d(channels, self.width * factor, size, stride=4 if k == 1 else 1, padding=padding)
                pool = pooled and (large or side > 1)
                units[f"conv{k}"] = self._unit("conv", conv, {"pool": nn.MaxPool2d(3 if large else 2, 2)} if pool else {})
                channels, side = conv.out_channels, side // 2 if pool else side
            units["flatten"] = nn.Sequential(nn.AdaptiveAvgPool2d((6, 6)), nn.Flatten()) if large else nn.Flatten()
            if large:
                units["fc1"] = self._fully_connected(36 * channels)
                units["fc2"] = self._fully_connected(64 * self.width)
        return chain(units, task)

    def _fully_connected(self, n_in: int) -> nn.Sequential:
        unit = self._unit("linear", nn.Linear(n_in, 64 * self.width), {})
        return nn.Sequential(OrderedDict({"dropout": nn.Dropout(self.dropout), **dict(unit.named_children())}))

    def _unit(self, name: str, layer: nn.Module, after: dict[str, nn.Module]) -> nn.Sequential:
        return nn.Sequential(OrderedDict({name: layer, "activation": ACTIVATIONS[self.activation](), **after}))
