"""The policies that train one block of the chain: the first, the middle one, or one by name."""

from __future__ import annotations

from dataclasses import dataclass

from randfeat.errors import ConfigError, did_you_mean
from randfeat.network import Network, blocks
from randfeat.registry import register
from randfeat.split import Choice
from randfeat.subset.base import AbstractSubset, whole


@register("subset", "first")
@dataclass(frozen=True, kw_only=True)
class First(AbstractSubset):
    """The first block alone trains; the head stays as drawn unless subset.head=train.

    See: Rosenfeld and Tsotsos, "Intriguing properties of randomly weighted networks", CRV 2019 (which also trains all norm
    layers: subset.norm=train subset.statistics=batch).
    """

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        groups = list(blocks(net).values())
        if not groups:
            raise ConfigError(
                "subset=first needs a layer with weights below the head, and this network has none. Use subset=last."
            )
        return whole(net, groups[0])


@register("subset", "middle")
@dataclass(frozen=True, kw_only=True)
class Middle(AbstractSubset):
    """The middle block alone trains: number n // 2 + 1 of the n blocks below the head.

    See: Rosenfeld and Tsotsos, "Intriguing properties of randomly weighted networks", CRV 2019 (which also trains all norm
    layers: subset.norm=train subset.statistics=batch).
    """

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        groups = blocks(net)
        if len(groups) < 2:
            have = ", ".join(groups) or "none"
            raise ConfigError(f"subset=middle needs two blocks or more below the head, but there is: {have}. Use subset=last.")
        return whole(net, list(groups.values())[len(groups) // 2])


@register("subset", "block")
@dataclass(frozen=True, kw_only=True)
class Block(AbstractSubset):
    """One block alone trains, picked by its name or by its number from 1.

    ``subset.block=block3`` and ``subset.block=3``; `randfeat show` lists the names.
    """

    block: str = "1"

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        groups = blocks(net)
        names = list(groups)
        wanted = names[int(self.block) - 1] if self.block.isdecimal() and 0 < int(self.block) <= len(names) else self.block
        if wanted not in groups:
            raise ConfigError(
                f"subset.block={self.block} is no block of this network.{did_you_mean(self.block, names)} "
                f"Blocks: {', '.join(names)}, or 1 to {len(names)}."
            )
        return whole(net, groups[wanted])
