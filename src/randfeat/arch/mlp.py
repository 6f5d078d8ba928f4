"""Fully connected layers; with one hidden layer and a ridge head, the extreme learning machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from randfeat.arch.base import ACTIVATIONS, AbstractArch
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "mlp")
@dataclass(frozen=True, kw_only=True)
class Mlp(AbstractArch):
    """Fully connected hidden layers of equal width.

    Units: ``hidden1`` ... ``hidden<depth>``, each ``activation(norm(W x + b))``. P = width.
    """

    depth: int = setting(1, ge=1)
    width: int = setting(1000, ge=1)
    activation: Literal["relu", "tanh", "sigmoid", "gelu"] = "relu"
    norm: Literal["none", "batch", "layer"] = "none"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Images are flattened."""
        norms = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
        units: dict[str, nn.Module] = {"flatten": nn.Flatten()}
        fan_in = task.n_inputs
        with torch.device("meta"):
            for k in range(1, self.depth + 1):
                unit = nn.Sequential()
                unit.add_module("linear", nn.Linear(fan_in, self.width))
                unit.add_module("norm", norms[self.norm](self.width))
                unit.add_module("activation", ACTIVATIONS[self.activation]())
                units[f"hidden{k}"] = unit
                fan_in = self.width
        return chain(units, task)
