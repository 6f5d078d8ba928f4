"""The nodes of one graph and their neighbours: what architectures of graphs have in common."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.base import AbstractArch, described
from randfeat.errors import ConfigError
from randfeat.typing import Task


def graph_shape(arch: AbstractArch, task: Task) -> tuple[int, int]:
    """(nodes, channels) of the task's graph.

    Raises:
        ConfigError: the rows are no graph.
    """
    if task.kind != "graph":
        raise ConfigError(f"{arch.title()} needs a graph, but the data are {described(task)}. Use data=karate (built in).")
    nodes, channels = task.shape
    return nodes, channels


def dropped(share: float) -> nn.Module:
    """Dropout of this share; the identity where it is zero."""
    return nn.Dropout(share) if share else nn.Identity()


class AbstractOnEdges(nn.Module):
    """A layer that sees the edges of the data's graph: ``edges`` (2, E), from and to which node; none until they come."""

    edges: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("edges", torch.empty(2, 0, dtype=torch.int64))


class Propagate(AbstractOnEdges):
    """``D**-1/2 (A + I) D**-1/2 x`` along the nodes, D the degrees of A + I.

    Computed as ``r * ((A + I) @ (r * x))`` with ``r = D**-1/2``, the product a sum over the edges.

    Cost: E + nodes additions a channel; memory E numbers a channel.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, nodes, C) -> the same shape."""
        sources, targets = self.edges
        wide = torch.promote_types(x.dtype, torch.float32)
        ones = torch.ones(x.shape[1], dtype=wide, device=x.device)
        degrees = ones.index_add(0, targets, torch.ones(len(targets), dtype=wide, device=x.device))
        r = degrees.rsqrt().to(x.dtype)[:, None]
        scaled = x * r
        return scaled.index_add(1, targets, scaled.index_select(1, sources)) * r


class Attend(AbstractOnEdges):
    """Each node's mean over its neighbours and itself, weighted by attention, in each of the heads apart.

    Node i gives ``sum_j alpha_ij v_j``, ``alpha_ij`` the softmax over j of ``leaky_relu(target . v_i + source . v_j)``, whose
    slope below zero is ``slope``; v_j is a head's part of what comes in.

    Args:
        heads: each has ``size`` neighbouring channels.
        size: channels of a head.
        slope: see above.
        dropout: the share of the weights alpha that are dropped in training.

    Cost: 2 E + 2 nodes multiply-adds a channel; memory E numbers a channel.
    """

    def __init__(self, heads: int, size: int, slope: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.slope = heads, slope
        self.source, self.target = (nn.Conv1d(heads * size, heads, 1, groups=heads, bias=False) for _ in range(2))
        self.dropout = dropped(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, nodes, heads * size) -> the same shape."""
        sources, targets = self.edges
        of_sources, of_targets = (layer(x.transpose(1, 2)).transpose(1, 2) for layer in (self.source, self.target))
        itself = F.leaky_relu(of_targets + of_sources, self.slope)
        neighbour = F.leaky_relu(of_targets.index_select(1, targets) + of_sources.index_select(1, sources), self.slope)
        places = targets[:, None].expand(-1, self.heads).expand_as(neighbour)
        top = itself.detach().scatter_reduce(1, places, neighbour.detach(), "amax")
        itself, neighbour = (itself - top).exp(), (neighbour - top.index_select(1, targets)).exp()
        total = itself.index_add(1, targets, neighbour)
        itself, neighbour = self.dropout(itself / total), self.dropout(neighbour / total.index_select(1, targets))
        values = x.reshape(*x.shape[:2], self.heads, -1)
        messages = values.index_select(1, sources) * neighbour[..., None]
        attended: Tensor = (values * itself[..., None]).index_add(1, targets, messages).flatten(2)
        return attended
