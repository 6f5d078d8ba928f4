"""Highway networks: layers that a gate mixes with what came in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch, Norm, normalisation
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "highway")
@dataclass(frozen=True, kw_only=True)
class Highway(AbstractArch):
    """Highway network of one width: ``y = H(x) T(x) + x (1 - T(x))``, dense or of 3x3 convolutions.

    Units: ``stem``, a plain layer ``H``; ``depth`` highway layers in three blocks ``block1_1`` ... ``block3_<n>``, equal or
    the earlier ones longer by one. ``H(x) = activation(norm(layer(x)))``; the gate is ``T(x) = sigmoid(gate(x) + gate_bias)``,
    without a norm layer. ``gate_bias`` is a constant: what a law draws for the biases of ``gate``, zero by default, is added
    to it, and that alone can train. Far below zero a layer carries x, far above it is a plain one.

    ``form=dense`` flattens images first. ``form=convolutional`` closes each block by a 2x2 max-pool, ``pool1`` to ``pool3``,
    and flattens the last map for the head. With depth 8, one channel of 28x28 and ten classes it has 38,730 parameters at
    width 16 and 151,178 at width 32; the paper's networks of 10 layers have 39K and 151K.

    See: Srivastava, Greff and Schmidhuber, "Training very deep networks", NIPS 2015.
    """

    form: Literal["dense", "convolutional"] = "dense"
    depth: int = setting(9, ge=1)
    width: int = setting(50, ge=1)
    gate_bias: float = -2.0
    activation: Activation = "relu"
    norm: Norm = "none"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. The convolutional form needs images of 8x8 or more."""
        dense = self.form == "dense"
        n_in = task.n_inputs if dense else self.image_shape(task, at_least=8)[0]
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"flatten": nn.Flatten()} if dense else {}
            units["stem"] = self._transform(n_in)
            for b in (1, 2, 3):
                for k in range(1, (self.depth + 3 - b) // 3 + 1):
                    units[f"block{b}_{k}"] = HighwayLayer(
                        self._transform(self.width), self._layer(self.width, bias=True), self.gate_bias
                    )
                if not dense:
                    units[f"pool{b}"] = nn.MaxPool2d(2)
            if not dense:
                units["flatten"] = nn.Flatten()
        return chain(units, task)

    def _transform(self, n_in: int) -> nn.Sequential:
        layers = {
            "layer": self._layer(n_in, bias=self.norm == "none"),
            "norm": normalisation(self.width, self.norm) if self.form == "convolutional" else self._norm_of_rows(),
            "activation": ACTIVATIONS[self.activation](),
        }
        return nn.Sequential(OrderedDict(layers))

    def _layer(self, n_in: int, bias: bool) -> nn.Module:
        if self.form == "dense":
            return nn.Linear(n_in, self.width, bias)
        return nn.Conv2d(n_in, self.width, 3, padding=1, bias=bias)

    def _norm_of_rows(self) -> nn.Module:
        return nn.BatchNorm1d(self.width) if self.norm == "batch" else nn.Identity()


class HighwayLayer(nn.Module):
    """``transform(x) T + x (1 - T)`` with ``T = sigmoid(gate(x) + gate_bias)``."""

    def __init__(self, transform: nn.Module, gate: nn.Module, gate_bias: float) -> None:
        super().__init__()
        self.transform, self.gate, self.gate_bias = transform, gate, gate_bias

    def forward(self, x: Tensor) -> Tensor:
        """The shape stays: (N, width), or (N, width, H, W)."""
        t = torch.sigmoid(self.gate(x) + self.gate_bias)
        y: Tensor = self.transform(x) * t + x * (1 - t)
        return y
