"""Rows of two tables brought together by their settings."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from randfeat.report.frame import setting_columns, text


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
    words_a, words_b = _words(a, names), _words(b, names)
    apart = [name for name in names if _set_apart(words_a[name], words_b[name])]
    on = [name for name in names if name not in apart]
    rows_a, rows_b = _by_words(words_a[on]), _by_words(words_b[on])
    found = [words for words in rows_a if words in rows_b]
    at_a, at_b = [rows_a[words] for words in found], [rows_b[words] for words in found]
    seen_a, seen_b = (words_a.iloc[at_a], words_b.iloc[at_b]) if found else (words_a, words_b)
    differing = [(name, _value(seen_a[name]), _value(seen_b[name])) for name in apart]
    return Pairs(
        a=_with(names, a).iloc[at_a].reset_index(drop=True),
        b=_with(names, b).iloc[at_b].reset_index(drop=True),
        on=on,
        settings=[(name, first, second) for name, first, second in differing if first != second],
        lone_a=len(a) - len(found),
        lone_b=len(b) - len(found),
    )


def _with(names: list[str], table: pd.DataFrame) -> pd.DataFrame:
    """The table, with an empty column for every setting that it lacks."""
    return table.reindex(columns=[*names, *(name for name in table.columns if name not in names)])


def _words(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return _with(names, table)[names].astype(object).map(text).reset_index(drop=True)


def _set_apart(a: pd.Series[str], b: pd.Series[str]) -> bool:
    """Whether each side has one value, not the other's; rows whose parts lack the setting have no say."""
    first, second = set(a) - {"-"}, set(b) - {"-"}
    return len(first) <= 1 and len(second) <= 1 and first != second


def _by_words(words: pd.DataFrame) -> dict[tuple[str, ...], int]:
    """Each row's place by its settings."""
    return {tuple(line): place for place, line in enumerate(words.to_numpy().tolist())}


def _value(words: pd.Series[str]) -> str:
    """The one value that a column has, a dash where it has none."""
    return next((word for word in words if word != "-"), "-")
