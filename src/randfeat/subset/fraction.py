"""A share of the outputs of every layer trains, the rest stays random or is zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from randfeat.errors import ConfigError
from randfeat.network import HEAD, Network, Role, bias_of, norm_layers, roles, unit_of
from randfeat.part import setting
from randfeat.registry import register
from randfeat.split import Choice
from randfeat.subset.base import AbstractSubset, Switch, drawn, kept, least


@register("subset", "fraction")
@dataclass(frozen=True, kw_only=True)
class Fraction(AbstractSubset):
    """In every layer below the head a fraction (or a count) of the outputs trains; norm layers and head train whole.

    A layer of n outputs trains ``int(fraction * n)`` rows of its weight and bias, or ``min(count, n)`` where a count is
    given. ``rows=first`` takes the first ones, ``rows=drawn`` a draw of seeds.subset. ``frozen=zero`` sets the other rows
    to zero: the control that shows what the random ones are worth.

    See: Rosenfeld and Tsotsos, "Intriguing properties of randomly weighted networks", CRV 2019.
    """

    fraction: float = setting(0.1, gt=0, le=1)
    count: int | None = setting(None, ge=1)
    rows: Literal["first", "drawn"] = "first"
    frozen: Literal["random", "zero"] = "random"
    norm: Switch = "train"
    head: Switch = "train"

    @property
    def frozen_rows(self) -> Literal["random", "zero"]:  # type: ignore[override]
        """What becomes of the rows that do not train."""
        return self.frozen

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        in_norm = tuple(f"{layer}." for layer in norm_layers(net))
        shapes = {name: tensor.shape for name, tensor in net.named_parameters()}
        chosen: dict[str, Choice] = {}
        for name, role in roles(net).items():
            if unit_of(name) == HEAD or name.startswith(in_norm):
                chosen[name] = True
            elif role is Role.WEIGHT:
                rows = self._rows(name, shapes[name][0], seed)
                chosen |= {tensor: rows for tensor in (name, bias_of(name)) if tensor in shapes}
        return chosen

    def _rows(self, name: str, n: int, seed: int) -> Choice:
        n_rows = min(self.count, n) if self.count is not None else kept(self.fraction, n)
        if n_rows == 0:
            raise ConfigError(
                f"subset.fraction={self.fraction:g} keeps no row of {name!r}, which has {n}. "
                f"Use subset.fraction={least(n):g} or more, or subset.count=1."
            )
        if n_rows == n:
            return True
        return torch.arange(n_rows) if self.rows == "first" else drawn(n_rows, n, seed, name)
