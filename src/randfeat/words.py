"""A part in words, ``fraction(fraction=0.2, rows=drawn)``, for settings that hold other parts."""

from __future__ import annotations

import json
import re
from typing import Any

from randfeat.errors import ConfigError
from randfeat.part import Part
from randfeat.registry import part_class


def part_from_words(family: str, words: str) -> Part:
    """The part that ``NAME`` or ``NAME(setting=value, ...)`` describes; settings that are not named keep their default.

    A value is a number, ``true``, ``false``, ``null``, a list ``[a, b]`` of values, or text. Text may stand in single or
    double quotes, and must where it holds commas or brackets that do not pair up.

    Raises:
        ConfigError: the words have another form, or describe no part; the error repeats them.
    """
    form = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", words, re.DOTALL)
    if form is None:
        raise ConfigError(f"{words!r} does not describe a part. Write NAME or NAME(setting=value, ...).")
    name, inside = form.groups()
    try:
        return part_class(family, name).from_settings(_settings(inside or ""))
    except ConfigError as error:
        raise ConfigError(f"in {words!r}: {error}") from None


def _settings(text: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for piece in _pieces(text):
        name, sign, value = (word.strip() for word in piece.partition("="))
        if not (sign and name.isidentifier()) or name in settings:
            raise ConfigError(f"{piece!r} is no setting=value, or is given twice.")
        settings[name] = _value(value)
    return settings


def _value(text: str) -> Any:
    if text.startswith("[") and text.endswith("]"):
        return [_value(piece) for piece in _pieces(text[1:-1])]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _pieces(text: str) -> list[str]:
    """The text cut at the commas that lie outside brackets and quotes."""
    pieces, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0 and not quote:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [piece.strip() for piece in pieces if piece.strip()]
