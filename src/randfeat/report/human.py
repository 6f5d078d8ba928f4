"""Numbers as people read them: per cent, ``mean ± half-width``, thousands, seconds."""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd

from randfeat.report.frame import is_setting, text
from randfeat.report.statistics import Summary

DASH = "-"
"""Stands where nothing is on record."""

_COLUMN = re.compile(r"(?:(?P<which>twin|gap) )?(?P<measure>\S+)(?: (?P<among>\S+=.*))?")
_SCORES = {"test/best_accuracy": "best epoch on test", "cross_validation/accuracy": "cross-validated accuracy"}
_HEADERS = {
    "kept": "kept %",
    "trained_params": "trained",
    "fit_s": "fit s",
    "total_s": "total s",
    "peak_mib": "peak MiB",
}


def human(table: pd.DataFrame) -> pd.DataFrame:
    """A summary in words: intervals joined to their means, units in the headers, a dash where nothing is on record."""
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    names = [name for name in table.columns if not name.endswith((" ci95", " n"))]
    return pd.DataFrame({header(name, f"{name} ci95" in table): [_cell(row, name) for row in rows] for name in names})


def header(name: str, with_interval: bool = False) -> str:
    """What stands above a column: ``test accuracy % ± 95 %`` for ``test/accuracy`` with its interval.

    An accuracy that the test rows chose says so: ``best epoch on test %``.
    """
    if is_setting(name):
        return name
    which, measure, among = _parsed(name)
    score = [which or _SCORES.get(measure, measure.replace("/", " ")), unit(measure)]
    words = score if "/" in measure else [which, _HEADERS.get(measure, measure)]
    return " ".join(filter(None, [*words, among, "± 95 %" if with_interval else ""]))


def unit(measure: str) -> str:
    """``%`` for an accuracy, nothing for other scores; a cost has its unit in its name."""
    return "%" if "accuracy" in measure else ""


def amount(measure: str, value: float, signed: bool = False) -> str:
    """One number without its unit: an accuracy in per cent, seconds to three digits, counts with commas."""
    if math.isnan(value):
        return DASH
    sign = "+" if signed else ""
    if unit(measure) == "%":
        return f"{100 * value:{sign}.2f}"
    if "/" in measure:
        return f"{value:{sign}.4g}"
    return f"{value:{sign},.{_decimals(measure, value)}f}"


def spread(measure: str, summary: Summary, signed: bool = False) -> str:
    """``mean ± half-width``, or the mean alone where there is no interval."""
    mean = amount(measure, summary.mean, signed)
    if math.isnan(summary.half_width):
        return mean
    rounded = "/" in measure and unit(measure) == ""
    return f"{mean} ± {f'{summary.half_width:.2g}' if rounded else amount(measure, summary.half_width)}"


def _cell(row: dict[str, Any], name: str) -> str:
    if is_setting(name):
        return text(row[name])
    which, measure, _ = _parsed(name)
    n = row.get(f"{name} n")
    shown = spread(measure, Summary(row[name], row.get(f"{name} ci95", math.nan), n or 0), signed=which == "gap")
    return shown if n is None or n == row.get("n") or shown == DASH else f"{shown} ({n:.0f})"


def _parsed(name: str) -> tuple[str, str, str]:
    """``gap``, ``test/accuracy`` and ``subset=last`` of ``gap test/accuracy subset=last``."""
    match = _COLUMN.fullmatch(name)
    which, measure, among = match.groups(default="") if match else ("", name, "")
    return which, measure, among


def _decimals(measure: str, value: float) -> int:
    if measure == "kept":
        return 1
    if not measure.endswith("_s"):
        return 0
    return 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
