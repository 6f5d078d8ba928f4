"""What A and B of ``randfeat diff`` stand for: a run and its seed-mates, a results folder, a file of runs, a table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from randfeat.errors import ResultsError
from randfeat.record import Record
from randfeat.report.frame import frame, setting_columns
from randfeat.report.render import read
from randfeat.report.runs import runs, runs_of
from randfeat.store import Store

_TABLES = {".csv", ".parquet"}


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: as the user wrote it.
        table: a row per run, or where ``is_table`` a row per line of a table.
        problems: what could not be read, one sentence each.
    """

    name: str
    table: pd.DataFrame
    is_table: bool = False
    problems: list[str] = field(default_factory=list)


def side(word: str, store: Store) -> Side:
    """The folder or file called ``word``, otherwise the run in ``store`` whose key begins with it.

    Raises:
        ResultsError: it is none of these, or it holds nothing.
    """
    path = Path(word)
    if path.is_dir():
        return _of_store(word, Store(path))
    if path.suffix in _TABLES and path.is_file():
        return Side(word, _summary(path), is_table=True)
    if path.suffix == ".jsonl" and path.is_file():
        return _of_file(word, path)
    if not re.fullmatch("[0-9a-f]+", word):
        raise ResultsError(
            f"{word!r} is no folder and no .jsonl, .csv or .parquet file that is there, and no key of a run either."
        )
    return _of_key(word, store)


def _of_store(name: str, store: Store) -> Side:
    table, problems = runs(store)
    return Side(name, table, problems=problems)


def _of_file(name: str, path: Path) -> Side:
    table, problems = runs_of(path)
    return Side(name, table, problems=problems)


def _of_key(key: str, store: Store) -> Side:
    """The run, and every run whose spec differs from its own in nothing but the seeds."""
    run = store.find(key)
    mates = [record for record in store.records() if _without_seeds(record) == _without_seeds(run)]
    return Side(key, frame(mates), problems=store.problems)


def _without_seeds(record: Record) -> dict[str, object]:
    return {name: value for name, value in record.spec.items() if name not in {"seeds", "twin"}}


def _summary(path: Path) -> pd.DataFrame:
    table = read(path)
    if table.empty or not setting_columns(table) or "n" not in table:
        raise ResultsError(f"{path} is not a table that randfeat table wrote without --cols.")
    return table
