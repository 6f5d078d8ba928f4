"""Single entries of every weight train, the rest stays random or is zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from randfeat.errors import ConfigError
from randfeat.network import HEAD, Network, Role, norm_layers, roles, unit_of
from randfeat.part import setting
from randfeat.registry import register
from randfeat.split import Choice, Entries
from randfeat.subset.base import AbstractSubset, Switch, drawn, kept, least


@register("subset", "weights")
@dataclass(frozen=True, kw_only=True)
class SomeWeights(AbstractSubset):
    """A share of the single entries of every weight below the head trains, drawn; norm layers and head train whole.

    A weight of n entries trains ``int(share * n)`` of them, drawn without replacement by seeds.subset from a stream named
    after the tensor. Biases below the head stay as drawn. ``frozen=zero`` sets the other entries to zero: a network that is
    sparse at random.

    See: Liu et al., "The unreasonable effectiveness of random pruning", ICLR 2022 (for ``frozen=zero``).
    """

    share: float = setting(0.1, gt=0, le=1)
    frozen: Literal["random", "zero"] = "random"
    norm: Switch = "train"
    head: Switch = "train"

    @property
    def frozen_rows(self) -> Literal["random", "zero"]:  # type: ignore[override]
        """What becomes of the entries that do not train."""
        return self.frozen

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        in_norm = tuple(f"{layer}." for layer in norm_layers(net))
        sizes = {name: tensor.numel() for name, tensor in net.named_parameters()}
        chosen: dict[str, Choice] = {}
        for name, role in roles(net).items():
            if unit_of(name) == HEAD or name.startswith(in_norm):
                chosen[name] = True
            elif role is Role.WEIGHT:
                chosen[name] = self._entries(name, sizes[name], seed)
        return chosen

    def _entries(self, name: str, n: int, seed: int) -> Choice:
        k = kept(self.share, n)
        if k == 0:
            raise ConfigError(
                f"subset.share={self.share:g} keeps no entry of {name!r}, which has {n}. Use subset.share={least(n):g} or more."
            )
        return k == n or Entries(drawn(k, n, seed, name))
