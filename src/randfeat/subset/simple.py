"""The policies that need no setting: everything, nothing, the last layer, the norm layers, the biases."""

from __future__ import annotations

from dataclasses import dataclass

from randfeat.errors import ConfigError
from randfeat.network import HEAD, Network, Role, norm_layers, roles, unit_of
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
            raise ConfigError(
                "subset=norm trains norm layers, but this network has none. "
                "Use subset=last, or an architecture with norm layers, such as arch=vgg with arch.norm=batch."
            )
        return dict.fromkeys(names, True)


@register("subset", "bias")
@dataclass(frozen=True, kw_only=True)
class Bias(AbstractSubset):
    """The biases alone train, the head's among them; shifts of norm layers do with subset.norm=train.

    See: Ben Zaken, Goldberg and Ravfogel, "BitFit: simple parameter-efficient fine-tuning for transformer-based masked
    language-models", ACL 2022.
    """

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        names = [name for name, role in roles(net).items() if role is Role.BIAS]
        if self.head == "freeze" and self.norm != "train" and all(unit_of(name) == HEAD for name in names):
            raise ConfigError(
                f"subset=bias with subset.head=freeze trains nothing, for this network's biases are {', '.join(names)} alone. "
                "Use subset.head=policy, or subset=norm."
            )
        return dict.fromkeys(names, True)
