"""Transformer of sequences: the steps attend to each other, or only to those before them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from randfeat.arch.activation import Activation
from randfeat.arch.attention import Attention, AttentionBlock, Positions, check_heads
from randfeat.arch.base import AbstractArch
from randfeat.arch.sequences import Readout, Steps, sequence_shape
from randfeat.arch.tokens import LayerNorm, layer_norm
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "transformer")
@dataclass(frozen=True, kw_only=True)
class Transformer(AbstractArch):
    """Transformer of sequences: blocks of attention among the steps and a perceptron on each, normed in front.

    Units: ``stem`` (a linear map of the channels of every step to ``width`` numbers, and its position), ``block1`` ...
    ``block<depth>``, ``norm`` (the last layer norm), ``readout`` (the last step, the last S where a row has S answers, or
    with ``readout=mean`` the mean over the steps). With ``causal`` a step attends to itself and to those before it alone;
    without, the last steps see all others too. ``scale`` divides the products of queries and keys by the root of
    width / heads. Norms are layer norms, which record no statistics.

    ``positions=sinusoidal`` adds the :class:`Sinusoids`, ``learned`` a table that is neither weight nor bias: a law draws it
    as one row. Without positions a network that is not causal does not see the order of the steps but by which are last.

    A block has 4 C**2 + 2 C M + 9 C + M parameters, C the width and M = ``mlp_ratio * width``: 3,152,384 at the published
    width 512 and ratio 4, depth 6 and 8 heads. As GPT-2 (depth 12, width 768, 12 heads, 1024 steps, learned positions) blocks,
    last norm and positions have 85,842,432.

    Cost: depth * (4 C**2 + 2 C M + 2 C T) multiply-adds a step, T the steps.
    See: Vaswani et al., "Attention is all you need", NIPS 2017; Radford et al., "Language models are unsupervised multitask
    learners", 2019 (GPT-2: norms in front, causal, learned positions).
    """

    depth: int = setting(2, ge=1)
    width: int = setting(64, ge=2)
    heads: int = setting(4, ge=1)
    mlp_ratio: float = setting(4.0, gt=0, le=1000)
    causal: bool = True
    positions: Literal["sinusoidal", "learned", "none"] = "sinusoidal"
    scale: bool = True
    readout: Steps = "last"
    activation: Activation = "gelu"
    norm: LayerNorm = "layer"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs sequences."""
        check_heads(self.part, self.width, self.heads)
        steps, channels = sequence_shape(self, task)
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"stem": self._stem(steps, channels)}
            for k in range(1, self.depth + 1):
                attention = Attention(self.width, self.heads, self.scale, self.causal)
                units[f"block{k}"] = AttentionBlock(attention, self.mlp_ratio, self.activation, self.norm)
            units["norm"] = layer_norm(self.width, self.norm)
            units["readout"] = Readout(task, self.readout)
        return chain(units, task)

    def _stem(self, steps: int, channels: int) -> nn.Sequential:
        layers: dict[str, nn.Module] = {"linear": nn.Linear(channels, self.width)}
        if self.positions == "learned":
            layers["positions"] = Positions(steps, self.width)
        if self.positions == "sinusoidal":
            layers["positions"] = Sinusoids(steps, self.width)
        return nn.Sequential(OrderedDict(layers))


class Sinusoids(nn.Module):
    """``x + table`` with ``table[t, 2 i] = sin(t / 10000**(2 i / C))`` and ``table[t, 2 i + 1]`` the cosine, t from 0.

    The table's mean square is 1/2. It is a buffer of float32, in every precision the same numbers.
    """

    def __init__(self, n_steps: int, width: int) -> None:
        super().__init__()
        t_T1 = torch.arange(n_steps, dtype=torch.float64, device="cpu")[:, None]
        even = torch.arange(width, dtype=torch.float64, device="cpu") // 2 * 2
        phases_TC = t_T1 / 10000 ** (even / width)
        phases_TC[:, 1::2] += torch.pi / 2
        self.register_buffer("table", phases_TC.sin().to(torch.float32))
        self.table: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> the same shape."""
        return x + self.table
