"""Records as columns that a file can keep, and the frame made of them: what :func:`randfeat.report.frame.frame` makes.

A table has a row for every record, those that a newer one of the same key replaces among them, so that lines can be added::

    key twin status reason     as in the record
    finished written           what counts among records of one key; ``written`` in microseconds since 1970
    setting:NAME metric:NAME cost:NAME
                               numbers where all of them have a point (float64), otherwise the JSON of each value, null where
                               a record has none

Nothing is lost: whether a column of the frame holds numbers or words is decided when it is made, on the records that count.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from randfeat.record import Record
from randfeat.report.frame import SETTINGS, column, head, is_setting, measured

_FIXED = {
    "key": pa.string(),
    "twin": pa.string(),
    "status": pa.string(),
    "reason": pa.string(),
    "finished": pa.bool_(),
    "written": pa.int64(),
}
_SHOWN = ("key", "twin", "status", "reason")
_FAMILIES = ("setting", "metric", "cost")
WORDS = pa.dictionary(pa.int32(), pa.string())
"""The type of a column of JSON."""

_EPOCH, _TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def encoded(records: Sequence[Record]) -> pa.Table:
    """The columns of some records. Some hundreds at a time are fastest: they are still at hand."""
    fixed = {
        "key": [record.key for record in records],
        "twin": [record.twin for record in records],
        "status": [str(record.status) for record in records],
        "reason": [record.reason for record in records],
        "finished": [record.finished for record in records],
        "written": [(record.moment - _EPOCH) // _TICK for record in records],
    }
    columns = {name: pa.array(values, _FIXED[name]) for name, values in fixed.items()}
    for family, named in zip(_FAMILIES, measured(records), strict=True):
        columns |= {f"{family}:{name}": _encoded(values) for name, values in named.items()}
    return pa.table(columns)


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """One below the other. A column of numbers here and of JSON there is one of JSON; what a table lacks is null."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    mixed = [name for name, found in kinds.items() if len(found) > 1]
    whole = pa.concat_tables([_in_words(table, mixed) for table in tables], promote_options="default")
    return whole.unify_dictionaries().combine_chunks()


def is_sound(table: pa.Table) -> bool:
    """Whether a table from a file that anyone may have written is one that :func:`joined` could have made."""
    types = dict(zip(table.schema.names, table.schema.types, strict=True))
    if len(types) < table.num_columns or any(types.pop(name, None) != kind for name, kind in _FIXED.items()):
        return False
    if any(table[name].null_count for name in _FIXED):
        return False
    names = [name.partition(":") for name in types]
    if not all(family in _FAMILIES and (family != "setting" or is_setting(own)) for family, _, own in names):
        return False
    if not all(kind in (WORDS, pa.float64()) for kind in types.values()):
        return False
    return all(_is_json(_dictionary(table[name]), name.startswith("setting:")) for name, kind in types.items() if kind == WORDS)


def decoded(table: pa.Table) -> pd.DataFrame:
    """The frame of the records that count: a row for each key, where it is first seen; columns in order of appearance.

    Of those that appear in one record the order is alphabetical, as it is in its line.
    """
    table = _newest(table)
    first = {name: pc.index(table[name].is_valid(), True).as_py() for name in table.schema.names if name not in _FIXED}
    there = sorted((name for name, row in first.items() if row >= 0), key=lambda name: (_rank(name), first[name], name))
    own = {name.partition(":")[2]: _decoded(table[name].combine_chunks()) for name in there}
    return pd.DataFrame({name: table[name].to_pylist() for name in _SHOWN} | own)


def _encoded(values: list[Any]) -> pa.Array:
    kinds = {*map(type, values)} - {type(None)}
    if kinds == {float}:
        return pa.array(values, pa.float64())
    alike = len(kinds) == 1 and kinds <= {str, int}  # of one type, so that what is equal has the same JSON
    plain = values if alike else [None if value is None else json.dumps(value) for value in values]
    known = {value: place for place, value in enumerate({*plain} - {None})}
    words = [json.dumps(value) for value in known] if alike else list(known)
    places = [known.get(value) for value in plain]
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), pa.array(words, pa.string()))


def _rank(name: str) -> tuple[int, int]:
    """Settings by their parts, then metrics, then costs."""
    family, _, own = name.partition(":")
    return _FAMILIES.index(family), SETTINGS.index(head(own)) if family == "setting" else 0


def _in_words(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """The table, with these columns as JSON."""
    for name in names:
        if name in table.schema.names and table[name].type == pa.float64():
            words = [None if value is None else json.dumps(value) for value in table[name].to_pylist()]
            table = table.set_column(table.schema.names.index(name), name, pa.array(words, pa.string()).dictionary_encode())
    return table


def _newest(table: pa.Table) -> pa.Table:
    """The records that count, see :func:`randfeat.store.read_records`, each where its key is first seen."""
    keys = table["key"].to_pandas()
    if keys.is_unique:
        return table
    order = np.lexsort([table["written"].to_numpy(), table["finished"].to_numpy()])
    last = pd.Series(order, index=keys.iloc[order]).groupby(level=0).last()
    return table.take(pa.array(last[keys.drop_duplicates()].to_numpy())).combine_chunks()


def _decoded(values: pa.Array) -> pd.Series[Any]:
    if values.type == pa.float64():
        return pd.Series(values.to_numpy(zero_copy_only=False))
    places = values.indices.fill_null(-1).to_numpy()
    used, codes = np.unique(places, return_inverse=True)
    words = values.dictionary.take(pa.array(used[used >= 0])).to_pylist()
    missing = [None] if used[0] < 0 else []
    return column([*missing, *json.loads(f"[{','.join(words)}]")]).take(codes).reset_index(drop=True)


def _is_json(words: list[str], of_settings: bool) -> bool:
    """Whether each is the JSON of a number or, of settings, of a word."""
    values = json.loads(f"[{','.join(words)}]")
    kinds = {int, float, str, dict} if of_settings else {int, float}
    return len(values) == len(words) and {*map(type, values)} <= kinds


def _dictionary(column: pa.ChunkedArray) -> list[str]:
    """The JSON of a column, every value once."""
    return [word for chunk in column.chunks for word in chunk.dictionary.to_pylist()]
