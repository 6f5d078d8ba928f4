"""What is to be run: each spec once, less what is on record, in groups that share what they compute."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from randfeat.config import MOST, mappings
from randfeat.errors import ConfigError
from randfeat.record import Record
from randfeat.spec import RunSpec
from randfeat.stackable import stack_key

PIECES = 4
"""Gradient fits of one network are handed out in about so many pieces for each worker, so that all are done at one time."""


@dataclass(frozen=True)
class Group:
    """Runs that one worker does one after another, for they share what it computes; or, ``stacked``, several at a time."""

    specs: tuple[RunSpec, ...]
    stacked: bool = False

    @property
    def shared(self) -> list[str]:
        """The keys of the networks that several of the runs go on from."""
        return list(self.sharers)

    @property
    def sharers(self) -> dict[str, int]:
        """How many runs go on from each of these networks. A fully trained run takes nothing from others."""
        networks = Counter(spec.network_key for spec in self.specs if not is_twin(spec))
        return {network: runs for network, runs in networks.items() if runs > 1}


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        wanted: every spec once, in the order given.
        done: what of it is on record, by key.
        groups: the rest, in the order in which it is handed out.
    """

    wanted: tuple[RunSpec, ...]
    done: Mapping[str, Record]
    groups: tuple[Group, ...]

    @property
    def missing(self) -> list[RunSpec]:
        """What is to be run."""
        return [spec for group in self.groups for spec in group.specs]


def specs_of(words: Iterable[str], seeds: int = 1) -> list[RunSpec]:
    """The runs that these words describe, lists in them included, with so many seeds each.

    Raises:
        ConfigError: the words mean nothing, parts do not fit together, or there would be more than ``MOST`` runs.
    """
    words = list(words)
    firsts = [_fitting(choice, mapping, words) for choice, mapping in mappings(words)]
    if len(firsts) * seeds > MOST:
        raise ConfigError(
            f"these are {len(firsts) * seeds:,} runs with their seeds, and {MOST:,} is the most. Use fewer seeds."
        )
    return [first.with_seed(k) for first in firsts for k in range(seeds)]


def with_twins(specs: Iterable[RunSpec]) -> list[RunSpec]:
    """Each with its fully trained twin after it."""
    return [each for spec in specs for each in (spec, spec.twin)]


def plan(specs: Iterable[RunSpec], done: Mapping[str, Record], places: int = 1, *, stacks: bool = False) -> Plan:
    """The plan for these specs.

    Runs of one data set come after each other, and among them those of one network. Of those the one with the fewest frozen
    units comes first, for the others go on from what it computes; its fully trained twins come last.

    Args:
        specs: what is wanted; one that comes twice is run once.
        done: the runs on record, by key.
        places: how many workers there are. For one, a group holds all runs of a network; for several, its heads are a group,
            and its gradient fits are cut into pieces, the longest first.
        stacks: runs that can train together are groups of their own, one for each place.
    """
    wanted = {spec.key: spec for spec in specs}
    missing = [spec for key, spec in wanted.items() if key not in done]
    n_fits = sum(spec.solver.fits_everything for spec in missing)
    most = max(1, n_fits // (PIECES * places))
    groups: list[Group] = []
    for same_rows in _by(missing, lambda spec: (spec.data, spec.seeds.data)):
        alone = same_rows
        if stacks:
            kinds = _by(same_rows, lambda spec: stack_key(spec) or spec.key)
            alone = [kind[0] for kind in kinds if len(kind) == 1]
            groups += [Group(tuple(part), stacked=True) for kind in kinds if len(kind) > 1 for part in _even(kind, places)]
        for runs in _by(alone, lambda spec: spec.network_key):
            groups += [Group(tuple(part)) for part in (_cut(runs, most) if places > 1 else [_ordered(runs)])]
    return Plan(tuple(wanted.values()), {key: done[key] for key in wanted if key in done}, tuple(groups))


def _by(specs: Iterable[RunSpec], what: Callable[[RunSpec], Hashable]) -> list[list[RunSpec]]:
    """The specs that agree on something, in the order in which it first comes."""
    found: dict[Hashable, list[RunSpec]] = {}
    for spec in specs:
        found.setdefault(what(spec), []).append(spec)
    return list(found.values())


def _even(specs: list[RunSpec], n: int) -> list[list[RunSpec]]:
    """At most ``n`` parts of nearly one size."""
    size = -(-len(specs) // n)
    return [specs[start : start + size] for start in range(0, len(specs), size)]


def is_twin(spec: RunSpec) -> bool:
    """Whether everything trains, so that the run is its own twin."""
    return spec.key == spec.twin.key


def _fitting(choice: Sequence[str], mapping: Mapping[str, Any], words: Collection[str]) -> RunSpec:
    """The spec of one combination; where its parts do not fit together, the error says which words these are."""
    try:
        return RunSpec.from_mapping(mapping)
    except ConfigError as error:
        own = [word for word in choice if word not in words]
        raise ConfigError(f"{error} That is with {shlex.join(own)}." if own else str(error)) from None


def _ordered(runs: list[RunSpec]) -> list[RunSpec]:
    return sorted(runs, key=lambda spec: (is_twin(spec), spec.n_frozen))


def _cut(runs: list[RunSpec], most: int) -> Iterator[list[RunSpec]]:
    """Fully trained runs one by one, the other gradient fits ``most`` at a time, and the heads together."""
    yield from ([spec] for spec in runs if is_twin(spec))
    parts = [spec for spec in _ordered(runs) if spec.solver.fits_everything and not is_twin(spec)]
    yield from (parts[start : start + most] for start in range(0, len(parts), most))
    if heads := [spec for spec in _ordered(runs) if not spec.solver.fits_everything]:
        yield heads
