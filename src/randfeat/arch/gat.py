"""Graph attention network: every node looks at its neighbours with weights of its own."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch
from randfeat.arch.graph import Attend, dropped, graph_shape
from randfeat.errors import ConfigError
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "gat")
@dataclass(frozen=True, kw_only=True)
class Gat(AbstractArch):
    """Graph attention network: every node attends to its neighbours and to itself, in several heads.

    Units: ``layer1`` ... ``layer<depth>``, then ``attend``. In a layer each head gives node i
    ``sum_j softmax_j(leaky_relu(a . [W h_i, W h_j])) W h_j`` over its neighbours j and itself, W of the head and a vector a of
    its own, which is held in two halves, ``target`` for i and ``source`` for j; no biases. ``concat`` puts the heads side by
    side, each width / heads wide, without it the layer gives the mean of heads that are as wide as it; then the activation.

    ``attend`` is attention of one head on H itself, without a W. With the head W, b behind it the scores are
    ``sum_j alpha_ij W h_j + b``: the paper's last layer of one head, whose a is ``target = W**T a_i``, ``source = W**T a_j``.

    ``neighbours=false`` leaves the attention out: each node sees itself alone, as a perceptron does.

    In training ``dropout`` acts on the features, the attention and what each layer gives, if the layer trains.

    Cost: a layer has C * width multiply-adds for each node of C channels, and 2 width for each edge.
    See: Velickovic et al., "Graph attention networks", ICLR 2018: width 64 of 8 heads, slope 0.2, elu, dropout 0.6.
    """

    depth: int = setting(1, ge=1)
    width: int = setting(64, ge=1)
    heads: int = setting(8, ge=1)
    concat: bool = True
    slope: float = setting(0.2, ge=0, le=1)
    activation: Activation = "elu"
    dropout: float = setting(0.0, ge=0, lt=1)
    neighbours: bool = True

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs a graph."""
        _, n_in = graph_shape(self, task)
        if self.concat and self.width % self.heads:
            raise ConfigError(
                f"arch.width of a gat must be a multiple of arch.heads, got {self.width} and {self.heads}. "
                f"Use arch.width={self.heads * -(-self.width // self.heads)}, or arch.concat=false."
            )
        with torch.device("meta"):
            units: dict[str, nn.Module] = {}
            for k in range(1, self.depth + 1):
                units[f"layer{k}"] = self._layer(n_in, first=k == 1)
                n_in = self.width
            units["attend"] = self._attend(1, self.width)
        return chain(units, task)

    def _layer(self, n_in: int, first: bool) -> nn.Sequential:
        size = self.width // self.heads if self.concat else self.width
        layers = {"dropped_input": dropped(self.dropout)} if first else {}
        layers["linear"] = nn.Linear(n_in, self.heads * size, bias=False)
        layers["attend"] = self._attend(self.heads, size)
        layers["heads"] = nn.Identity() if self.concat else HeadMean(self.heads)
        layers["activation"] = ACTIVATIONS[self.activation]()
        layers["dropout"] = dropped(self.dropout)
        return nn.Sequential(OrderedDict(layers))

    def _attend(self, heads: int, size: int) -> nn.Module:
        return Attend(heads, size, self.slope, self.dropout) if self.neighbours else nn.Identity()


class HeadMean(nn.Module):
    """The mean over heads that lie side by side."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """(N, nodes, heads * C) -> (N, nodes, C)."""
        return x.reshape(*x.shape[:-1], self.heads, -1).mean(-2)
