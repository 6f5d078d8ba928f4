"""Residual blocks: convolutions beside a shortcut, with norm layers after or before each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.base import Norm, convolution, normalisation
from randfeat.errors import ConfigError

Order = Literal["post", "pre"]
"""Whether norm and activation of a block come after its convolutions or before them."""

Shortcut = Literal["conv", "pad"]
"""What the shortcut is where the shape changes."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """What the blocks of a residual network have in common.

    The branch has two 3x3 convolutions of ``maps`` outputs, the first of which has the stride; as a ``bottleneck`` a 1x1 and
    a 3x3 of ``maps`` outputs, the latter with the stride, and a 1x1 of ``4 * maps``. With ``squeeze_excite=r`` each output
    channel c of the branch is multiplied by ``sigmoid(W2 relu(W1 m + b1) + b2)_c``, m its C means over the map and W1 of
    C / r rows, the whole part of it.

    See: Hu, Shen and Sun, "Squeeze-and-excitation networks", CVPR 2018.
    """

    order: Order
    norm: Norm
    shortcut: Shortcut = "conv"
    bottleneck: bool = False
    squeeze_excite: int | None = None
    dropout: float = 0.0

    def stages(self, channels: int, width: int, counts: Sequence[int], activated: bool = True) -> dict[str, nn.Module]:
        """Units ``block1_1`` ...: counts[s - 1] blocks of width * 2**(s-1) maps in stage s, whose first has stride 2 for s > 1.

        Args:
            channels: that the first block sees.
            width: maps of the first stage.
            counts: blocks in each stage.
            activated: whether what the first block sees has passed a ReLU. Then a block of order ``pre`` starts with its
                convolution.
        """
        units: dict[str, nn.Module] = {}
        for s, count in enumerate(counts):
            maps = width * 2**s
            for k in range(count):
                stride = 2 if s > 0 and k == 0 else 1
                first = activated and not units
                units[f"block{s + 1}_{k + 1}"] = (
                    PostBlock(self, channels, maps, stride)
                    if self.order == "post"
                    else PreBlock(self, channels, maps, stride, first)
                )
                channels = self.outputs(maps)
        return units

    def outputs(self, maps: int) -> int:
        """Channels that a block gives."""
        return 4 * maps if self.bottleneck else maps

    def convolutions(self, channels: int, maps: int, stride: int) -> list[nn.Conv2d]:
        """Those of a branch, in order."""
        if not self.bottleneck:
            return [convolution(channels, maps, 3, stride, self.norm), convolution(maps, maps, 3, 1, self.norm)]
        shapes = ((channels, maps, 1, 1), (maps, maps, 3, stride), (maps, 4 * maps, 1, 1))
        return [convolution(*shape, self.norm) for shape in shapes]

    def excite(self, channels: int) -> nn.Module:
        """The factors on the channels of a branch, or the identity.

        Raises:
            ConfigError: the reduction leaves none of the channels.
        """
        if self.squeeze_excite is None:
            return nn.Identity()
        if self.squeeze_excite > channels:
            raise ConfigError(
                f"arch.squeeze_excite={self.squeeze_excite} leaves none of the {channels} channels of block1. "
                f"Use {channels} or less."
            )
        from torchvision.ops import SqueezeExcitation

        layer: nn.Module = SqueezeExcitation(channels, channels // self.squeeze_excite)
        return layer

    def change(self, channels: int, maps: int, stride: int) -> nn.Module | None:
        """A shortcut between different shapes without its norm; None where the shapes agree."""
        if stride == 1 and channels == maps:
            return None
        conv = self.shortcut == "conv"
        return convolution(channels, maps, 1, stride, self.norm) if conv else PadShortcut(maps - channels, stride)


class PostBlock(nn.Module):
    """``relu(branch(x) + shortcut(x))``; the branch is ``norm(conv(relu(norm(conv(x)))))``, or one layer longer."""

    def __init__(self, style: Style, channels: int, maps: int, stride: int) -> None:
        super().__init__()
        convs = style.convolutions(channels, maps, stride)
        self.numbers = range(1, len(convs) + 1)
        self.branch_end = f"norm{len(convs)}" if style.norm == "batch" else f"conv{len(convs)}"
        for k, conv in zip(self.numbers, convs, strict=True):
            self.add_module(f"conv{k}", conv)
            self.add_module(f"norm{k}", normalisation(conv.out_channels, style.norm))
        self.excite = style.excite(style.outputs(maps))
        change = style.change(channels, style.outputs(maps), stride)
        self.shortcut: nn.Module = nn.Identity() if change is None else change
        if isinstance(change, nn.Conv2d):
            self.shortcut = nn.Sequential(change, normalisation(change.out_channels, style.norm))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, outputs, H / stride, W / stride)."""
        y = x
        for k in self.numbers:
            y = self.get_submodule(f"norm{k}")(self.get_submodule(f"conv{k}")(F.relu(y) if k > 1 else y))
        return F.relu(self.excite(y) + self.shortcut(x))


class PreBlock(nn.Module):
    """``conv(drop(relu(norm(conv(a))))) + shortcut`` with ``a = relu(norm(x))``, or one layer longer.

    The shortcut is x itself where shapes agree, else it starts from a. With ``activated``, a is x, which is not negative.
    """

    def __init__(self, style: Style, channels: int, maps: int, stride: int, activated: bool) -> None:
        super().__init__()
        convs = style.convolutions(channels, maps, stride)
        self.numbers = range(2, len(convs) + 1)
        self.branch_end = f"conv{len(convs)}"
        for k, conv in enumerate(convs, start=1):
            bare = activated and k == 1
            self.add_module(f"norm{k}", nn.Identity() if bare else normalisation(conv.in_channels, style.norm))
            self.add_module(f"conv{k}", conv)
        self.dropout = nn.Dropout(style.dropout)
        self.excite = style.excite(style.outputs(maps))
        self.shortcut = style.change(channels, style.outputs(maps), stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, outputs, H / stride, W / stride)."""
        a = F.relu(self.get_submodule("norm1")(x))
        y: Tensor = self.get_submodule("conv1")(a)
        for k in self.numbers:
            y = self.get_submodule(f"conv{k}")(self.dropout(F.relu(self.get_submodule(f"norm{k}")(y))))
        y = self.excite(y)
        return y + (x if self.shortcut is None else self.shortcut(a))


class PadShortcut(nn.Module):
    """Every ``stride``-th pixel, and ``n_new`` channels of zeros, half of them before and half after."""

    def __init__(self, n_new: int, stride: int) -> None:
        super().__init__()
        self.before, self.after, self.stride = n_new // 2, n_new - n_new // 2, stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C + n_new, H / stride, W / stride)."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))
