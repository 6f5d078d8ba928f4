"""Rows of two tables brought together by their settings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from randfeat.report.frame import setting_columns, text

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Row i of ``a`` belongs to row i of ``b``; both have the same columns of settings.

    Attributes:
        a: the paired rows of one table.
        b: the paired rows of the other.
        on: the settings that a pair agrees on.
        settings: name, value in A and value in B of the settings that differ between the two sides.
        lone_a: how many rows of A have no counterpart.
        lone_b: how many rows of B have none.
    """

    a: pd.DataFrame
    b: pd.DataFrame
    on: list[str]
    settings: list[tuple[str, str, str]]
    lone_a: int
    lone_b: int


def pair(a: pd.DataFrame, b: pd.DataFrame) -> Pairs:
    """Pair the rows that agree on every setting, but for those that are one value in all of A and another in all of B.

    Among the latter, a setting that only rows without a counterpart have is not reported as a difference.
    """
    names = list(dict.fromkeys([*setting_columns(a), *setting_columns(b)]))
    words = {name: Words.of(_column(a, name), _column(b, name)) for name in names}
    apart = [name for name in names if words[name].set_apart]
    on = [name for name in names if name not in apart]
    at_a, at_b = _matched([words[name] for name in on], len(a), len(b))
    seen = {name: words[name].of_rows(at_a, at_b) if at_a.size else words[name].values for name in apart}
    return Pairs(
        a=_with(names, a).iloc[at_a].reset_index(drop=True),
        b=_with(names, b).iloc[at_b].reset_index(drop=True),
        on=on,
        settings=[(name, first, second) for name, (first, second) in seen.items() if first != second],
        lone_a=len(a) - at_a.size,
        lone_b=len(b) - at_b.size,
    )


@dataclass(frozen=True)
class Words:
    """One setting of the rows of both sides, in words: ``words[a[i]]`` is that of row i of A, and ``"-"`` that of none."""

    words: list[str]
    a: Places
    b: Places

    @classmethod
    def of(cls, a: pd.Series[Any], b: pd.Series[Any]) -> Words:
        """The words for two columns; every value of a column is put in words once."""
        known: dict[str, int] = {}
        places = []
        for column in (a, b):
            codes, values = pd.factorize(column, use_na_sentinel=False)
            own = [known.setdefault(text(value), len(known)) for value in values.astype(object)]
            places.append(np.array(own, dtype=np.int64)[codes])
        return cls(list(known), *places)

    @property
    def set_apart(self) -> bool:
        """Whether each side has one value, not the other's; rows whose parts lack the setting have no say."""
        first, second = (self._said(places) for places in (self.a, self.b))
        return len(first) <= 1 and len(second) <= 1 and first != second

    @property
    def values(self) -> tuple[str, str]:
        """The one value of each side, a dash where it has none."""
        first, second = (next(iter(self._said(places)), "-") for places in (self.a, self.b))
        return first, second

    def of_rows(self, at_a: Places, at_b: Places) -> tuple[str, str]:
        """``values`` of some rows."""
        return Words(self.words, self.a[at_a], self.b[at_b]).values

    def _said(self, places: Places) -> list[str]:
        return [self.words[place] for place in pd.unique(places) if self.words[place] != "-"]


def _matched(words: list[Words], n_a: int, n_b: int) -> tuple[Places, Places]:
    """Which rows of A and of B agree on all words; of several rows that say the same the last, in the order of A's first."""
    ids = np.zeros(n_a + n_b, dtype=np.int64)
    for each in words:
        if len(each.words) > 1:
            ids, _ = pd.factorize(ids * len(each.words) + np.concatenate([each.a, each.b]))
    last_a, last_b = (np.full(n_a + n_b, -1) for _ in range(2))
    last_a[ids[:n_a]], last_b[ids[n_a:]] = np.arange(n_a), np.arange(n_b)
    found = pd.unique(ids[:n_a])
    found = found[last_b[found] >= 0]
    return last_a[found], last_b[found]


def _column(table: pd.DataFrame, name: str) -> pd.Series[Any]:
    """A column, empty where the table lacks it."""
    return table[name] if name in table else pd.Series(math.nan, index=table.index)


def _with(names: list[str], table: pd.DataFrame) -> pd.DataFrame:
    """The table, with an empty column for every setting that it lacks."""
    return table.reindex(columns=[*names, *(name for name in table.columns if name not in names)])
