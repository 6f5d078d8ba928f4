"""Graph convolutional network: every node mixed with its neighbours before each layer."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch
from randfeat.arch.graph import Propagate, dropped, graph_shape
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "gcn")
@dataclass(frozen=True, kw_only=True)
class Gcn(AbstractArch):
    """Graph convolutional network: nodes mixed with their neighbours, ``activation(A_hat H W)`` in every layer.

    ``A_hat = D**-1/2 (A + I) D**-1/2``, A the graph's edges and D the degrees of A + I. Units: ``layer1`` ... ``layer<depth>``,
    without biases, each of ``width`` outputs a node; ``propagate``, which is A_hat once more. With the head W, b behind it the
    scores of the nodes are ``A_hat H W + b``: depth 1 is the paper's network of two layers, and the head its last one. With
    activation=identity it is linear in the features of all nodes that are up to depth + 1 steps away.

    ``neighbours=false`` has the identity for A_hat: the same network without the graph, each node by itself.

    In training ``dropout`` acts on the features and on what each layer gives, if the layer trains. On Cora, whose nodes have
    1,433 features in 7 classes, width 16 has 1,433 * 16 + 16 * 7 weights, and 7 biases.

    Cost: a layer has C * width multiply-adds for each node of C channels, and width additions for each edge.
    See: Kipf and Welling, "Semi-supervised classification with graph convolutional networks", ICLR 2017: width 16 and dropout
    0.5.
    """

    depth: int = setting(1, ge=1)
    width: int = setting(64, ge=1)
    activation: Activation = "relu"
    dropout: float = setting(0.0, ge=0, lt=1)
    neighbours: bool = True

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs a graph."""
        _, n_in = graph_shape(self, task)
        with torch.device("meta"):
            units: dict[str, nn.Module] = {}
            for k in range(1, self.depth + 1):
                layers = {"dropped_input": dropped(self.dropout)} if k == 1 else {}
                layers["linear"] = nn.Linear(n_in, self.width, bias=False)
                layers["propagate"] = self._propagate()
                layers["activation"] = ACTIVATIONS[self.activation]()
                layers["dropout"] = dropped(self.dropout)
                units[f"layer{k}"] = nn.Sequential(OrderedDict(layers))
                n_in = self.width
            units["propagate"] = self._propagate()
        return chain(units, task)

    def _propagate(self) -> nn.Module:
        return Propagate() if self.neighbours else nn.Identity()
