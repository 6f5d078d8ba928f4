"""Runs in groups, each with its fully trained twin's number beside its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from randfeat.errors import ConfigError, ResultsError
from randfeat.report.frame import grouped, metric_columns, setting_columns, text, varying
from randfeat.report.statistics import Summaries, intervals
from randfeat.report.where import require, select

ACCURACY, EXPLAINED = "test/accuracy", "test/explained"


def summarise(
    frame: pd.DataFrame,
    rows: Sequence[str] | None = None,
    cols: str | None = None,
    metric: str | None = None,
    where: Sequence[str] = (),
) -> pd.DataFrame:
    """One line per group of runs that agree on the settings ``rows``: unrounded numbers, ready for a csv file.

    Columns: the settings; ``n`` runs that count; the metric's mean and ``ci95``, the half-width of its 95 % interval;
    ``twin METRIC``, the mean over those runs' twins; ``gap METRIC``, run minus twin paired by run, with ``ci95`` and
    ``n`` pairs; for an accuracy of classes ``kept``, 100 * run / twin; mean costs, and ``failed`` runs that were left out.
    Numbers of twins that are not in ``frame`` are missing. A line never mixes runs with their own twins: where
    ``rows`` does not tell them apart, the twins count in the twin's column only.

    Args:
        frame: what :func:`randfeat.report.frame.frame` makes of the records.
        rows: settings to group by; by default those that differ between the runs, seeds excluded.
        cols: a setting whose values get columns of their own: mean, ``ci95``, ``n`` and the twin's mean for each.
        metric: a metric, or a cost; by default the test accuracy, or the share explained where all answers are numbers.
        where: conditions that a run has to meet, as in ``arch=vgg``. Twins are found whether they meet them or not.

    Raises:
        ConfigError: no such column, or a condition that means nothing.
        ResultsError: no run meets the conditions.
    """
    metric = metric or default_metric(frame, where)
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
    labels, groups = grouped(runs, by)
    lines = _lines(runs, groups, len(labels), metric) if cols is None else _across(runs, groups, len(labels), metric, cols)
    return pd.concat([pd.DataFrame(labels), lines], axis=1)


def default_metric(frame: pd.DataFrame, where: Sequence[str] = ()) -> str:
    """``test/explained`` where every finished run that meets the conditions has it, ``test/accuracy`` elsewhere."""
    runs = select(frame, where)
    finished = runs[runs["status"] == "ok"]
    return EXPLAINED if len(finished) and not np.isnan(_numbers(finished, EXPLAINED)).any() else ACCURACY


def default_rows(runs: pd.DataFrame, cols: str | None = None) -> list[str]:
    """The settings that differ between the runs, or still differ where ``cols`` agrees; ``arch, subset`` if none."""
    differing = varying(runs, [cols] if cols else [])
    fallback = {"arch", "subset"} - {cols}
    return [name for name in setting_columns(runs) if name in (differing or fallback)]


def averaged(frame: pd.DataFrame, by: Sequence[str], where: Sequence[str] = ()) -> list[str]:
    """The settings that still differ between runs that agree on ``by``, so that a line's mean hides them."""
    runs = select(frame, where)
    return varying(runs[~_own_twins(runs, grouped(runs, by)[1])], by)


def _with_twins(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The runs, with their twins' metric and seconds in columns of their own."""
    twins = runs[runs["status"] == "ok"].drop_duplicates("key", keep="last").set_index("key")
    found = {f"twin {name}": runs["twin"].map(twins[name]) for name in (metric, "fit_s") if name in runs}
    return runs.assign(**found)


def _own_twins(runs: pd.DataFrame, groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which runs are the twin of another one of their group."""
    places = pd.MultiIndex.from_arrays([groups, runs["key"]])
    twins = pd.MultiIndex.from_arrays([groups, runs["twin"]])
    own: NDArray[np.bool_] = places.isin(twins[(runs["key"] != runs["twin"]).to_numpy()])
    return own


def _lines(runs: pd.DataFrame, groups: NDArray[np.int64], n_groups: int, metric: str) -> pd.DataFrame:
    """The numbers of every group, in columns."""
    counts = ~_own_twins(runs, groups)
    ok = counts & (runs["status"] == "ok").to_numpy()
    run, twin = _numbers(runs, metric), _numbers(runs, f"twin {metric}")
    both = ok & ~np.isnan(run) & ~np.isnan(twin)
    classes = both & np.isnan(_numbers(runs, EXPLAINED))

    def over(chosen: NDArray[np.bool_], values: NDArray[np.float64]) -> Summaries:
        return intervals(values[chosen], groups[chosen], n_groups)

    with np.errstate(invalid="ignore"):  # infinity less infinity is missing
        mean, gap = over(ok, run), over(ok, run - twin)
    share = {"kept": _kept(over(classes, run).mean, over(classes, twin).mean)} if "accuracy" in metric else {}
    return pd.DataFrame(
        {
            "n": mean.n,
            metric: mean.mean,
            f"{metric} ci95": mean.half_width,
            f"twin {metric}": over(both, twin).mean,
            f"gap {metric}": gap.mean,
            f"gap {metric} ci95": gap.half_width,
            f"gap {metric} n": gap.n,
            **share,
            **{name: over(ok, _numbers(runs, name)).mean for name in ("trained_params", "params", "fit_s")},
            "twin fit_s": over(both, _numbers(runs, "twin fit_s")).mean,
            "failed": np.bincount(groups[counts & ~ok], minlength=n_groups),
        }
    )


def _across(runs: pd.DataFrame, groups: NDArray[np.int64], n_groups: int, metric: str, cols: str) -> pd.DataFrame:
    """The numbers of every group, with columns for every value that ``cols`` takes."""
    cells: dict[str, Any] = {}
    failed = np.zeros(n_groups, dtype=np.int64)
    values, columns = grouped(runs, [cols])
    for k, value in enumerate(values):
        label = f"{cols}={text(value[cols])}"
        own = runs[columns == k]
        lines = _lines(own, groups[columns == k], n_groups, metric)
        cells[f"{metric} {label}"] = lines[metric]
        cells[f"{metric} {label} ci95"] = lines[f"{metric} ci95"]
        cells[f"{metric} {label} n"] = lines["n"]
        if (own["key"] != own["twin"]).any():
            cells[f"twin {metric} {label}"] = lines[f"twin {metric}"]
        failed += lines["failed"].to_numpy()
    return pd.DataFrame(cells | {"failed": failed})


def kept(run: float, twin: float) -> float:
    """``100 * run / twin`` in per cent, nan where the twin's number is zero or missing."""
    return 100 * run / twin if twin else math.nan


def _kept(runs: NDArray[np.float64], twins: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([kept(run, twin) for run, twin in zip(runs.tolist(), twins.tolist(), strict=True)])


def _numbers(runs: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """A column's numbers, nan where there are none."""
    return runs[column].to_numpy(dtype=float) if column in runs else np.full(len(runs), math.nan)
