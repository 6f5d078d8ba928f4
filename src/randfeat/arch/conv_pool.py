"""One convolution, encoded and pooled: the single-layer networks of random filters and of patches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch
from randfeat.arch.codes import Nearest, SoftThreshold
from randfeat.arch.pool import Pool, Pooling
from randfeat.errors import ConfigError
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task

AT_ONCE = {"cpu": 2**20, "cuda": 2**26}
"""Responses of a convolution that exist at once where nothing of it trains: on a CPU what its caches hold, else a GPU."""


@register("arch", "conv_pool")
@dataclass(frozen=True, kw_only=True)
class ConvPool(AbstractArch):
    """One convolution whose responses are encoded and pooled: random filters, local receptive fields, patch dictionaries.

    Unit: ``conv1``, ``norm(pool(code(conv(x))))`` as a row. ``code`` is an activation, ``soft_threshold`` =
    max(0, z - ``threshold``), or ``nearest``: 1 for the ``share`` of the maps with the largest responses at a place, else 0.
    With ``two_sided`` the codes of -z follow those of z. ``pool`` acts on windows of ``pool_size`` (``root`` = sqrt of the
    sum of squares); ``grid`` stands in their place: that many windows a side, equal, covering the map, neighbours
    overlapping where the sides do not divide.

    With ``contrast`` = c every window p of the padded image becomes (p - mean) / sqrt(variance + c) first, over all of its
    pixels and channels. It is computed from sums over windows, without forming them: exact, at the cost of one more map.

    A twin trains the filters through every code: backwards ``nearest`` passes for its responses, and ``sign`` for hard_tanh.
    Memory, where nothing of this trains: the features, and a million responses at a time (on a GPU, 64 million).

    See: Saxe et al., ICML 2011 (square and sum); Coates and Ng, ICML 2011 (contrast, two-sided soft threshold, 2x2 grid);
    Huang, Bai, Kasun and Vong, IEEE CIM 10(2), 2015 (ELM-LRF: identity and root, stride 1, padded); Thiry, Arbel,
    Belilovsky and Oyallon, ICLR 2021 (two-sided nearest, average, batch norm).
    """

    width: int = setting(100, ge=1)
    kernel: int = setting(5, ge=1)
    stride: int = setting(1, ge=1)
    padding: int = setting(0, ge=0)
    padding_mode: Literal["zeros", "reflect"] = "zeros"
    bias: bool = True
    contrast: float | None = setting(None, gt=0)
    code: Literal[Activation, "soft_threshold", "nearest"] = "relu"
    threshold: float = setting(0.25, ge=0)
    share: float = setting(0.4, gt=0, le=1)
    two_sided: bool = False
    pool: Pooling = "average"
    pool_size: int = setting(2, ge=1)
    pool_stride: int | None = setting(None, ge=1)
    pool_padding: int = setting(0, ge=0)
    grid: int | None = setting(None, ge=1)
    norm: Literal["none", "batch"] = "none"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        reflected = self.padding + 1 if self.padding_mode == "reflect" else 1
        channels, height, width = self.image_shape(task, at_least=max(self.kernel - 2 * self.padding, reflected))
        down, across = ((side + 2 * self.padding - self.kernel) // self.stride + 1 for side in (height, width))
        with torch.device("meta"):
            conv = EncodedConv2d(
                channels, self.width, self.kernel, self.stride, self.padding, padding_mode=self.padding_mode, bias=self.bias
            )
            conv.n_responses = self.width * down * across
            conv.contrast, conv.two_sided = self.contrast, self.two_sided
            conv.code, conv.pool = self._code(), self._pool(down, across)
            layers: dict[str, nn.Module] = {"conv": conv}
            if self.norm == "batch":
                layers["norm"] = nn.BatchNorm2d(self.width * (1 + self.two_sided))
            layers["flatten"] = nn.Flatten()
        return chain({"conv1": nn.Sequential(OrderedDict(layers))}, task)

    def _code(self) -> nn.Module:
        if self.code == "soft_threshold":
            return SoftThreshold(self.threshold)
        return Nearest(self.share) if self.code == "nearest" else ACTIVATIONS[self.code]()

    def _pool(self, down: int, across: int) -> Pool:
        least = min(down, across)
        if self.grid is not None:
            if (self.pool_size, self.pool_stride, self.pool_padding) != (2, None, 0):
                raise ConfigError(
                    "arch.grid places the windows. Leave out arch.pool_size, arch.pool_stride and arch.pool_padding."
                )
            if self.pool != "none" and self.grid > least:
                raise ConfigError(f"arch.grid={self.grid} is more than the map of {down}x{across} has. Use arch.grid={least}.")
            strides = down // self.grid, across // self.grid
            sizes = down - (self.grid - 1) * strides[0], across - (self.grid - 1) * strides[1]
            return Pool(self.pool, sizes, strides, 0)
        if self.pool != "none" and 2 * self.pool_padding > self.pool_size:
            raise ConfigError(
                f"arch.pool_padding={self.pool_padding} is more than half a window of {self.pool_size}. "
                f"Use arch.pool_padding={self.pool_size // 2}."
            )
        if self.pool != "none" and self.pool_size > least + 2 * self.pool_padding:
            raise ConfigError(
                f"arch.pool_size={self.pool_size} is larger than the map of {down}x{across}. Use arch.pool_size={least}, "
                "or arch.grid=1 for the whole map."
            )
        stride = self.pool_stride or self.pool_size
        return Pool(self.pool, (self.pool_size, self.pool_size), (stride, stride), self.pool_padding)


def in_blocks(function: Callable[[Tensor], Tensor], x: Tensor, n_numbers: int) -> Tensor:
    """``function(x)``, a block of rows at a time: one row needs ``n_numbers`` numbers on the way, and a block ``AT_ONCE``."""
    rows = max(1, AT_ONCE.get(x.device.type, 2**20) // n_numbers)
    blocks = x.tensor_split(max(1, -(-len(x) // rows)))
    return torch.cat([function(block) for block in blocks])


class EncodedConv2d(nn.Conv2d):
    """A convolution, its code and its pool, a block of rows at a time; with ``contrast``, of normalised windows."""

    n_responses: int
    contrast: float | None
    two_sided: bool
    code: nn.Module
    pool: Pool

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, maps, windows down, windows across)."""
        return in_blocks(lambda block: self.codes(self.responses(block)), x, self.n_responses)

    def codes(self, z: Tensor) -> Tensor:
        """(N, filters, places down, places across) -> (N, maps, windows down, windows across)."""
        sides = [z, -z] if self.two_sided else [z]
        return torch.cat([self.pool(self.code(side)) for side in sides], 1)

    def responses(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, filters, places down, places across).

        With a contrast c, those of ``(p - mean) / sqrt(variance + c)`` for each window p: its filter without the filter's
        mean acts on p, and the variance is the mean square less the squared mean, of the image without its own mean.
        """
        if self.contrast is None:
            plain: Tensor = self._conv_forward(x, self.weight, self.bias)
            return plain
        x = F.pad(x, self._reversed_padding_repeated_twice, "constant" if self.padding_mode == "zeros" else self.padding_mode)
        x = x - x.mean((1, 2, 3), keepdim=True)
        mean = F.avg_pool2d(x.mean(1, keepdim=True), self.kernel_size, self.stride)
        square = F.avg_pool2d(x.square().mean(1, keepdim=True), self.kernel_size, self.stride)
        scale = (square - mean.square()).clamp(min=0).add(self.contrast).rsqrt()
        z: Tensor = scale * F.conv2d(x, self.weight - self.weight.mean((1, 2, 3), keepdim=True), stride=self.stride)
        return z if self.bias is None else z + self.bias[:, None, None]
