"""The runs on record as a frame: record by record where there are few, by way of columns and a cache where there are many."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from randfeat.errors import ResultsError
from randfeat.report.frame import frame
from randfeat.store import Store, read_records

MANY = 2 << 20
"""Bytes of records, some 1,500 of them, from which on columns are faster."""


def runs(store: Store) -> tuple[pd.DataFrame, list[str]]:
    """The frame of all runs in a folder, and a sentence for every line left out.

    Raises:
        ResultsError: there is no run; the error says how to make some.
    """
    found = _by_columns(store.files, store.cache)
    return found if found else (frame(store.some_records()), store.problems)


def runs_of(file: Path) -> tuple[pd.DataFrame, list[str]]:
    """The same of one file, beside which nothing is kept.

    Raises:
        ResultsError: there is no run.
    """
    if found := _by_columns([file], None):
        return found
    records, problems = read_records([file])
    if not records:
        raise ResultsError(f"{file} holds no records.")
    return frame(records), problems


def _by_columns(files: Sequence[Path], cache: Path | None) -> tuple[pd.DataFrame, list[str]] | None:
    """The same, or None where there are few runs, or no pyarrow to make columns with."""
    if sum(file.stat().st_size for file in files if file.is_file()) < MANY:
        return None
    with contextlib.suppress(ImportError):
        from randfeat.report.cache import read

        found, problems = read(files, cache)
        return (found, problems) if len(found) else None
    return None
