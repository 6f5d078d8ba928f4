"""The tables of a study: a line per cell with means and intervals over seeds, the published number, and the cell's words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from randfeat.errors import ConfigError
from randfeat.report.lines import PLAIN
from randfeat.report.statistics import interval

WORDS = "words"
"""The column with the words that make a line's runs."""


@dataclass(frozen=True)
class Table:
    """One table of a study.

    Attributes:
        title: what it shows, in a few words.
        make: the numbers of the arm -> the table; ``<name> ci95`` beside ``<name>`` is the half-width of its 95 % interval.
        arm: whose numbers; all of the study's where it is empty.
        file: the name of its file, without an ending.
    """

    title: str
    make: Callable[[pd.DataFrame], pd.DataFrame]
    arm: str = ""
    file: str = "summary"

    def __post_init__(self) -> None:
        if not re.fullmatch(PLAIN, self.file):
            raise ConfigError(f"a table's file is a plain name such as by_depth, got {self.file!r}.")


def cells(
    rows: pd.DataFrame,
    by: Mapping[str, str],
    means: Mapping[str, str],
    facts: Mapping[str, str] | None = None,
    published: Callable[[Mapping[str, Any]], float | None] | None = None,
) -> pd.DataFrame:
    """A line per cell, in order of appearance: its mean and interval over seeds, ``n``, and the words that make it.

    Args:
        rows: of the numbers of a study.
        by: the settings that runs of one cell agree on, each with the head of its column.
        means: numbers whose mean and 95 % interval is shown, likewise; ``n`` counts the first.
        facts: numbers that are the same for every seed, or whose mean alone is of interest.
        published: the first row of a cell -> the paper's number, None where it has none.

    Returns:
        Runs that are not ok count in the column ``failed``, which is there only where there are some.
    """
    lines = []
    by = {column: head for column, head in by.items() if column in rows}
    for labels, own in rows.groupby(list(by), sort=False, dropna=False) if len(rows) else ():
        line: dict[str, Any] = dict(zip(by.values(), labels, strict=True))
        for column, head in means.items():
            summary = interval(own.get(column, []))
            line |= {head: summary.mean, f"{head} ci95": summary.half_width} | ({} if "n" in line else {"n": summary.n})
        line |= {head: own[column].mean() if column in own else math.nan for column, head in (facts or {}).items()}
        if published is not None:
            line["published"] = published({str(name): value for name, value in own.iloc[0].items()})
        if "status" in own:
            line["failed"] = int((own["status"] != "ok").sum())
        lines.append(line | ({WORDS: own[WORDS].iloc[0]} if WORDS in own else {}))
    table = pd.DataFrame(lines)
    for name in ("failed", "published"):
        if name in table and not (table[name].fillna(0) != 0).any():
            table = table.drop(columns=name)
    return table if "n" not in table else table[[*(name for name in table if name not in ("n", WORDS)), "n", *_last(table)]]


def _last(table: pd.DataFrame) -> list[str]:
    return [WORDS] if WORDS in table else []
