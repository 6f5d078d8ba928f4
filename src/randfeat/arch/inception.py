"""GoogLeNet: units of four branches, with filters of several sizes side by side."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch, Norm, convolution, normalisation
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task

BLOCKS = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)
"""Of each unit: maps of 1x1; of the 1x1 before 3x3, and of 3x3; the same of 5x5; of the projection (table 1, 3a ... 5b)."""

PUBLISHED_WIDTH = 64
"""Maps of GoogLeNet's first layer; at another width those of every layer are in proportion."""


@register("arch", "inception")
@dataclass(frozen=True, kw_only=True)
class Inception(AbstractArch):
    """GoogLeNet: nine units of four branches, 1x1, 3x3 and 5x5 convolutions and a projected max-pool, without auxiliary heads.

    Units: ``block1_1``, ``block1_2``, ``block2_1`` ... ``block2_5``, ``block3_1``, ``block3_2`` (the paper's 3a ... 5b), the
    max-pools ``pool1`` and ``pool2`` between blocks, and ``pool`` (global average). Before them ``form=cifar`` has ``stem``, a
    3x3 that keeps the map's size; ``form=imagenet`` has ``conv1`` (7x7, stride 2), ``conv2`` (1x1) and ``conv3`` (3x3), with
    pools after the first and third. Every convolution is ``activation(norm(conv(x)))``, with a bias if ``norm=none``. There
    is no dropout.

    The maps of all layers are those of the paper times ``width`` / 64, the whole part of it, 1 or more; the narrowest layer has
    width / 4, so that a tenth of its maps is one or more from a width of 40 on. ``kernel`` is the side of the third branch's
    filters: 5 in the paper, 3 in torchvision. Left out, width and kernel are 16 and 5 for ``cifar``, 64 and 3 for ``imagenet``,
    which at 1000 classes is torchvision's googlenet of 6,624,904 parameters; with ``kernel=5 norm=none`` it has 6,998,552, as
    Caffe's.

    See: Szegedy et al., "Going deeper with convolutions", CVPR 2015.
    """

    form: Literal["cifar", "imagenet"] = "cifar"
    width: int | None = setting(None, ge=1)
    kernel: Literal[3, 5] | None = None
    activation: Activation = "relu"
    norm: Norm = "batch"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. ``form=imagenet`` needs images of 15x15 or more."""
        large = self.form == "imagenet"
        channels, _, _ = self.image_shape(task, at_least=15 if large else 1)
        with torch.device("meta"):
            units = self._stem(channels)
            channels = self._maps(192)
            for b, block in enumerate(BLOCKS):
                for k, published in enumerate(block, start=1):
                    one, to_three, three, to_five, five, projected = map(self._maps, published)
                    units[f"block{b + 1}_{k}"] = self._unit(channels, one, (to_three, three), (to_five, five), projected)
                    channels = one + three + five + projected
                if b < 2:
                    units[f"pool{b + 1}"] = self._pool(2 if large and b else 3)
            units["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return chain(units, task)

    def _maps(self, published: int) -> int:
        width = self.width or (PUBLISHED_WIDTH if self.form == "imagenet" else 16)
        return max(1, published * width // PUBLISHED_WIDTH)

    def _stem(self, channels: int) -> dict[str, nn.Module]:
        narrow, wide = self._maps(64), self._maps(192)
        if self.form == "cifar":
            return {"stem": self._conv(channels, wide, 3)}
        return {
            "conv1": nn.Sequential(OrderedDict({**self._layers(channels, narrow, 7, 2), "pool": self._pool(3)})),
            "conv2": self._conv(narrow, narrow, 1),
            "conv3": nn.Sequential(OrderedDict({**self._layers(narrow, wide, 3, 1), "pool": self._pool(3)})),
        }

    def _pool(self, size: int) -> nn.MaxPool2d:
        """Stride 2; a map of one pixel stays one in the form for small images."""
        return nn.MaxPool2d(size, 2, ceil_mode=True) if self.form == "imagenet" else nn.MaxPool2d(size, 2, padding=1)

    def _layers(self, channels: int, maps: int, size: int, stride: int) -> dict[str, nn.Module]:
        return {
            "conv": convolution(channels, maps, size, stride, self.norm),
            "norm": normalisation(maps, self.norm),
            "activation": ACTIVATIONS[self.activation](),
        }

    def _conv(self, channels: int, maps: int, size: int) -> nn.Sequential:
        return nn.Sequential(OrderedDict(self._layers(channels, maps, size, 1)))

    def _unit(self, channels: int, one: int, three: tuple[int, int], five: tuple[int, int], projected: int) -> Branches:
        kernel = self.kernel or (3 if self.form == "imagenet" else 5)
        return Branches(
            self._conv(channels, one, 1),
            nn.Sequential(self._conv(channels, three[0], 1), self._conv(*three, 3)),
            nn.Sequential(self._conv(channels, five[0], 1), self._conv(*five, kernel)),
            nn.Sequential(nn.MaxPool2d(3, 1, padding=1), self._conv(channels, projected, 1)),
        )


class Branches(nn.Module):
    """What every branch makes of x, their channels one after another: ``branch1``, ``branch2``, ..."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        for k, branch in enumerate(branches, start=1):
            self.add_module(f"branch{k}", branch)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, sum of the branches' maps, H, W)."""
        return torch.cat([branch(x) for branch in self.children()], 1)
