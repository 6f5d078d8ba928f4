"""Layers of convolve, square, pool: the single-layer networks whose architecture does the work, and stacks of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

from randfeat.arch.activation import Square
from randfeat.arch.base import AbstractArch
from randfeat.arch.conv_pool import EncodedConv2d
from randfeat.arch.local import LocalConv2d
from randfeat.arch.pool import Pool
from randfeat.errors import ConfigError
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "saxe")
@dataclass(frozen=True, kw_only=True)
class Saxe(AbstractArch):
    """Saxe's networks: layers of convolve, square, and sum over windows, with or without a square root.

    Units: ``layer1``, ``layer2``, ..., each ``sqrt(sum over a window of conv(x)**2)``, or without ``root`` the sum itself;
    convolutions have neither bias nor padding. Every list has a number for each layer, or one number that holds for all.
    ``filters=local`` draws another filter for each place of a map: the control without shared weights.

    The paper's grid for grey images of 32x32: kernels 4, 8, 12, 16, strides 1, 2, pools 3, 5, 9, one layer. Its text squares
    and sums; the code of topographic ICA, on which it builds, takes the root. It states neither the number of maps of its
    one-layer networks nor the step between windows: ``widths`` and ``pool_strides`` are ours.

    Backwards a root gives 0 where its window is 0. Memory, where nothing of this trains: as arch=conv_pool.
    See: Saxe, Koh, Chen, Bhand, Suresh and Ng, "On random weights and unsupervised feature learning", ICML 2011; Le et al.,
    "Tiled convolutional neural networks", NIPS 2010.

    Attributes:
        widths: maps.
        kernels: sides of the filters.
        strides: of the convolutions.
        pools: sides of the windows.
        pool_strides: from a window to the next.
    """

    widths: tuple[int, ...] = setting((16,), ge=1)
    kernels: tuple[int, ...] = setting((8,), ge=1)
    strides: tuple[int, ...] = setting((1,), ge=1)
    pools: tuple[int, ...] = setting((5,), ge=1)
    pool_strides: tuple[int, ...] = setting((1,), ge=1)
    root: bool = True
    filters: Literal["convolutional", "local"] = "convolutional"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        channels, *sides = self.image_shape(task)
        self._check_windows(sides)
        units: dict[str, nn.Sequential] = {}
        with torch.device("meta"):
            for k, (maps, kernel, stride, pool, pool_stride) in enumerate(self._layers(), start=1):
                places = [(side - kernel) // stride + 1 for side in sides]
                conv = self._conv(channels, maps, kernel, stride, places)
                conv.code = nn.Identity() if self.root else Square()
                conv.pool = Pool("root" if self.root else "sum", (pool, pool), (pool_stride, pool_stride), 0)
                units[f"layer{k}"] = nn.Sequential(OrderedDict(conv=conv))
                channels, sides = maps, [(side - pool) // pool_stride + 1 for side in places]
        units[f"layer{len(units)}"].add_module("flatten", nn.Flatten())
        return chain(units, task)

    def _layers(self) -> list[tuple[int, ...]]:
        """(maps, kernel, stride, pool, pool stride) of each layer."""
        lists = [self.widths, self.kernels, self.strides, self.pools, self.pool_strides]
        depth = max(1, *map(len, lists))
        if any(len(numbers) not in (1, depth) for numbers in lists):
            raise ConfigError(
                "arch.widths, arch.kernels, arch.strides, arch.pools and arch.pool_strides have "
                f"{', '.join(str(len(numbers)) for numbers in lists)} numbers. Use {depth} in each, or one for all layers."
            )
        return list(zip(*(numbers * (depth // len(numbers)) for numbers in lists), strict=True))

    def _least_side(self) -> int:
        """Of images of which every window has one place or more."""
        side = 1
        for _, kernel, stride, pool, pool_stride in reversed(self._layers()):
            side = kernel + (pool - 1 + (side - 1) * pool_stride) * stride
        return side

    def _check_windows(self, sides: list[int]) -> None:
        least, smallest = self._least_side(), min(sides)
        if smallest >= least:
            return
        half = max(1, smallest // 2)
        fewer = replace(self, kernels=(half,), pools=(max(1, half - 1),))
        fits = len(self._layers()) == 1 and fewer._least_side() <= smallest
        smaller = f", or arch.kernels=[{half}] arch.pools=[{fewer.pools[0]}]" if fits else ""
        raise ConfigError(
            f"{self.title()} with these kernels and pools needs images of {least}x{least} or more, but they are "
            f"{sides[0]}x{sides[1]}. Use data.resize={least}{smaller}."
        )

    def _conv(self, channels: int, maps: int, kernel: int, stride: int, places: list[int]) -> EncodedConv2d | LocalConv2d:
        if self.filters == "local":
            return LocalConv2d(channels, maps, kernel, stride, (places[0], places[1]))
        conv = EncodedConv2d(channels, maps, kernel, stride, bias=False)
        conv.n_responses, conv.contrast, conv.two_sided = maps * places[0] * places[1], None, False
        return conv
