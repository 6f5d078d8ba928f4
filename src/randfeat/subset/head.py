"""The head alone trains, on all of the random features or on some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from randfeat.errors import ConfigError
from randfeat.network import HEAD, Network
from randfeat.part import setting
from randfeat.registry import register
from randfeat.split import Choice, Entries
from randfeat.subset.base import AbstractSubset, drawn, kept, least


@register("subset", "head")
@dataclass(frozen=True, kw_only=True)
class Head(AbstractSubset):
    """The head alone trains, on a share of its features; on all of them it is subset=last.

    Of P features, the columns of ``int(share * P)`` train in the head's weight, and the bias. ``features=first`` takes the
    first ones, ``features=drawn`` a draw of seeds.subset. The other columns stay as drawn; with ``frozen=zero`` they are zero,
    so that the head sees these features alone.
    """

    share: float = setting(1.0, gt=0, le=1)
    features: Literal["first", "drawn"] = "drawn"
    frozen: Literal["random", "zero"] = "random"

    @property
    def frozen_rows(self) -> Literal["random", "zero"]:  # type: ignore[override]
        """What becomes of the columns that do not train."""
        return self.frozen

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        weight = f"{HEAD}.weight"
        n_classes, n_features = net.get_parameter(weight).shape
        k = kept(self.share, n_features)
        if k == 0:
            raise ConfigError(
                f"subset.share={self.share:g} keeps no feature of {weight!r}, which has {n_features}. "
                f"Use subset.share={least(n_features):g} or more."
            )
        columns = torch.arange(k) if self.features == "first" else drawn(k, n_features, seed, weight)
        entries = (torch.arange(n_classes)[:, None] * n_features + columns).flatten()
        return {weight: k == n_features or Entries(entries), f"{HEAD}.bias": True}
