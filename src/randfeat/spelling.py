"""The words that a spec is composed from: how to ask for it on the command line, and in what one spec differs from another."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from randfeat.config import compose
from randfeat.part import Part, plain
from randfeat.registry import FAMILIES
from randfeat.spec import RunSpec

_BARE = re.compile(r"(?!(?:null|true|false|nan|inf)$)[a-z_][a-z0-9_]*", re.IGNORECASE)
"""Text that Hydra takes for itself."""


def words_of(spec: RunSpec, composed_of: Callable[[tuple[str, ...]], Mapping[str, Any]] = compose) -> list[str]:
    """The fewest words without a recipe that compose to a spec, its twin included.

    A part that is not the default one is named, then what differs from its conf file, the user's where there is one.

    Args:
        spec: any.
        composed_of: :func:`randfeat.config.compose`, or one that remembers: it is asked twice, and by many specs the same.
    """
    chosen = {**{family: getattr(spec, family) for family in FAMILIES}, "twin": spec.twin_solver}
    usual = composed_of(())
    picked = [f"{name}={_name(part)}" for name, part in chosen.items() if _name(part) != _name_in(usual.get(name))]
    composed = composed_of(tuple(picked))
    words = list(picked)
    for name, part in chosen.items():
        if part is not None:
            words += _differing(name, part, composed[name])
    words += _differing("seeds", spec.seeds, composed.get("seeds") or {})
    if spec.precision != composed.get("precision", "float32"):
        words.append(f"precision={spec.precision}")
    return words


def word(value: Any) -> str:
    """A value as it stands after the ``=`` of a word: ``null``, ``true``, ``1e-3``, ``he``, ``"a,b"``, ``[64,64]``.

    A list of one stands there without brackets, for a setting that is a list takes what is none for its only item.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        if len(value) == 1 and value[0] is not None:
            return word(value[0])
        return "[" + ",".join(map(word, value)) + "]"
    if not isinstance(value, str):
        return f"{value:.0f}" if isinstance(value, float) and value.is_integer() and abs(value) < 1e6 else repr(value)
    return value if _BARE.fullmatch(value) else quoted(value)


def quoted(text: str) -> str:
    r"""Text in double quotes for Hydra: a backslash stands before a quote, and is doubled where it would do so by chance.

    ``${`` begins a reference to another value, unless a backslash stands before it.
    """
    literal = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    return '"' + re.sub(r'(\\*)("|\Z)', lambda found: 2 * found[1] + (found[2] and '\\"'), literal) + '"'


def _name(part: Part | None) -> str:
    return "null" if part is None else part.part


def _name_in(mapping: Mapping[str, Any] | None) -> str:
    return "null" if mapping is None else str(mapping.get("part"))


def _differing(name: str, part: Part, composed: Mapping[str, Any]) -> list[str]:
    """The settings of a part that are not what is composed anyway."""
    start = {field.name: plain(field.default) for field in dataclasses.fields(part)} | dict(composed)
    changed = {key: value for key, value in part.settings().items() if key != "part" and value != start[key]}
    return [f"{name}.{key}={word(value)}" for key, value in changed.items()]
