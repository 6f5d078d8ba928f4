"""Cases that a recipe lists, each of them words: ``sweep: [subset=last, "subset=all twin=adam", {init: he}]``."""

from __future__ import annotations

import json
import shlex
from typing import Any

from randfeat.errors import ConfigError


def cases(listed: Any) -> list[list[str]]:
    """The words of each case: a text of words, a list of them, or a mapping of keys to values. None lists nothing.

    Raises:
        ConfigError: no list, an empty one, or a case that is no words.
    """
    if listed is None:
        return []
    if not (isinstance(listed, list) and listed):
        raise ConfigError(f"sweep={listed} is no list of cases. It is written as in sweep: [subset=last, subset=all].")
    return [_words(case) for case in listed]


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no case of a sweep: {str(error).lower()}.") from None


def _words(case: Any) -> list[str]:
    if isinstance(case, dict):
        words = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in case.items()]
    else:
        words = _split(case) if isinstance(case, str) else case
    if not (isinstance(words, list) and words and all(isinstance(word, str) and "=" in word for word in words)):
        raise ConfigError(f"{case!r} is no case of a sweep. A case is words, as in 'subset=last solver.penalty=1'.")
    if any(word.startswith("conf=") for word in words):
        raise ConfigError(f"{case!r} names a recipe in a case of a sweep. Name it in the recipe's defaults.")
    return words
