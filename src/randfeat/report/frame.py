"""Records as a DataFrame: one row per run, one column per setting, metric and cost."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from randfeat.record import Record
from randfeat.registry import FAMILIES

SETTINGS = (*FAMILIES, "seeds", "precision")
"""What a setting's column begins with: ``arch`` is the part, ``arch.depth`` its setting."""

Values = dict[str, list[Any]]

_MISSING = object()


def frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per record: key, twin, status and reason, then the settings, the metrics and the costs by name.

    Settings are written as on the command line: ``null``, ``true``, ``[64,64]``. A setting that a run's parts do not
    have is missing. The twin's solver is no setting of the run and is left out.
    """
    records = list(records)
    return pd.DataFrame(
        {
            "key": [record.key for record in records],
            "twin": [record.twin for record in records],
            "status": [str(record.status) for record in records],
            "reason": [record.reason for record in records],
            **{name: column(own) for values in measured(records) for name, own in values.items()},
        }
    )


def measured(records: Sequence[Record]) -> tuple[Values, Values, Values]:
    """Settings, metrics and costs: by name the value of every record, None where it has none.

    Settings are in the order of ``SETTINGS``, then like metrics and costs in that of their appearance.
    """
    specs = [record.spec for record in records]
    settings = {name: own for head in SETTINGS for name, own in _settings(specs, head)}
    return settings, _by_name([record.metrics for record in records]), _by_name([record.cost for record in records])


def column(values: Sequence[Any]) -> pd.Series[Any]:
    """Numbers where all that are there are numbers, otherwise words."""
    kinds = {*map(type, values)}
    if kinds <= {int, float, type(None)}:
        return pd.Series([math.nan if value is None else value for value in values] if type(None) in kinds else values)
    return pd.Series(values if kinds <= {str, type(None)} else [None if value is None else text(value) for value in values])


def is_setting(column: str) -> bool:
    """Whether a column holds a setting, as ``arch``, ``arch.depth`` and ``seeds.weights`` do."""
    return head(column) in SETTINGS


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
    groups = np.asarray(table.groupby(list(by), dropna=False).ngroup(), dtype=np.int64)
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
    part = head(name)
    within = {"group": groups, **({"part": table[part]} if part != name and part in table else {})}
    pairs = pd.DataFrame({**within, "value": table[name]}).drop_duplicates()
    return bool(pairs.duplicated([*within]).any())


def _settings(specs: Sequence[Mapping[str, Any]], head: str) -> Iterator[tuple[str, list[Any]]]:
    """The settings that ``head`` begins, the part first."""
    parts = [value if isinstance(value := spec.get(head), Mapping) else {"part": value} for spec in specs]
    names = dict.fromkeys(chain.from_iterable(parts))
    for name in sorted(names, key="part".__ne__):
        values = [part.get(name, _MISSING) for part in parts]
        plain = {*map(type, values)} <= {str, int, float}
        yield (
            head if name == "part" else f"{head}.{name}",
            values if plain else [None if value is _MISSING else _typed(value) for value in values],
        )


def _typed(value: Any) -> Any:
    """A setting's value as the command line has it; numbers stay numbers."""
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return "[" + ",".join(str(_typed(item)) for item in value) + "]"
    return text(value) if isinstance(value, bool) else value


def _by_name(rows: Sequence[Mapping[str, Any]]) -> Values:
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(chain.from_iterable(rows))}


def head(column: str) -> str:
    """``arch`` of ``arch`` and of ``arch.depth``."""
    return column.partition(".")[0]
