"""Densely connected networks: every layer of a block sees the outputs of all layers before it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from randfeat.arch.base import AbstractArch, Norm, convolution, normalisation
from randfeat.errors import ConfigError
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "densenet")
@dataclass(frozen=True, kw_only=True)
class Densenet(AbstractArch):
    """Densely connected network for small images: three blocks of layers that each add ``growth`` channels to their input.

    Units: ``stem``, ``block1_1`` ... ``block1_<n>``, ``transition1``, ``block2_1`` ..., ``transition2``, ``block3_1`` ...,
    ``norm`` (the last batch norm and ReLU), ``pool`` (global average). A layer is ``conv3x3(relu(norm(x)))``, with
    ``bottleneck`` of a ``conv1x1(relu(norm(x)))`` of 4 * growth channels; a transition halves the map and keeps the whole
    part of ``reduction`` times the channels. The stem has 2 * growth channels, without bottleneck 16.

    The defaults but for the depth are DenseNet-BC's: depth 100 and growth 12 with ten classes have 769,162 parameters.
    ``bottleneck=false reduction=1`` is the plain DenseNet. With ``norm=none`` convolutions have biases in place of the norm
    layers.

    See: Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", CVPR 2017.
    """

    depth: int = setting(40, ge=7)
    growth: int = setting(12, ge=1)
    reduction: float = setting(0.5, gt=0, le=1)
    bottleneck: bool = True
    norm: Norm = "batch"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs images of 4x4 or more."""
        n_layers = self._layers_a_block()
        channels, _, _ = self.image_shape(task, at_least=4)
        maps = 2 * self.growth if self.bottleneck else 16
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"stem": convolution(channels, maps, 3, 1, self.norm)}
            for b in (1, 2, 3):
                for k in range(1, n_layers + 1):
                    units[f"block{b}_{k}"] = DenseLayer(maps, self.growth, self.bottleneck, self.norm)
                    maps += self.growth
                if b < 3:
                    kept = max(1, int(self.reduction * maps + 1e-9))
                    units[f"transition{b}"] = self._transition(maps, kept)
                    maps = kept
            units["norm"] = nn.Sequential(normalisation(maps, self.norm), nn.ReLU())
            units["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return chain(units, task)

    def _layers_a_block(self) -> int:
        step, fits = (6, "6n+4 (10, 16, 22, ...)") if self.bottleneck else (3, "3n+4 (7, 10, 13, ...)")
        if (self.depth - 4) % step:
            kind = "with" if self.bottleneck else "without"
            near = max(step * round((self.depth - 4) / step), step) + 4
            raise ConfigError(f"arch.depth of a densenet {kind} bottleneck must be {fits}, got {self.depth}. Use {near}.")
        return (self.depth - 4) // step

    def _transition(self, channels: int, maps: int) -> nn.Sequential:
        layers = {
            "norm": normalisation(channels, self.norm),
            "activation": nn.ReLU(),
            "conv": convolution(channels, maps, 1, 1, self.norm),
            "pool": nn.AvgPool2d(2),
        }
        return nn.Sequential(OrderedDict(layers))


class DenseLayer(nn.Module):
    """``[x, conv(relu(norm(x)))]``: x and ``growth`` more channels."""

    def __init__(self, channels: int, growth: int, bottleneck: bool, norm: Norm) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {}
        if bottleneck:
            layers |= {"norm1": normalisation(channels, norm), "activation1": nn.ReLU()}
            layers["conv1"] = convolution(channels, 4 * growth, 1, 1, norm)
            channels = 4 * growth
        layers |= {"norm2": normalisation(channels, norm), "activation2": nn.ReLU()}
        layers["conv2"] = convolution(channels, growth, 3, 1, norm)
        self.branch = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, channels + growth, H, W)."""
        return torch.cat([x, self.branch(x)], 1)
