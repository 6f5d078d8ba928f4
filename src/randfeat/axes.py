"""In what the runs of a sweep differ: the settings that take several values among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from randfeat.part import Part
from randfeat.registry import FAMILIES
from randfeat.spec import RunSpec
from randfeat.spelling import word

_OF_TWINS = ("data", "arch", "init", "seeds", "precision")
"""What a fully trained twin has in common with the run that it stands beside."""


def axes(specs: Iterable[RunSpec]) -> dict[str, tuple[str, ...]]:
    """``init`` -> ``he, glorot``, ``solver.penalty`` -> ``0.1, 1``: the settings that differ, with their values.

    A part's own setting counts where it differs between runs with that part. The seeds come last.
    """
    specs = list(specs)
    found: dict[str, dict[str, None]] = {}
    for family in FAMILIES:
        parts: dict[Part, None] = dict.fromkeys(getattr(spec, family) for spec in specs)
        by_name: dict[str, list[Part]] = {}
        for part in parts:
            by_name.setdefault(part.part, []).append(part)
        if len(by_name) > 1:
            found[family] = dict.fromkeys(by_name)
        for same in by_name.values():
            for name, values in _differing(same):
                found.setdefault(f"{family}.{name}", {}).update(dict.fromkeys(values))
    if len(precisions := dict.fromkeys(spec.precision for spec in specs)) > 1:
        found["precision"] = dict.fromkeys(map(str, precisions))
    found.update((f"seeds.{name}", dict.fromkeys(values)) for name, values in _differing([*{spec.seeds: 0 for spec in specs}]))
    return {name: tuple(values) for name, values in found.items()}


def added_twins(specs: Iterable[RunSpec]) -> set[str]:
    """The keys of the runs that are the fully trained twins of others among them."""
    return {spec.twin.key for spec in specs if spec.key != spec.twin.key}


def label(spec: RunSpec, names: Iterable[str], twin: bool) -> str:
    """A run among others, by the settings in which they differ: ``init=he solver.penalty=0.1 seed 3``.

    Args:
        spec: the run.
        names: the settings, as :func:`axes` has them.
        twin: whether it is a fully trained twin; said first, and without settings of subset and solver.
    """
    words = ["twin"] if twin else []
    seeds: dict[str, int] = {}
    for name in names:
        head, _, setting = name.partition(".")
        if twin and (head not in _OF_TWINS or name == "seeds.subset"):
            continue
        value = getattr(spec, head)
        if head == "seeds":
            seeds[name] = getattr(value, setting)
        elif not setting:
            words.append(f"{name}={value.part if isinstance(value, Part) else value}")
        elif hasattr(value, setting):
            words.append(f"{name}={word(getattr(value, setting))}")
    if len(seeds) > 1 and len(set(seeds.values())) == 1:
        return " ".join([*words, f"seed {min(seeds.values())}"])
    return " ".join([*words, *(f"{name}={k}" for name, k in seeds.items())])


def _differing(parts: Sequence[Part]) -> Iterator[tuple[str, list[str]]]:
    """The settings in which parts of one class differ, with their values."""
    for field in dataclasses.fields(parts[0]) if len(parts) > 1 else ():
        values: list[Any] = list(dict.fromkeys(getattr(part, field.name) for part in parts))
        if len(values) > 1:
            yield field.name, [word(value) for value in values]
