"""Everything trains in the end, one block after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from randfeat.network import HEAD, Network, blocks, layers, unit_of
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import stream
from randfeat.split import Choice
from randfeat.subset.base import AbstractSubset, whole


@register("subset", "order")
@dataclass(frozen=True, kw_only=True)
class Order(AbstractSubset):
    """Everything trains in the end, but the blocks begin one after another: from the head down, up to it, or as drawn.

    The head counts as a block, and a norm layer that is a block by itself goes with the block below it. Of m blocks, number
    i = 0, 1, ... begins at ``i / m * until`` of the training; until then it stays as drawn, without decay or momentum, while
    its norm layers already use the statistics of the batch. ``direction=drawn`` takes the order from seeds.subset.

    See: Howard and Ruder, "Universal language model fine-tuning for text classification", ACL 2018 (from the head down).
    """

    direction: Literal["down", "up", "drawn"] = "down"
    until: float = setting(0.5, ge=0, le=1)

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        return whole(net, [*net.unit_names, HEAD])

    def begins(self, net: Network, seed: int) -> dict[str, float]:
        """See :meth:`AbstractSubset.begins`."""
        groups = _groups(net)
        if self.direction == "down":
            groups.reverse()
        elif self.direction == "drawn":
            groups = [groups[k] for k in stream(seed, "subset", "order").permutation(len(groups))]
        begin = {unit: i / len(groups) * self.until for i, units in enumerate(groups) for unit in units}
        return {name: begin[unit_of(name)] for name, _ in net.named_parameters()}


def _groups(net: Network) -> list[list[str]]:
    """The units of each block, the head's last; those of a block without a layer join the block below."""
    with_layers = {unit_of(layer) for layer in layers(net)}
    groups: list[list[str]] = []
    for units in [*blocks(net).values(), [HEAD]]:
        if groups and not with_layers.intersection(units):
            groups[-1] += units
        else:
            groups.append([*units])
    return groups
