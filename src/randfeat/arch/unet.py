"""U-Net: a contracting path, an expanding path, and maps of the one that the other sees again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.activation import Activation
from randfeat.arch.base import AbstractArch, Norm
from randfeat.arch.levels import Convolutions, Places, for_each_place, halved_shape
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "unet")
@dataclass(frozen=True, kw_only=True)
class Unet(AbstractArch):
    """U-Net: levels that halve the image and double the maps, and the same levels back up beside what they saw.

    Units: ``contract1`` ... ``contract<depth>`` and ``bottom``, each two times ``activation(norm(conv(x)))`` with padded 3x3
    convolutions, from the second unit on after a 2x2 max-pool; level s has ``width * 2**(s-1)`` maps, ``bottom`` twice as many
    as the last, or ``bottleneck``. A task with one answer for a row, such as its class, has its head on the flattened maps of
    ``bottom`` (unit ``flatten``). One with an answer for every pixel, a class or, with ``data.target=input``, numbers, goes on:
    ``expand<depth>`` ... ``expand1``, each an up-convolution (every place repeated 2x2, then a 2x2 convolution to the maps of
    its level, with zeros at the right and below), the maps of ``contract`` of its level beside it, and two convolutions;
    ``pixels``. Then the head is one linear map for all pixels, P = ``width``.

    The chain stays a chain: a unit gives its own maps and after them, as further channels, those that are still to be
    seen again, four places of a finer level as four channels of a coarser one. So every level is a unit of its own for
    policies, and what a probe says of a unit is about both. The published form is ``width=64 depth=4``, with
    zero-padded convolutions here; on one channel and with two classes it has 31,030,658 parameters.

    Cost: beside the convolutions, up to 2 * ``width`` numbers a pixel are copied at every level.

    See: Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
    """

    depth: int = setting(2, ge=1, le=10)
    width: int = setting(16, ge=1)
    bottleneck: int | None = setting(None, ge=1)
    activation: Activation = "relu"
    norm: Norm = "none"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs images whose sides ``2**depth`` divides."""
        channels, _, _ = halved_shape(self, task, self.depth)
        maps = [self.width * 2**s for s in range(self.depth)]
        maps.append(self.bottleneck or 2 * maps[-1])
        carries = for_each_place(task)
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"contract1": nn.Sequential(OrderedDict(convs=self._convs(channels, maps[0])))}
            for s in range(1, self.depth + 1):
                name = f"contract{s + 1}" if s < self.depth else "bottom"
                units[name] = Contract(maps[s - 1], self._convs(maps[s - 1], maps[s]), carries)
            if carries:
                for s in range(self.depth, 0, -1):
                    below, own = maps[s], maps[s - 1]
                    units[f"expand{s}"] = Expand(nn.Conv2d(below, own, 2), self._convs(2 * own, own))
                units["pixels"] = Places()
            else:
                units["flatten"] = nn.Flatten()
        return chain(units, task)

    def _convs(self, channels: int, maps: int) -> Convolutions:
        return Convolutions(channels, maps, self.norm, self.activation)


class Contract(nn.Module):
    """``convs(max_pool(x))`` of the first channels x; where they are carried, x and the other channels after it.

    Args:
        maps: how many channels x has.
        convs: of this level.
        carries: whether x and the channels behind it are handed on, every 2x2 places as four channels.
    """

    def __init__(self, maps: int, convs: Convolutions, carries: bool) -> None:
        super().__init__()
        self.maps, self.convs, self.carries = maps, convs, carries

    def forward(self, z: Tensor) -> Tensor:
        """(N, maps + carried, H, W) -> (N, maps of this level [+ 4 (carried + maps)], H / 2, W / 2)."""
        x, carried = z[:, : self.maps], z[:, self.maps :]
        y: Tensor = self.convs(F.max_pool2d(x, 2))
        return torch.cat([y, F.pixel_unshuffle(torch.cat([carried, x], 1), 2)], 1) if self.carries else y


class Expand(nn.Module):
    """``convs([skip, up(x)])`` of the first channels x, with skip the last maps that are carried; the others after it.

    Args:
        up: the 2x2 convolution after every place of x is repeated 2x2.
        convs: of this level.
    """

    def __init__(self, up: nn.Conv2d, convs: Convolutions) -> None:
        super().__init__()
        self.up, self.convs = up, convs

    def forward(self, z: Tensor) -> Tensor:
        """(N, maps below + 4 (carried + maps), H, W) -> (N, maps + carried, 2 H, 2 W)."""
        x, above = z[:, : self.up.in_channels], F.pixel_shuffle(z[:, self.up.in_channels :], 2)
        carried, skip = above[:, : -self.up.out_channels], above[:, -self.up.out_channels :]
        repeated = F.interpolate(x, scale_factor=2, mode="nearest")
        y = self.convs(torch.cat([skip, self.up(F.pad(repeated, (0, 1, 0, 1)))], 1))
        return torch.cat([y, carried], 1)
