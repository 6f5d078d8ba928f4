"""Residual networks in the form for small images: 6n+2 layers in three stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.base import AbstractArch, Norm, convolution, normalisation
from randfeat.errors import ConfigError
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "resnet")
@dataclass(frozen=True, kw_only=True)
class Resnet(AbstractArch):
    """Residual network of 6n+2 layers for small images: three stages of n blocks with two 3x3 convolutions each.

    Units: ``stem``, ``block1_1`` ... ``block3_<n>``, ``pool`` (global average). Stage s has ``width * 2**(s-1)`` channels.
    Where the shape changes, the shortcut is a 1x1 convolution with batch norm (``conv``, as Frankle et al. use it) or
    drops every other pixel and pads with zero channels (``pad``, He et al.'s option A, without parameters). With
    ``norm=none`` convolutions have biases in place of the norm layers.

    See: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2.
    """

    depth: int = setting(20, ge=8)
    width: int = setting(16, ge=1)
    shortcut: Literal["conv", "pad"] = "conv"
    norm: Norm = "batch"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        if (self.depth - 2) % 6:
            near = 6 * round((self.depth - 2) / 6) + 2
            raise ConfigError(f"arch.depth of a resnet must be 6n+2 (8, 14, 20, ...), got {self.depth}. Use {near}.")
        channels, _, _ = self.image_shape(task)
        with torch.device("meta"):
            stem = convolution(channels, self.width, 3, 1, self.norm)
            units: dict[str, nn.Module] = {"stem": nn.Sequential(stem, normalisation(self.width, self.norm), nn.ReLU())}
            channels = self.width
            for s in range(3):
                maps = self.width * 2**s
                for k in range((self.depth - 2) // 6):
                    stride = 2 if s > 0 and k == 0 else 1
                    units[f"block{s + 1}_{k + 1}"] = ResidualBlock(channels, maps, stride, self.shortcut, self.norm)
                    channels = maps
            units["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return chain(units, task)


class ResidualBlock(nn.Module):
    """``relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))``."""

    def __init__(self, channels: int, maps: int, stride: int, shortcut: str, norm: Norm) -> None:
        super().__init__()
        self.branch_end = "norm2" if norm == "batch" else "conv2"
        self.conv1, self.norm1 = convolution(channels, maps, 3, stride, norm), normalisation(maps, norm)
        self.conv2, self.norm2 = convolution(maps, maps, 3, 1, norm), normalisation(maps, norm)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != maps:
            self.shortcut = (
                nn.Sequential(convolution(channels, maps, 1, stride, norm), normalisation(maps, norm))
                if shortcut == "conv"
                else PadShortcut(maps - channels, stride)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, maps, H / stride, W / stride)."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + self.shortcut(x))


class PadShortcut(nn.Module):
    """Every ``stride``-th pixel, and ``n_new`` channels of zeros, half of them before and half after."""

    def __init__(self, n_new: int, stride: int) -> None:
        super().__init__()
        self.before, self.after, self.stride = n_new // 2, n_new - n_new // 2, stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C + n_new, H / stride, W / stride)."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))
