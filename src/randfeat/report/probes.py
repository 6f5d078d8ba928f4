"""Records of probes as numbers by network, unit and measure; and the tables that show them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from randfeat.probe.catalogue import MEASURES
from randfeat.record import Record
from randfeat.report.frame import frame, text, varying
from randfeat.report.statistics import Summary, interval

FACTOR = "factor per layer"
"""Stands in the last line of a table, in place of a unit."""

_LAYOUT = ("place", "depth")
_HEAD = "head"


def readings(records: Sequence[Record]) -> pd.DataFrame:
    """One row per number on record.

    Columns: ``network``, named by the settings that differ (``init=he``); ``record``, which repetition; ``units``, a name
    for the chain of units, so that networks with the same units have the same; ``unit``, ``place`` and ``depth``, see
    :func:`randfeat.probe.walk.layout`; ``measure``; ``at``, nan but for curves; ``value``.
    """
    names = networks(records)
    rows = [row for k, record in enumerate(records) for row in _rows(names[k], k, record)]
    return pd.DataFrame(rows, columns=["network", "record", "units", "unit", "place", "depth", "measure", "at", "value"])


def networks(records: Sequence[Record]) -> list[str]:
    """What tells the network of each record from the others': ``init=he arch.depth=2``; nothing where all are alike."""
    table = frame(dataclasses.replace(record, metrics={}, cost={}) for record in records)
    names = varying(table)
    lines = table[names].to_dict("records") if names else [{} for _ in records]
    return [" ".join(f"{name}={text(value)}" for name, value in line.items() if text(value) != "-") for line in lines]


def _rows(network: str, index: int, record: Record) -> Iterable[tuple[Any, ...]]:
    numbers = {name: value for name, value in record.metrics.items() if name.partition("/")[0] not in _LAYOUT}
    placed = {name.partition("/")[2]: value for name, value in record.metrics.items() if name.startswith("place/")}
    placed = placed or {unit: float(k) for k, unit in enumerate(dict.fromkeys(name.partition("/")[2] for name in numbers))}
    chain = " ".join(sorted(placed, key=placed.__getitem__))
    for name, value in numbers.items():
        head, _, unit = name.partition("/")
        measure, _, at = head.partition("@")
        depth = record.metrics.get(f"depth/{unit}", math.nan)
        yield network, index, chain, unit, placed[unit], depth, measure, float(at) if at else math.nan, value


def table(numbers: pd.DataFrame, columns: str, order: Sequence[str] = ()) -> pd.DataFrame:
    """A line per unit in their order; for every value of ``columns`` the mean over the repetitions, ``ci95`` and ``n``.

    A last line has the factor per layer where a measure is a size that layers multiply: for every repetition
    ``(last / first) ** (1 / layers between)``, from the first unit with a value to the last below the head.

    Args:
        numbers: readings of networks with the same units.
        columns: ``network`` for one measure of several networks, ``measure`` for several of one, ``at`` for a curve.
        order: of the columns; by default that of the rows, and by size for a curve.
    """
    units = numbers.drop_duplicates("unit").sort_values("place")["unit"]
    lines: list[dict[str, Any]] = [{"unit": unit} for unit in units]
    last: dict[str, Any] = {"unit": FACTOR}
    groups = {text(value): rows for value, rows in numbers.groupby(columns, sort=columns == "at")}
    for name in order or groups:
        rows = groups[name]
        by_unit = {unit: interval(own["value"]) for unit, own in rows.groupby("unit")}
        for line in lines:
            line |= _cells(name, by_unit.get(line["unit"], Summary(math.nan, math.nan, 0)))
        factors = _factors(rows) if columns != "at" and MEASURES[rows["measure"].iloc[0]].factor else []
        if factors:
            last |= _cells(name, interval(factors))
    return pd.DataFrame([*lines, last] if len(last) > 1 else lines)


def _cells(name: str, summary: Summary) -> dict[str, Any]:
    return {name: summary.mean, f"{name} ci95": summary.half_width, f"{name} n": summary.n}


def _factors(rows: pd.DataFrame) -> list[float]:
    """Of every repetition. Where no layer lies between the first and the last there is none."""
    found = []
    for _, own in rows.groupby("record"):
        chain = own[own["unit"] != _HEAD].dropna(subset=["value"]).sort_values("place")
        ends = chain.iloc[[0, -1]] if len(chain) else chain
        if len(ends) and (layers := float(ends["depth"].diff().iloc[1])) > 0 and ends["value"].iloc[0] > 0:
            found.append(float((ends["value"].iloc[1] / ends["value"].iloc[0]) ** (1 / layers)))
    return found


def words(numbers: pd.DataFrame) -> pd.DataFrame:
    """A table of :func:`table` for people: intervals joined to their means, n where it is not that of the whole column."""
    names = [name for name in numbers.columns if not name.endswith((" ci95", " n"))]
    rows = numbers.to_dict("records")
    n = {name: int(numbers[f"{name} n"].max()) for name in names if name != "unit"}
    same = len(set(n.values())) == 1
    heads = {name: name if same or name == "unit" else f"{name} n={n[name]}" for name in names}
    return pd.DataFrame({heads[name]: [_cell(row, name, n.get(name, 0)) for row in rows] for name in names})


def _cell(row: dict[Any, Any], name: str, n: int) -> str:
    if name == "unit":
        return str(row[name])
    shown, own = spread(row[name], row[f"{name} ci95"]), row[f"{name} n"]
    return shown if own == n or shown == "-" else f"{shown} ({own:.0f})"


def spread(mean: float, half: float) -> str:
    """``0.915 ± 0.170``, both to as many places; below a hundredth and from ten thousand on ``3.5e-15 ± 3e-15``.

    The mean alone where there is no interval, ``-`` where there is no mean.
    """
    if math.isnan(mean):
        return "-"
    size = abs(mean)
    if 0 < size < 1e-2 or size >= 1e4:
        return _power(mean, 1) if math.isnan(half) else f"{_power(mean, 1)} ± {_power(half, 0)}"
    if size == 0 or math.isnan(half) or half == 0:
        shown = f"{mean:.3g}" if size < 100 else f"{mean:.0f}"
        return shown if math.isnan(half) else f"{shown} ± {_power(half, 0)}"
    places = 3 if size < 10 else 2 if size < 100 else 1
    return f"{mean:.{places}f} ± {half:.{places}f}"


def _power(value: float, places: int) -> str:
    """``3.5e-15``; zero and infinity as they are."""
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    mantissa, _, exponent = f"{value:.{places}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"
