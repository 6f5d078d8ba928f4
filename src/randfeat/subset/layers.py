"""The policies that count layers: one alone, the last k, the first k. Linear and convolutional layers; the head is the last."""

from __future__ import annotations

from dataclasses import dataclass

from randfeat.errors import ConfigError, did_you_mean, some
from randfeat.network import Network, layers
from randfeat.part import setting
from randfeat.registry import register
from randfeat.split import Choice
from randfeat.subset.base import AbstractSubset


@register("subset", "layer")
@dataclass(frozen=True, kw_only=True)
class Layer(AbstractSubset):
    """One linear or convolutional layer alone trains, weight and bias, picked by its number from 1 or by its name.

    Layers count in the order of the network, the head last: ``subset.layer=3``, ``subset.layer=block1_1.conv1``;
    `randfeat show --tensors` lists them.

    See: Zhang, Bengio and Singer, "Are all layers created equal?", JMLR 23 (2022).
    """

    layer: str = "1"

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        found = layers(net)
        names = list(found)
        wanted = names[int(self.layer) - 1] if self.layer.isdecimal() and 0 < int(self.layer) <= len(names) else self.layer
        if wanted not in found:
            raise ConfigError(
                f"subset.layer={self.layer} is no layer of this network.{did_you_mean(self.layer, names)} "
                f"Layers: {some(names)}; or 1 to {len(names)}. `randfeat show --tensors` lists them."
            )
        return dict.fromkeys(found[wanted], True)


@register("subset", "last_k")
@dataclass(frozen=True, kw_only=True)
class LastK(AbstractSubset):
    """The last k linear or convolutional layers train, the head among them, and every tensor after the first of these.

    The norm layers that follow a trained layer train with it. ``subset.k=1`` is ``subset=last``.

    See: Yosinski, Clune, Bengio and Lipson, "How transferable are features in deep neural networks?", NeurIPS 2014.
    """

    k: int = setting(2, ge=1)

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        begins = _first_tensors(net, self.k)[-self.k]
        names = [name for name, _ in net.named_parameters()]
        return dict.fromkeys(names[names.index(begins) :], True)


@register("subset", "first_k")
@dataclass(frozen=True, kw_only=True)
class FirstK(AbstractSubset):
    """The first k linear or convolutional layers train, and every tensor before the layer that follows them.

    Of all layers, the head is the last: where k counts them all, everything trains.

    See: Yosinski, Clune, Bengio and Lipson, "How transferable are features in deep neural networks?", NeurIPS 2014.
    """

    k: int = setting(1, ge=1)

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        firsts = _first_tensors(net, self.k)
        names = [name for name, _ in net.named_parameters()]
        return dict.fromkeys(names[: names.index(firsts[self.k])] if self.k < len(firsts) else names, True)


def _first_tensors(net: Network, k: int) -> list[str]:
    """The first tensor of each layer, of which there have to be k."""
    found = layers(net)
    if k > len(found):
        raise ConfigError(
            f"subset.k={k}, but this network has {len(found)} layers: {some(list(found))}. Use subset.k={len(found)}."
        )
    return [tensors[0] for tensors in found.values()]
