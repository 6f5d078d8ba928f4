"""Name -> part class for each family; refuses duplicates, suggests the nearest name, finds parts of other packages."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from randfeat.errors import ConfigError, did_you_mean, listing
from randfeat.part import Part

FAMILIES = ("data", "arch", "init", "subset", "solver")

_parts: dict[str, dict[str, type[Part]]] = {family: {} for family in FAMILIES}
P = TypeVar("P", bound=type[Part])


def register(family: str, name: str) -> Callable[[P], P]:
    """Class decorator: the part is picked by ``family=name`` from now on."""

    def decorate(cls: P) -> P:
        taken = _parts[family].get(name)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise ConfigError(f"{family}={name} is registered twice: {taken.__qualname__} and {cls.__qualname__}.")
        cls.family, cls.part = family, name
        _parts[family][name] = cls
        return cls

    return decorate


@functools.cache
def outside_parts(family: str) -> dict[str, EntryPoint]:
    """Parts that other installed packages offer under the entry point group ``randfeat.<family>``, not yet loaded."""
    return {point.name: point for point in entry_points(group=f"randfeat.{family}")}


def part_names(family: str) -> list[str]:
    """The names of a family's parts, in alphabetical order."""
    importlib.import_module(f"randfeat.{family}")
    return sorted({*_parts[family], *outside_parts(family)})


def part_class(family: str, name: str) -> type[Part]:
    """The class behind ``family=name``."""
    names = part_names(family)
    if name not in names:
        raise ConfigError(f"{family}={name} is unknown.{did_you_mean(name, names)} Parts: {listing(names)}.")
    if name not in _parts[family]:
        outside_parts(family)[name].load()
    return _parts[family][name]


def setting_names(family: str) -> list[str]:
    """The names of all settings of a family's own parts."""
    importlib.import_module(f"randfeat.{family}")
    return sorted({field.name for cls in _parts[family].values() for field in dataclasses.fields(cls)})


def make_part(family: str, mapping: Mapping[str, Any]) -> Part:
    """The part that ``{"part": name, setting: value, ...}`` describes.

    Raises:
        ConfigError: no such part, no such setting, wrong type or out of range.
    """
    settings = dict(mapping)
    name = settings.pop("part", None)
    if not isinstance(name, str):
        raise ConfigError(f"{family} needs a part: {family}=NAME with NAME one of {listing(part_names(family))}.")
    return part_class(family, name).from_settings(settings)
