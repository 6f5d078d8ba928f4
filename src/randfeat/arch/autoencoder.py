"""A convolutional autoencoder: halved level by level down to a code, and built up again in mirror image."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch, Norm
from randfeat.arch.levels import Places, for_each_place, halved_shape, stage
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "autoencoder")
@dataclass(frozen=True, kw_only=True)
class Autoencoder(AbstractArch):
    """Convolutional autoencoder: levels that halve the image, a code, and the same levels back up.

    Units: ``encoder1`` ... ``encoder<depth>``, each ``activation(norm(conv(x)))`` with a 3x3 convolution that has a stride of 2
    or is followed by a 2x2 pool, level s with ``width * 2**(s-1)`` maps; ``code``, a linear map to ``bottleneck`` numbers
    without activation. A task with one answer for a row, such as its class, has its head there. One with an answer for every
    pixel, such as ``data.target=input``, goes on: ``expand``, back to the maps of the last encoder and through the activation;
    ``decoder<depth>`` ... ``decoder1``, each ``activation(norm(conv(up(x))))``, where up repeats every place 2x2 and level s
    gives the maps of level s - 1, the first ``width``; ``pixels``. The head is then a linear map of every pixel, P = ``width``.

    With ``bottleneck=null`` there is neither ``code`` nor ``expand``: the maps of the last encoder are the code. Upsampling and
    a convolution stand for the transposed convolution, so that a row of every weight is the filter of one output.

    See: Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313 (2006), for the
    linear code; Masci, Meier, Ciresan and Schmidhuber, "Stacked convolutional auto-encoders", ICANN 2011, for ``halve=max``.
    """

    depth: int = setting(2, ge=1, le=10)
    width: int = setting(16, ge=1)
    bottleneck: int | None = setting(32, ge=1)
    halve: Literal["stride", "average", "max"] = "stride"
    activation: Activation = "relu"
    norm: Norm = "none"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs images whose sides ``2**depth`` divides."""
        channels, height, width = halved_shape(self, task, self.depth)
        maps = [self.width * 2**s for s in range(self.depth)]
        smallest = (maps[-1], height // 2**self.depth, width // 2**self.depth)
        with torch.device("meta"):
            units: dict[str, nn.Module] = {
                f"encoder{s}": self._encoder(seen, given)
                for s, (seen, given) in enumerate(zip([channels, *maps], maps, strict=False), 1)
            }
            units |= self._coded(smallest, rebuilt=for_each_place(task))
            if for_each_place(task):
                for s in range(self.depth, 0, -1):
                    units[f"decoder{s}"] = self._decoder(maps[s - 1], maps[max(s - 2, 0)])
                units["pixels"] = Places()
        return chain(units, task)

    def _encoder(self, channels: int, maps: int) -> nn.Sequential:
        layers = stage(channels, maps, self.norm, self.activation, stride=2 if self.halve == "stride" else 1)
        if self.halve != "stride":
            layers["pool"] = nn.AvgPool2d(2) if self.halve == "average" else nn.MaxPool2d(2)
        return nn.Sequential(OrderedDict(layers))

    def _coded(self, smallest: tuple[int, int, int], *, rebuilt: bool) -> dict[str, nn.Module]:
        """What stands between the encoders and the decoders, or the head."""
        if self.bottleneck is None:
            return {} if rebuilt else {"flatten": nn.Flatten()}
        n_flat = smallest[0] * smallest[1] * smallest[2]
        code = {"flatten": nn.Flatten(), "linear": nn.Linear(n_flat, self.bottleneck)}
        units: dict[str, nn.Module] = {"code": nn.Sequential(OrderedDict(code))}
        if rebuilt:
            layers = {
                "linear": nn.Linear(self.bottleneck, n_flat),
                "activation": ACTIVATIONS[self.activation](),
                "maps": nn.Unflatten(1, smallest),
            }
            units["expand"] = nn.Sequential(OrderedDict(layers))
        return units

    def _decoder(self, channels: int, maps: int) -> nn.Sequential:
        layers = {"up": nn.Upsample(scale_factor=2), **stage(channels, maps, self.norm, self.activation)}
        return nn.Sequential(OrderedDict(layers))
