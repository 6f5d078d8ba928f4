"""LeNet-5: two convolutions and two fully connected layers below the head."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "lenet")
@dataclass(frozen=True, kw_only=True)
class Lenet(AbstractArch):
    """LeNet-5: two 5x5 convolutions with pooling, then fully connected layers of 120 and 84.

    Units: ``conv1`` (zero-padded, 6 maps), ``conv2`` (not padded, 16 maps), ``fc1``, ``fc2``; ``width`` scales the maps of
    both convolutions in the proportion 6 : 16. Needs images of 12x12 or more; 28x28 is the published size.

    See: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998). As is usual
    today, every map of conv2 sees every map of conv1, and the head is linear.
    """

    width: int = setting(6, ge=1)
    activation: Activation = "tanh"
    pool: Literal["average", "max"] = "average"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        channels, height, width = self.image_shape(task, at_least=12)
        activation = ACTIVATIONS[self.activation]
        pool = nn.AvgPool2d if self.pool == "average" else nn.MaxPool2d
        maps1, maps2 = self.width, max(1, round(self.width * 16 / 6))
        n_flat = maps2 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)

        def unit(layer: nn.Module, after: dict[str, nn.Module], name: str) -> nn.Sequential:
            return nn.Sequential(OrderedDict({name: layer, "activation": activation(), **after}))

        with torch.device("meta"):
            units = {
                "conv1": unit(nn.Conv2d(channels, maps1, 5, padding=2), {"pool": pool(2)}, "conv"),
                "conv2": unit(nn.Conv2d(maps1, maps2, 5), {"pool": pool(2), "flatten": nn.Flatten()}, "conv"),
                "fc1": unit(nn.Linear(n_flat, 120), {}, "linear"),
                "fc2": unit(nn.Linear(120, 84), {}, "linear"),
            }
        return chain(units, task)
