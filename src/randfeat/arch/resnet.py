"""Residual networks: the form for small images of 6n+2 layers, and the five forms for ImageNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from randfeat.arch.base import AbstractArch, Norm, convolution, normalisation
from randfeat.arch.residual import Order, Shortcut, Style
from randfeat.errors import ConfigError
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task

STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Blocks in each of the four stages of the forms for ImageNet (He et al., table 1); from 50 layers on they are bottlenecks."""


@register("arch", "resnet")
@dataclass(frozen=True, kw_only=True)
class Resnet(AbstractArch):
    """Residual network: 6n+2 layers in three stages for small images, or 18 to 152 in four for ImageNet.

    Units: ``stem``, ``block1_1`` ..., with ``order=pre`` ``norm`` (the last batch norm and ReLU), ``pool`` (global average).
    Stage s has ``width * 2**(s-1)`` maps. ``form=cifar``: a 3x3 stem, and n blocks of two 3x3 convolutions in each of three
    stages. ``form=imagenet``: a stem of 7x7 at stride 2 and a 3x3 max-pool at stride 2, four stages, and from 50 layers on
    bottlenecks that give four times their maps, with the stride at the 3x3 as in torchvision; images of any size pass. The
    default width is the one for small images; the published one of ``form=imagenet`` is ``arch.width=64``, which
    ``conf=published/resnet_50`` and its like set. At 1000 classes, depths 18, 34, 50, 101 and 152 then have 11,689,512,
    21,797,672, 25,557,032, 44,549,160 and 60,192,808 parameters.

    Where the shape changes, the shortcut is a 1x1 convolution with batch norm (``conv``, as Frankle et al. use it) or
    drops every other pixel and pads with zero channels (``pad``, He et al.'s option A, without parameters). With
    ``norm=none`` convolutions have biases in place of the norm layers. ``order=pre`` puts norm and ReLU before each
    convolution and nothing after the sum; shortcuts then have no norm, and the first block none before its first convolution,
    for the stem ends in both. ``squeeze_excite=r`` scales the channels of every branch, by way of C / r numbers.

    See: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016; the same, "Identity mappings in deep
    residual networks", ECCV 2016 (``pre``); Hu, Shen and Sun, "Squeeze-and-excitation networks", CVPR 2018.
    """

    form: Literal["cifar", "imagenet"] = "cifar"
    depth: int = setting(20, ge=8)
    width: int = setting(16, ge=1)
    order: Order = "post"
    shortcut: Shortcut = "conv"
    squeeze_excite: int | None = setting(None, ge=1)
    norm: Norm = "batch"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        counts = self._counts()
        channels, _, _ = self.image_shape(task)
        style = Style(
            order=self.order,
            norm=self.norm,
            shortcut=self.shortcut,
            bottleneck=self.form == "imagenet" and self.depth >= 50,
            squeeze_excite=self.squeeze_excite,
        )
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"stem": self._stem(channels), **style.stages(self.width, self.width, counts)}
            if self.order == "pre":
                maps = style.outputs(self.width * 2 ** (len(counts) - 1))
                units["norm"] = nn.Sequential(normalisation(maps, self.norm), nn.ReLU())
            units["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return chain(units, task)

    def _counts(self) -> tuple[int, ...]:
        """Blocks in each stage."""
        if self.form == "imagenet":
            if self.depth not in STAGES:
                near = min(STAGES, key=lambda depth: abs(depth - self.depth))
                raise ConfigError(
                    "arch.depth of a resnet with arch.form=imagenet must be 18, 34, 50, 101 or 152, "
                    f"got {self.depth}. Use {near}."
                )
            return STAGES[self.depth]
        if (self.depth - 2) % 6:
            near = 6 * round((self.depth - 2) / 6) + 2
            other = ", or arch.form=imagenet" if self.depth in STAGES else ""
            raise ConfigError(f"arch.depth of a resnet must be 6n+2 (8, 14, 20, ...), got {self.depth}. Use {near}{other}.")
        return ((self.depth - 2) // 6,) * 3

    def _stem(self, channels: int) -> nn.Sequential:
        size, stride = (7, 2) if self.form == "imagenet" else (3, 1)
        layers = [convolution(channels, self.width, size, stride, self.norm), normalisation(self.width, self.norm), nn.ReLU()]
        return nn.Sequential(*layers, *([nn.MaxPool2d(3, 2, 1)] if self.form == "imagenet" else []))
