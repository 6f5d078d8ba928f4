"""Relation network: a function of every pair of objects, their sum or mean, and a function of that."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch
from randfeat.arch.sequences import sequence_shape
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "relation")
@dataclass(frozen=True, kw_only=True)
class Relation(AbstractArch):
    """Relation network: ``f(mean over i, j of g(o_i, o_j))`` of the objects o of a row, whatever their order.

    A row is a sequence (objects, channels); a question stands in the channels of every object. Units: ``pairs`` (all pairs
    (i, j) in both orders and with i = j, the channels of i before those of j), ``g1`` ... ``g<g_depth>``, each
    ``activation(W x + b)`` with ``width`` outputs, every pair alike, ``pool`` (over the pairs), and ``f1`` ... ``f<f_depth>``
    of the same form. ``pool=sum`` is the published form; a sum over n**2 pairs is so many times larger than one of them, and
    sgd needs a smaller rate.

    Cost: n**2 times that of g, in multiply-adds and in memory, for n objects.

    See: Santoro, Raposo, Barrett, Malinowski, Pascanu, Battaglia and Lillicrap, "A simple neural network module for relational
    reasoning", NIPS 2017.
    """

    width: int = setting(64, ge=1)
    g_depth: int = setting(3, ge=1)
    f_depth: int = setting(1, ge=0)
    pool: Literal["mean", "sum"] = "mean"
    activation: Activation = "relu"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs sequences with one answer each."""
        _, channels = sequence_shape(self, task, data="relations")
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"pairs": Pairs(), "g1": self._layer(2 * channels)}
            for k in range(2, self.g_depth + 1):
                units[f"g{k}"] = self._layer(self.width)
            units["pool"] = PairPool(self.pool)
            for k in range(1, self.f_depth + 1):
                units[f"f{k}"] = self._layer(self.width)
        return chain(units, task)

    def _layer(self, fan_in: int) -> nn.Sequential:
        layers = {"linear": nn.Linear(fan_in, self.width), "activation": ACTIVATIONS[self.activation]()}
        return nn.Sequential(OrderedDict(layers))


class Pairs(nn.Module):
    """Every object beside every object."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, n, C) -> (N, n * n, 2 C), the second object running fastest."""
        n = x.shape[1]
        first, second = x[:, :, None].expand(-1, -1, n, -1), x[:, None].expand(-1, n, -1, -1)
        return torch.cat([first, second], -1).flatten(1, 2)


class PairPool(nn.Module):
    """The mean over the pairs, or their sum."""

    def __init__(self, kind: Literal["mean", "sum"]) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        """(N, n * n, C) -> (N, C)."""
        return x.mean(1) if self.kind == "mean" else x.sum(1)
