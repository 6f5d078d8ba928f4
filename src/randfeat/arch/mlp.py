"""Fully connected layers; with one hidden layer and a ridge head, the extreme learning machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch
from randfeat.errors import ConfigError
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "mlp")
@dataclass(frozen=True, kw_only=True)
class Mlp(AbstractArch):
    """Fully connected hidden layers, all of one width or each of its own.

    Units: ``hidden1`` ... ``hidden<depth>``, each ``activation(norm(W x + b))``; ``identity`` makes them linear. P is the
    last layer's width. ``widths`` stands in place of ``depth`` and ``width``, which are then left at their defaults.
    """

    depth: int = setting(1, ge=1)
    width: int = setting(1000, ge=1)
    activation: Activation = "relu"
    norm: Literal["none", "batch", "layer"] = "none"
    widths: tuple[int, ...] | None = setting(None, ge=1)

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Images are flattened."""
        norms = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
        units: dict[str, nn.Module] = {"flatten": nn.Flatten()}
        fan_in = task.n_inputs
        with torch.device("meta"):
            for k, width in enumerate(self._all_widths(), start=1):
                unit = nn.Sequential()
                unit.add_module("linear", nn.Linear(fan_in, width))
                unit.add_module("norm", norms[self.norm](width))
                unit.add_module("activation", ACTIVATIONS[self.activation]())
                units[f"hidden{k}"] = unit
                fan_in = width
        return chain(units, task)

    def _all_widths(self) -> tuple[int, ...]:
        if self.widths is None:
            return (self.width,) * self.depth
        if not self.widths:
            raise ConfigError("arch.widths=[] has no layer. Give the width of each, such as arch.widths=[64,32].")
        if (self.depth, self.width) != (Mlp().depth, Mlp().width):
            raise ConfigError("arch.widths gives the depth and every width. Leave out arch.depth and arch.width.")
        return self.widths
