"""The policies that need no setting: everything, nothing, the head, the norm layers."""

from __future__ import annotations

from dataclasses import dataclass

from randfeat.errors import ConfigError
from randfeat.network import HEAD, Network, norm_layers
from randfeat.registry import register
from randfeat.split import Choice
from randfeat.subset.base import AbstractSubset, whole


@register("subset", "all")
@dataclass(frozen=True, kw_only=True)
class All(AbstractSubset):
    """Everything trains: the twin of every other policy."""

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        return {name: True for name, _ in net.named_parameters()}


@register("subset", "none")
@dataclass(frozen=True, kw_only=True)
class Nothing(AbstractSubset):
    """Nothing trains: the network as drawn is scored."""

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        return {}


@register("subset", "last")
@dataclass(frozen=True, kw_only=True)
class Last(AbstractSubset):
    """The last linear layer alone trains, on random features.

    See: Saxe et al., "On random weights and unsupervised feature learning", ICML 2011; Huang, Zhu and Siew, "Extreme
    learning machine", Neurocomputing 70 (2006).
    """

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        return whole(net, [HEAD])


@register("subset", "norm")
@dataclass(frozen=True, kw_only=True)
class Norm(AbstractSubset):
    """The gains and shifts of the norm layers alone train.

    See: Frankle, Schwab and Morcos, "Training BatchNorm and only BatchNorm", ICLR 2021.
    """

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        layers = norm_layers(net)
        names = [f"{layer}.{name}" for layer, module in layers.items() for name, _ in module.named_parameters()]
        if not names:
            raise ConfigError("subset=norm trains norm layers, but this network has none. Use arch.norm=batch, or subset=last.")
        return dict.fromkeys(names, True)
