"""Records as a DataFrame: one row per run, one column per setting, metric and cost."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from randfeat.record import Record
from randfeat.registry import FAMILIES

SETTINGS = (*FAMILIES, "seeds", "precision")
"""What a setting's column begins with: ``arch`` is the part, ``arch.depth`` its setting."""


def frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per record: key, twin, status and reason, then the settings, the metrics and the costs by name.

    Settings are written as on the command line: ``null``, ``true``, ``[64,64]``. A setting that a run's parts do not
    have is missing. The twin's solver is no setting of the run and is left out.
    """
    records = list(records)
    settings = [dict(_settings(record.spec)) for record in records]
    return pd.DataFrame(
        {
            "key": [record.key for record in records],
            "twin": [record.twin for record in records],
            "status": [str(record.status) for record in records],
            "reason": [record.reason for record in records],
            **dict(sorted(_columns(settings).items(), key=lambda column: SETTINGS.index(_head(column[0])))),
            **_columns([record.metrics for record in records]),
            **_columns([record.cost for record in records]),
        }
    )


def is_setting(column: str) -> bool:
    """Whether a column holds a setting, as ``arch``, ``arch.depth`` and ``seeds.weights`` do."""
    return _head(column) in SETTINGS


def is_seed(column: str) -> bool:
    """Whether a column holds one of the four seeds."""
    return column.startswith("seeds.")


def setting_columns(table: pd.DataFrame, seeds: bool = True) -> list[str]:
    """The columns that hold settings, with or without the seeds."""
    return [name for name in table.columns if is_setting(name) and (seeds or not is_seed(name))]


def metric_columns(table: pd.DataFrame) -> list[str]:
    """The columns that hold metrics or costs of the runs."""
    return [name for name in table.columns if not is_setting(name) and name not in {"key", "twin", "status", "reason"}]


def varying(table: pd.DataFrame, by: Sequence[str] = ()) -> list[str]:
    """The settings, seeds excluded, that differ between the runs, or between runs that agree on ``by``.

    A part's own setting counts only if it differs between runs with that part: where ``arch`` is mlp here and vgg
    there, ``arch`` differs, and ``arch.depth`` only if two of the mlps or two of the vggs differ in it.
    """
    groups = pd.Series(grouped(table, by)[1], index=table.index)
    return [name for name in setting_columns(table, seeds=False) if _differs(table, name, groups)]


def grouped(table: pd.DataFrame, by: Sequence[str]) -> tuple[list[dict[str, Any]], NDArray[np.int64]]:
    """The groups of rows that agree on ``by``: what each agrees on, in order, and for every row which group it is in.

    Missing values agree with each other and come last. Without ``by`` all rows are one group.
    """
    if not by:
        return [{}], np.zeros(len(table), dtype=np.int64)
    groups = table.groupby(list(by), dropna=False).ngroup().to_numpy()
    first = pd.Series(groups).drop_duplicates().sort_values().index
    return [{str(name): value for name, value in row.items()} for row in table[[*by]].iloc[first].to_dict("records")], groups


def text(value: Hashable) -> str:
    """A setting as one types it; ``-`` where there is none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if math.isnan(value):
            return "-"
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    return "-" if value is None else str(value)


def _differs(table: pd.DataFrame, name: str, groups: pd.Series[int]) -> bool:
    """Whether two rows of one group, and where ``name`` is a part's own setting with one part, differ in it."""
    if table[name].nunique(dropna=False) <= 1:
        return False
    part = _head(name)
    within = {"group": groups, **({"part": table[part]} if part != name and part in table else {})}
    pairs = pd.DataFrame({**within, "value": table[name]}).drop_duplicates()
    return bool(pairs.duplicated([*within]).any())


def _settings(spec: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for head in SETTINGS:
        value = spec.get(head)
        if not isinstance(value, Mapping):
            yield head, _typed(value)
            continue
        if "part" in value:
            yield head, value["part"]
        yield from ((f"{head}.{name}", _typed(item)) for name, item in value.items() if name != "part")


def _typed(value: Any) -> Any:
    """A setting's value as the command line has it; numbers stay numbers."""
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return "[" + ",".join(str(_typed(item)) for item in value) + "]"
    return text(value) if isinstance(value, bool) else value


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, pd.Series[Any]]:
    """Every name in order of appearance, with its value in each row."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _column([row.get(name) for row in rows]) for name in names}


def _column(values: list[Any]) -> pd.Series[Any]:
    """Numbers where all that are there are numbers, otherwise words."""
    if all(isinstance(value, int | float) for value in values if value is not None):
        return pd.Series([math.nan if value is None else value for value in values])
    return pd.Series([None if value is None else text(value) for value in values])


def _head(column: str) -> str:
    return column.partition(".")[0]
