"""The errors that a user can cause, and the suggestion that goes with a mistyped word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class RandfeatError(Exception):
    """A mistake that the user can mend. The command line prints it in one line and exits with ``exit_code``."""

    exit_code = 2


class ConfigError(RandfeatError):
    """A word, a setting or a combination of parts that means nothing."""


class DataError(RandfeatError):
    """A data set that is missing, truncated or malformed."""


class ResultsError(RandfeatError):
    """A results folder or file that cannot be read or written."""


class InterruptError(RandfeatError):
    """Ctrl-C, with what is on record; no mistake."""

    exit_code = 130


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """``" Did you mean 'width'?"`` for the nearest option, or nothing where none is near."""
    near = difflib.get_close_matches(word.lower(), list(options), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def listing(options: Iterable[str]) -> str:
    """The options in alphabetical order, separated by commas."""
    return ", ".join(sorted(options))


def some(options: Sequence[str]) -> str:
    """The options in their own order; of more than six the first four, the last, and how many there are."""
    if len(options) <= 6:
        return ", ".join(options)
    return f"{', '.join(options[:4])}, ..., {options[-1]} ({len(options)} in all)"
