"""Wide residual networks: few, wide, pre-activated residual blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from randfeat.arch.base import AbstractArch, Norm, convolution, normalisation
from randfeat.arch.residual import Style
from randfeat.errors import ConfigError
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "wrn")
@dataclass(frozen=True, kw_only=True)
class Wrn(AbstractArch):
    """Wide residual network WRN-depth-widen: three stages of (depth-4)/6 pre-activated blocks, 16 * widen channels and up.

    Units: ``stem``, ``block1_1`` ... ``block3_<n>``, ``norm`` (the last batch norm and ReLU), ``pool`` (global average).
    WRN-28-10 with ten classes has 36,479,194 parameters. With ``norm=none`` convolutions have biases in place of the norm
    layers. ``squeeze_excite=r`` scales the channels of every branch, by way of C / r numbers.

    See: Zagoruyko and Komodakis, "Wide residual networks", BMVC 2016; Hu, Shen and Sun, "Squeeze-and-excitation networks",
    CVPR 2018.
    """

    depth: int = setting(16, ge=10)
    widen: int = setting(1, ge=1)
    dropout: float = setting(0.0, ge=0, lt=1)
    squeeze_excite: int | None = setting(None, ge=1)
    norm: Norm = "batch"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        if (self.depth - 4) % 6:
            near = 6 * round((self.depth - 4) / 6) + 4
            raise ConfigError(f"arch.depth of a wrn must be 6n+4 (10, 16, 22, 28, ...), got {self.depth}. Use {near}.")
        channels, _, _ = self.image_shape(task)
        style = Style(order="pre", norm=self.norm, squeeze_excite=self.squeeze_excite, dropout=self.dropout)
        counts = ((self.depth - 4) // 6,) * 3
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"stem": convolution(channels, 16, 3, 1, self.norm)}
            units |= style.stages(16, 16 * self.widen, counts, activated=False)
            units["norm"] = nn.Sequential(normalisation(64 * self.widen, self.norm), nn.ReLU())
            units["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return chain(units, task)
