"""Different laws in different parts of a network, by the names of the tensors."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import cast

import numpy as np

from randfeat.errors import ConfigError, some
from randfeat.init.base import AbstractInit, Sources
from randfeat.network import Network, Slot
from randfeat.registry import register
from randfeat.seeds import Stream
from randfeat.typing import Weights
from randfeat.words import part_from_words


@register("init", "mixed")
@dataclass(frozen=True, kw_only=True)
class Mixed(AbstractInit):
    """Rules over the names of the tensors say which law draws them: PATTERN=LAW, as in block1*=gabor and *=he(gain=1).

    The first rule whose pattern matches a tensor's whole name decides; ``*`` stands for any letters, ``?`` for one. Every
    rule must decide about some tensor, and about every tensor some rule. Biases and gains of norm layers follow the
    settings ``bias`` and ``gamma`` of the law that draws them; ``branches`` is set here. Laws that look at data or at other
    runs adapt their tensors in the order of the rules. The stream of a tensor is named after it, so a tensor is the same as
    where its law draws the whole network.
    """

    rules: tuple[str, ...] = ("*=he",)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("bias", "bias_std", "gamma"):
            if getattr(self, name) != getattr(type(self), name):
                raise ConfigError(f"init=mixed leaves {name} to its laws. Use init.rules=['*=he({name}=...)'].")
        _laws(self.rules)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """Not asked for: a shape alone has no name."""
        raise NotImplementedError("init=mixed draws tensors by their names")

    def fill(self, slot: Slot, stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.fill`."""
        return next(law for pattern, law in _laws(self.rules) if fnmatchcase(slot.name, pattern)).fill(slot, stream)

    def check(self, net: Network, names: Collection[str]) -> None:
        """See :meth:`AbstractInit.check`."""
        super().check(net, names)
        left = list(names)
        for pattern, law, own in self._owned(left):
            if not own:
                raise ConfigError(
                    f"init.rules: {pattern!r} decides about no tensor that is left. Tensors: {some(list(names))}."
                )
            law.check(net, own)
            left = [name for name in left if name not in own]
        if left:
            raise ConfigError(f"init.rules say nothing about {some(left)}. Add '*=he' at the end.")

    def adapt(self, net: Network, weights: Weights, names: list[str], seed: int, sources: Sources) -> Weights:
        """See :meth:`AbstractInit.adapt`."""
        fresh: Weights = {}
        for _, law, own in self._owned(names):
            fresh |= law.adapt(net, weights | fresh, own, seed, sources)
        return fresh

    def _owned(self, names: list[str]) -> list[tuple[str, AbstractInit, list[str]]]:
        """Each rule's pattern and law, and the tensors that it decides about."""
        owned, left = [], list(names)
        for pattern, law in _laws(self.rules):
            own = [name for name in left if fnmatchcase(name, pattern)]
            left = [name for name in left if name not in own]
            owned.append((pattern, law, own))
        return owned


@functools.cache
def _laws(rules: tuple[str, ...]) -> list[tuple[str, AbstractInit]]:
    """Each rule's pattern and law; read once, though asked for with every tensor."""
    found = []
    for rule in rules:
        pattern, sign, law = rule.partition("=")
        if not (pattern and sign):
            raise ConfigError(f"init.rules: {rule!r} must be PATTERN=LAW, as in '*=he' or 'block1*=gaussian(gain=2)'.")
        found.append((pattern, cast(AbstractInit, part_from_words("init", law))))
    return found
