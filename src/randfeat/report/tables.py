"""Runs in groups, each with its fully trained twin's number beside its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from randfeat.errors import ConfigError, ResultsError
from randfeat.report.frame import grouped, metric_columns, setting_columns, text, varying
from randfeat.report.statistics import interval, paired
from randfeat.report.where import require, select


def summarise(
    frame: pd.DataFrame,
    rows: Sequence[str] | None = None,
    cols: str | None = None,
    metric: str = "test/accuracy",
    where: Sequence[str] = (),
) -> pd.DataFrame:
    """One line per group of runs that agree on the settings ``rows``: unrounded numbers, ready for a csv file.

    Columns: the settings; ``n`` runs that count; the metric's mean and ``ci95``, the half-width of its 95 % interval;
    ``twin METRIC``, the mean over those runs' twins; ``gap METRIC``, run minus twin paired by run, with ``ci95`` and
    ``n`` pairs; for an accuracy ``kept``, 100 * run / twin; mean costs, and ``failed`` runs that were left out.
    Numbers of twins that are not in ``frame`` are missing. A line never mixes runs with their own twins: where
    ``rows`` does not tell them apart, the twins count in the twin's column only.

    Args:
        frame: what :func:`randfeat.report.frame.frame` makes of the records.
        rows: settings to group by; by default those that differ between the runs, seeds excluded.
        cols: a setting whose values get columns of their own: mean, ``ci95``, ``n`` and the twin's mean for each.
        metric: a metric, or a cost.
        where: conditions that a run has to meet, as in ``arch=vgg``. Twins are found whether they meet them or not.

    Raises:
        ConfigError: no such column, or a condition that means nothing.
        ResultsError: no run meets the conditions.
    """
    if metric not in frame and not (frame["status"] == "ok").any():
        frame = frame.assign(**{metric: math.nan})
    require(frame, metric, metric_columns(frame))
    runs = select(_with_twins(frame, metric), where)
    if runs.empty:
        raise ResultsError(f"none of the {len(frame)} runs meets {' and '.join(where)}.")
    for name in [*(rows or []), *([cols] if cols else [])]:
        require(runs, name, setting_columns(runs))
    if cols in (rows or []):
        raise ConfigError(f"--rows and --cols both name {cols}. Leave it out of one.")
    by = default_rows(runs, cols) if rows is None else list(rows)
    if cols is None:
        return pd.DataFrame([labels | _line(group, metric) for labels, group in grouped(runs, by)])
    return pd.DataFrame([labels | _across(group, metric, cols, runs) for labels, group in grouped(runs, by)])


def default_rows(runs: pd.DataFrame, cols: str | None = None) -> list[str]:
    """The settings that differ between the runs, or still differ where ``cols`` agrees; ``arch, subset`` if none."""
    differing = {name for _, group in grouped(runs, [cols] if cols else []) for name in varying(group)}
    fallback = {"arch", "subset"} - {cols}
    return [name for name in setting_columns(runs) if name in (differing or fallback)]


def averaged(frame: pd.DataFrame, by: Sequence[str], where: Sequence[str] = ()) -> list[str]:
    """The settings that still differ between runs that agree on ``by``, so that a line's mean hides them."""
    groups = [_without_own_twins(group) for _, group in grouped(select(frame, where), list(by))]
    hidden = {name for group in groups for name in varying(group)}
    return [name for name in setting_columns(frame) if name in hidden]


def _with_twins(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The runs, with their twins' metric and seconds in columns of their own."""
    twins = runs[runs["status"] == "ok"].drop_duplicates("key", keep="last").set_index("key")
    found = {f"twin {name}": runs["twin"].map(twins[name]) for name in (metric, "fit_s") if name in runs}
    return runs.assign(**found)


def _without_own_twins(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, less those that are the twin of another one among them."""
    own = set(runs["twin"][runs["key"] != runs["twin"]])
    return runs[~runs["key"].isin(own)]


def _line(group: pd.DataFrame, metric: str) -> dict[str, Any]:
    runs = _without_own_twins(group)
    ok = runs[runs["status"] == "ok"]
    twin = f"twin {metric}"
    both = ok.dropna(subset=[metric, twin])
    mean, gap = interval(ok[metric]), paired(ok[metric], ok[twin])
    return {
        "n": mean.n,
        metric: mean.mean,
        f"{metric} ci95": mean.half_width,
        twin: _mean(both, twin),
        f"gap {metric}": gap.mean,
        f"gap {metric} ci95": gap.half_width,
        f"gap {metric} n": gap.n,
        **({"kept": kept(_mean(both, metric), _mean(both, twin))} if "accuracy" in metric else {}),
        "trained_params": _mean(ok, "trained_params"),
        "params": _mean(ok, "params"),
        "fit_s": _mean(ok, "fit_s"),
        "twin fit_s": _mean(both, "twin fit_s"),
        "failed": len(runs) - len(ok),
    }


def _across(group: pd.DataFrame, metric: str, cols: str, runs: pd.DataFrame) -> dict[str, Any]:
    """One line with columns for every value that ``cols`` takes among all ``runs``."""
    cells: dict[str, Any] = {}
    failed = 0
    for value, everywhere in grouped(runs, [cols]):
        label = f"{cols}={text(value[cols])}"
        line = _line(group[group.index.isin(everywhere.index)], metric)
        cells[f"{metric} {label}"] = line[metric]
        cells[f"{metric} {label} ci95"] = line[f"{metric} ci95"]
        cells[f"{metric} {label} n"] = line["n"]
        if (everywhere["key"] != everywhere["twin"]).any():
            cells[f"twin {metric} {label}"] = line[f"twin {metric}"]
        failed += line["failed"]
    return cells | {"failed": failed}


def kept(run: float, twin: float) -> float:
    """``100 * run / twin`` in per cent, nan where the twin's number is zero or missing."""
    return 100 * run / twin if twin else math.nan


def _mean(runs: pd.DataFrame, column: str) -> float:
    """The mean of a column over the runs that have it."""
    return interval(runs[column]).mean if column in runs else math.nan
