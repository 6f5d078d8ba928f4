"""What trains by the names of the tensors."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import torch

from randfeat.errors import ConfigError, did_you_mean, some
from randfeat.network import Network, unit_of
from randfeat.registry import register
from randfeat.split import Choice
from randfeat.subset.base import AbstractSubset, kept, least


@register("subset", "patterns")
@dataclass(frozen=True, kw_only=True)
class Patterns(AbstractSubset):
    """Rules over the names of the tensors say what trains: PATTERN=train, PATTERN=freeze or PATTERN=SHARE.

    The first rule whose pattern matches a tensor's whole name decides; ``*`` stands for any letters, ``?`` for one, ``[12]``
    for one of these. A share, 0 < share <= 1, trains the first ``int(share * n)`` of n rows. Every rule must decide about
    some tensor, and about every tensor some rule. ``frozen=zero`` sets the other rows of a tensor with a share to zero.
    """

    rules: tuple[str, ...] = ("head.*=train", "*=freeze")
    frozen: Literal["random", "zero"] = "random"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._shares()

    @property
    def frozen_rows(self) -> Literal["random", "zero"]:  # type: ignore[override]
        """What becomes of the rows that do not train in a tensor with a share."""
        return self.frozen

    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """See :meth:`AbstractSubset.choose`."""
        n_rows = {name: len(tensor) for name, tensor in net.named_parameters()}
        chosen: dict[str, Choice] = {}
        for pattern, share in self._shares():
            matched = [name for name in n_rows if fnmatchcase(name, pattern)]
            fresh = [name for name in matched if name not in chosen]
            if not matched:
                near = did_you_mean(pattern.strip("*."), {*n_rows, *map(unit_of, n_rows)})
                have = f"Tensors: {some(list(n_rows))}; `randfeat show --tensors` lists them."
                raise ConfigError(f"subset.rules: {pattern!r} matches no tensor.{near} {have}")
            if not fresh:
                raise ConfigError(
                    f"subset.rules: {pattern!r} comes too late, for rules before it decide about {some(matched)}. Put it first."
                )
            chosen |= {name: _rows(name, n_rows[name], pattern, share) for name in fresh}
        left = [name for name in n_rows if name not in chosen]
        if left:
            raise ConfigError(f"subset.rules say nothing about {some(left)}. Add '*=freeze' or '*=train' at the end.")
        return chosen

    def _shares(self) -> list[tuple[str, float]]:
        """Each rule's pattern, and the share of the rows that train; 0 and 1 for ``freeze`` and ``train``."""
        found = []
        for rule in self.rules:
            pattern, _, word = rule.rpartition("=")
            share = _share(word)
            if not pattern or share is None:
                raise ConfigError(
                    f"subset.rules: {rule!r} must be PATTERN=train, PATTERN=freeze or PATTERN=SHARE with 0 < SHARE <= 1."
                )
            found.append((pattern, share))
        return found


def _rows(name: str, n: int, pattern: str, share: float) -> Choice:
    k = kept(share, n)
    if k == 0 and share > 0:
        raise ConfigError(
            f"subset.rules: '{pattern}={share:g}' keeps no row of {name!r}, which has {n}. Use a share of {least(n):g} or more."
        )
    return bool(k) if k in (0, n) else torch.arange(k)


def _share(word: str) -> float | None:
    if word in ("freeze", "train"):
        return float(word == "train")
    try:
        share = float(word)
    except ValueError:
        return None
    return share if 0 < share <= 1 else None
