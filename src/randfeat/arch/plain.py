"""A chain of 3x3 convolutions of one width and any depth, without shortcuts."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch, Norm, normalisation
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "plain")
@dataclass(frozen=True, kw_only=True)
class Plain(AbstractArch):
    """Vanilla convolutional network of any depth: 3x3 convolutions of one width, no shortcuts, then a global average.

    Units, each ``activation(norm(conv(x)))``: ``stem``; ``down1`` ... ``down<halvings>``, which halve the map by a stride of 2
    or by a 2x2 pool; ``depth`` convolutions that keep its size, in three blocks ``block1_1`` ... ``block3_<n>``, equal or the
    earlier ones longer by one; ``pool`` (global average). Convolutions have biases, with ``norm=batch`` none.

    Under init=delta_orthogonal the linear map of every convolution of stride 1 that has as many inputs as outputs is
    orthogonal; one of stride 2 skips three of four pixels, so halve by a pool, or draw ``down*`` by another law (init=mixed).
    Cost of building: about half a millisecond a layer. Where more than 200 units train, what a step keeps of the maps grows
    with the root of their number, and it takes a forward pass more (see :meth:`randfeat.model.Model.suffix`).

    See: Xiao, Bahri, Sohl-Dickstein, Schoenholz and Pennington, "Dynamical isometry and a mean field theory of CNNs",
    ICML 2018 (tanh, circular padding, two strides of 2 at the start).
    """

    depth: int = setting(16, ge=1)
    width: int = setting(32, ge=1)
    activation: Activation = "tanh"
    norm: Norm = "none"
    padding: Literal["zeros", "circular"] = "zeros"
    halvings: int = setting(2, ge=0, le=16)
    halve: Literal["stride", "average", "max"] = "stride"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs images of ``2**halvings`` pixels a side or more."""
        channels, _, _ = self.image_shape(task, at_least=2**self.halvings)
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"stem": self._unit(channels, halve="no")}
            for k in range(1, self.halvings + 1):
                units[f"down{k}"] = self._unit(self.width, self.halve)
            for b in range(3):
                for k in range(1, (self.depth + 2 - b) // 3 + 1):
                    units[f"block{b + 1}_{k}"] = self._unit(self.width, halve="no")
            units["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return chain(units, task)

    def _unit(self, channels: int, halve: Literal["no", "stride", "average", "max"]) -> nn.Sequential:
        stride = 2 if halve == "stride" else 1
        bias = self.norm == "none"
        layers: dict[str, nn.Module] = {
            "conv": nn.Conv2d(channels, self.width, 3, stride, padding=1, bias=bias, padding_mode=self.padding),
            "norm": normalisation(self.width, self.norm),
            "activation": ACTIVATIONS[self.activation](),
        }
        if halve in ("average", "max"):
            layers["pool"] = nn.AvgPool2d(2) if halve == "average" else nn.MaxPool2d(2)
        return nn.Sequential(OrderedDict(layers))
