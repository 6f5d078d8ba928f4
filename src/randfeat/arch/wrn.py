"""Wide residual networks: few, wide, pre-activated residual blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.base import AbstractArch, Norm, convolution, normalisation
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
    layers.

    See: Zagoruyko and Komodakis, "Wide residual networks", BMVC 2016.
    """

    depth: int = setting(16, ge=10)
    widen: int = setting(1, ge=1)
    dropout: float = setting(0.0, ge=0, lt=1)
    norm: Norm = "batch"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        if (self.depth - 4) % 6:
            near = 6 * round((self.depth - 4) / 6) + 4
            raise ConfigError(f"arch.depth of a wrn must be 6n+4 (10, 16, 22, 28, ...), got {self.depth}. Use {near}.")
        channels, _, _ = self.image_shape(task)
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"stem": convolution(channels, 16, 3, 1, self.norm)}
            channels = 16
            for s in range(3):
                maps = 16 * self.widen * 2**s
                for k in range((self.depth - 4) // 6):
                    stride = 2 if s > 0 and k == 0 else 1
                    units[f"block{s + 1}_{k + 1}"] = WideBlock(channels, maps, stride, self.dropout, self.norm)
                    channels = maps
            units["norm"] = nn.Sequential(normalisation(channels, self.norm), nn.ReLU())
            units["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return chain(units, task)


class WideBlock(nn.Module):
    """``conv(drop(relu(norm(conv(a))))) + shortcut`` with ``a = relu(norm(x))``.

    The shortcut is x itself where shapes agree, else a 1x1 convolution of a.
    """

    branch_end = "conv2"

    def __init__(self, channels: int, maps: int, stride: int, dropout: float, norm: Norm) -> None:
        super().__init__()
        self.norm1, self.conv1 = normalisation(channels, norm), convolution(channels, maps, 3, stride, norm)
        self.norm2, self.conv2 = normalisation(maps, norm), convolution(maps, maps, 3, 1, norm)
        self.dropout = nn.Dropout(dropout)
        same = stride == 1 and channels == maps
        self.shortcut = None if same else convolution(channels, maps, 1, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, maps, H / stride, W / stride)."""
        a = F.relu(self.norm1(x))
        y: Tensor = self.conv2(self.dropout(F.relu(self.norm2(self.conv1(a)))))
        return y + (x if self.shortcut is None else self.shortcut(a))
