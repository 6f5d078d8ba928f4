"""What several policies choose, together or in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

import torch

from randfeat.errors import ConfigError, some
from randfeat.network import Network
from randfeat.registry import register
from randfeat.split import Choice, Selection, intersection, n_trained, union
from randfeat.subset.base import AbstractSubset
from randfeat.words import part_from_words

T = TypeVar("T")


@register("subset", "combination")
@dataclass(frozen=True, kw_only=True)
class Combination(AbstractSubset):
    """What several policies choose, together (union) or in common (intersection), entry by entry.

    ``of`` names them in words, each with its own switches: ``'subset.of=["fraction(fraction=0.2, rows=drawn)",last]'``.
    The switches of the combination then overrule the outcome. What several policies train begins when the first of them
    lets it in a union, when the last of them does in an intersection. ``frozen=zero`` sets what is frozen of a partly
    trained tensor to zero.
    """

    of: tuple[str, ...] = ("first", "last")
    how: Literal["union", "intersection"] = "union"
    frozen: Literal["random", "zero"] = "random"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.of:
            raise ConfigError("subset.of needs one policy or more, such as subset.of=[first,last], got an empty list.")
        for words, member in self._members():
            for name, own in (("frozen", member.frozen_rows), ("statistics", member.statistics)):
                if own not in ("random", "auto", getattr(self, name)):
                    raise ConfigError(f"in {words!r}: {name}={own} does nothing there. Use subset.{name}={own}.")

    @property
    def frozen_rows(self) -> Literal["random", "zero"]:  # type: ignore[override]
        """What becomes of what does not train in a partly trained tensor."""
        return self.frozen

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        selections = self._each(lambda member: member.select(net, seed))
        combine = union if self.how == "union" else intersection
        chosen = {name: combine([s[name] for s in selections], tensor.shape) for name, tensor in net.named_parameters()}
        if self.how == "intersection" and not _trained(chosen):
            sides = [f"{words!r} trains {some(_trained(s)) or 'nothing'}" for words, s in zip(self.of, selections, strict=True)]
            raise ConfigError(f"subset.of has nothing in common: {'; '.join(sides)}. Use subset.how=union.")
        return chosen

    def begins(self, net: Network, seed: int) -> dict[str, float]:
        """See :meth:`AbstractSubset.begins`."""
        starts = self._each(lambda member: member.begins(net, seed))
        names = list(dict.fromkeys(name for start in starts for name in start))
        if self.how == "intersection" or not names:
            return {name: max(start.get(name, 0.0) for start in starts) for name in names}
        selections = self._each(lambda member: member.select(net, seed))
        return {
            name: _first(
                name,
                net.get_parameter(name).shape,
                [(start.get(name, 0.0), s[name]) for start, s in zip(starts, selections, strict=True) if s[name] is not False],
            )
            for name in names
        }

    def _members(self) -> list[tuple[str, AbstractSubset]]:
        """The policies, each with its words."""
        return [(words, cast(AbstractSubset, part_from_words("subset", words))) for words in self.of]

    def _each(self, ask: Callable[[AbstractSubset], T]) -> list[T]:
        """What each policy answers; its complaints begin with its words."""
        answers = []
        for words, member in self._members():
            try:
                answers.append(ask(member))
            except ConfigError as error:
                raise ConfigError(f"in {words!r}: {error}") from None
        return answers


def _trained(selection: Selection) -> list[str]:
    return [name for name, choice in selection.items() if choice is not False]


def _first(name: str, shape: torch.Size, choices: list[tuple[float, Choice]]) -> float:
    """When a tensor begins to train: when the first of these policies lets it, if it then lets all that any of them does."""
    first = min((begin for begin, _ in choices), default=0.0)
    now = union([choice for begin, choice in choices if begin == first] or [False], shape)
    ever = union([choice for _, choice in choices] or [False], shape)
    if n_trained({name: now}, {name: shape}) != n_trained({name: ever}, {name: shape}):
        raise ConfigError(
            f"subset.of lets a part of {name!r} begin at {first:g} of the training and the rest later, but a tensor begins as "
            "one. Use subset.how=intersection."
        )
    return first
