"""LeNet-5 and the network of 1989: two convolutions and one or two fully connected layers below the head."""

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


@register("arch", "lenet")
@dataclass(frozen=True, kw_only=True)
class Lenet(AbstractArch):
    """LeNet-5, or the network of 1989: two 5x5 convolutions, then fully connected layers.

    ``form=lenet5``, units ``conv1`` (zero-padded, 6 maps), ``conv2`` (not padded, 16 maps), each followed by a pool, ``fc1``
    of 120 and ``fc2`` of 84; ``width`` scales the maps of both convolutions in the proportion 6 : 16. Needs images of 12x12
    or more; 28x28 is the published size. As is usual today, every map of conv2 sees every map of conv1, and the head is linear.

    ``form=lenet1989``, units ``conv1`` (H1, 12 maps), ``conv2`` (H2, 12 maps) and ``fc1`` (H3, 30): convolutions of stride 2,
    zero-padded by 2, without pools; both have ``2 * width`` maps. 16x16 is the published size, whose maps are 8x8 and 4x4. Two
    things are not the paper's: there a map of H2 sees 8 of the 12 of H1, here all, and there every place of a map has a bias of
    its own, here every map has one. So it has 10,024 parameters, not 9,760; the head is linear, and outside of an image lie
    zeros.

    See: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998; LeCun, Boser,
    Denker, Henderson, Howard, Hubbard and Jackel, "Backpropagation applied to handwritten zip code recognition", Neural
    Computation 1 (1989).
    """

    form: Literal["lenet5", "lenet1989"] = "lenet5"
    width: int = setting(6, ge=1)
    activation: Activation = "tanh"
    pool: Literal["average", "max"] = "average"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        with torch.device("meta"):
            units = self._of_1998(task) if self.form == "lenet5" else self._of_1989(task)
        return chain(units, task)

    def _of_1998(self, task: Task) -> dict[str, nn.Module]:
        channels, height, width = self.image_shape(task, at_least=12)
        pool = nn.AvgPool2d if self.pool == "average" else nn.MaxPool2d
        maps1, maps2 = self.width, max(1, round(self.width * 16 / 6))
        n_flat = maps2 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
        return {
            "conv1": self._unit("conv", nn.Conv2d(channels, maps1, 5, padding=2), pool=pool(2)),
            "conv2": self._unit("conv", nn.Conv2d(maps1, maps2, 5), pool=pool(2), flatten=nn.Flatten()),
            "fc1": self._unit("linear", nn.Linear(n_flat, 120)),
            "fc2": self._unit("linear", nn.Linear(120, 84)),
        }

    def _of_1989(self, task: Task) -> dict[str, nn.Module]:
        if self.pool != Lenet().pool:
            raise ConfigError("arch.pool acts in arch.form=lenet5. Leave it out, or use that form.")
        channels, height, width = self.image_shape(task)
        maps = 2 * self.width
        n_flat = maps * ((height + 3) // 4) * ((width + 3) // 4)
        return {
            "conv1": self._unit("conv", nn.Conv2d(channels, maps, 5, stride=2, padding=2)),
            "conv2": self._unit("conv", nn.Conv2d(maps, maps, 5, stride=2, padding=2), flatten=nn.Flatten()),
            "fc1": self._unit("linear", nn.Linear(n_flat, 30)),
        }

    def _unit(self, name: str, layer: nn.Module, **after: nn.Module) -> nn.Sequential:
        return nn.Sequential(OrderedDict({name: layer, "activation": ACTIVATIONS[self.activation](), **after}))
