"""``--where``: conditions in words, and the runs that meet all of them."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from randfeat.errors import ConfigError, did_you_mean, listing
from randfeat.report.frame import text

_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Condition:
    """One condition on one column, as in ``seeds.weights<3``."""

    column: str
    sign: str
    value: str

    @classmethod
    def parse(cls, words: str) -> Condition:
        """The condition that ``COLUMN SIGN VALUE`` means; the signs are ``= != < <= > >=``.

        Raises:
            ConfigError: there is no sign, or no column before it, or no value after it.
        """
        match = re.fullmatch(r"\s*([^=!<>\s]+)\s*(!=|<=|>=|=|<|>)\s*(.*\S)\s*", words)
        if match is None:
            raise ConfigError(f"--where {words!r} is no condition. Write COLUMN=VALUE, with one of = != < <= > >=.")
        return cls(*match.groups())

    def holds(self, runs: pd.DataFrame) -> pd.Series[bool]:
        """For every run, whether the condition holds.

        ``=`` and ``!=`` compare numbers as numbers and everything else as words; the other signs want a number, and
        never hold where the run has none.
        """
        column = require(runs, self.column, list(runs.columns))
        if self.sign in _ORDER:
            holds: pd.Series[bool] = _ORDER[self.sign](_numbers(column), self._number())
            return holds
        same = column.map(text) == self.value
        if (number := _number(self.value)) is not None:
            same |= _numbers(column) == number
        return same if self.sign == "=" else ~same

    def _number(self) -> float:
        number = _number(self.value)
        if number is None:
            raise ConfigError(f"--where {self.column}{self.sign}{self.value} needs a number, got {self.value!r}.")
        return number


def select(runs: pd.DataFrame, where: Iterable[str]) -> pd.DataFrame:
    """The runs for which every condition holds."""
    for condition in map(Condition.parse, where):
        runs = runs[condition.holds(runs)]
    return runs


def require(runs: pd.DataFrame, column: str, options: Sequence[str]) -> pd.Series[Any]:
    """A column that the user named, one of ``options``.

    Raises:
        ConfigError: there is no such column.
    """
    if column not in options:
        raise ConfigError(f"the results have no column {column!r}.{did_you_mean(column, options)} Columns: {listing(options)}.")
    return runs[column]


def _numbers(column: pd.Series[Any]) -> pd.Series[float]:
    return pd.to_numeric(column, errors="coerce").astype(float)


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
