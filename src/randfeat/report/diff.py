"""Two sides compared: the settings that differ, then paired differences with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from randfeat.errors import ConfigError, ResultsError
from randfeat.report.frame import grouped, metric_columns, varying
from randfeat.report.pairs import Pairs, pair
from randfeat.report.sides import Side
from randfeat.report.statistics import Summary, difference, intervals
from randfeat.report.where import require

METRICS = ("test/accuracy", "test/explained", "test/loss", "fit_s", "peak_mib")
"""What is compared unless the user chooses."""


@dataclass(frozen=True)
class Line:
    """One metric in one group of pairs: the means on both sides, and ``change``, B minus A."""

    group: dict[str, Any]
    metric: str
    a: float
    b: float
    change: Summary

    @property
    def worse(self) -> bool:
        """Whether B is worse: with zero outside the interval or, where there is no interval, by any amount."""
        decline = -self.change.mean if self.metric.endswith(("accuracy", "explained")) else self.change.mean
        return decline > 0 and (math.isnan(self.change.half_width) or self.change.excludes_zero)


@dataclass(frozen=True)
class Difference:
    """What :func:`diff` found.

    Attributes:
        a: the name of one side.
        b: the name of the other.
        settings: name, value in A and value in B of the settings that differ.
        lines: the differences, group by group.
        notes: what was left out, one sentence each.
        lost: pairs in which A has a number and the run of B failed.
        same: whether nothing at all differs.
    """

    a: str
    b: str
    settings: list[tuple[str, str, str]]
    lines: list[Line]
    notes: list[str]
    lost: int
    same: bool

    def worse(self, metrics: Sequence[str] = METRICS[:1]) -> bool:
        """Whether B is worse in one of ``metrics``, or lost a run to a failure.

        An accuracy, or a share explained, is worse when it is lower, everything else when it is higher.

        Raises:
            ResultsError: no pair has such a metric, so that nothing can be said.
        """
        judged = [line for line in self.lines if line.metric in metrics]
        if not judged and not self.lost:
            raise ResultsError(f"{self.a} and {self.b} have no pair with {' or '.join(metrics)} to judge.")
        return self.lost > 0 or any(line.worse for line in judged)


def diff(a: Side, b: Side, metrics: Sequence[str] = ()) -> Difference:
    """Compare two sides.

    Rows are paired by all settings, seeds included, but for those that are one value throughout A and another
    throughout B: these are the settings that differ. The differences B - A of the pairs are then averaged over seeds.
    Lines of two tables are paired alike; their half-widths add as ``sqrt(a**2 + b**2)``.

    Args:
        a: the side that is subtracted.
        b: the side that it is subtracted from.
        metrics: what to compare; by default those of ``METRICS`` that both sides have.

    Raises:
        ConfigError: a table against runs, or a metric that the two do not share.
    """
    if a.is_table != b.is_table:
        table, runs = (a, b) if a.is_table else (b, a)
        raise ConfigError(f"{table.name} is a table and {runs.name} holds runs. Compare two tables, or runs with runs.")
    pairs = pair(a.table, b.table)
    names = _metrics(a, b, metrics)
    lines = _lines(pairs, names, a.is_table)
    ok_a, ok_b = _ok(pairs.a), _ok(pairs.b)
    apart = [*_unpaired(pairs), *_one_sided(pairs, names)]
    unlike = bool(apart or pairs.settings) or any(line.change.mean != 0 for line in lines)
    return Difference(
        a=a.name,
        b=b.name,
        settings=pairs.settings,
        lines=lines,
        notes=[*apart, *_failures(pairs)],
        lost=int((ok_a & ~ok_b).sum()),
        same=not unlike and ok_a.equals(ok_b),
    )


def _metrics(a: Side, b: Side, chosen: Sequence[str]) -> list[str]:
    common = [name for name in _comparable(a) if name in _comparable(b)]
    for name in chosen:
        require(a.table, name, common)
    found = list(chosen) or [name for name in METRICS if name in common] or common
    if not found:
        raise ResultsError(f"{a.name} and {b.name} have no metric in common.")
    return found


def _comparable(side: Side) -> list[str]:
    """The metrics and costs of runs; of a table, those with an interval, and the seconds."""
    if not side.is_table:
        return metric_columns(side.table)
    return [name for name in side.table.columns if " " not in name and (f"{name} ci95" in side.table or name == "fit_s")]


def _lines(pairs: Pairs, names: Sequence[str], of_tables: bool) -> list[Line]:
    """A line per group and metric, where the group has a pair with that metric on both sides."""
    by = pairs.on if of_tables else [name for name in varying(pairs.a) if name in pairs.on]
    labels, groups = grouped(pairs.a, by)
    of = _of_summaries if of_tables else _of_runs
    found = [of(pairs, name, groups, len(labels)) for name in names]
    lines = [Line(group, name, *own[k]) for k, group in enumerate(labels) for name, own in zip(names, found, strict=True)]
    return [line for line in lines if line.change.n > 0]


def _of_runs(pairs: Pairs, metric: str, groups: NDArray[np.int64], n_groups: int) -> list[tuple[float, float, Summary]]:
    """For every group the means of both sides, and the paired change."""
    a, b = (side[metric].to_numpy(dtype=float) for side in (pairs.a, pairs.b))
    both = (_ok(pairs.a) & _ok(pairs.b)).to_numpy() & ~np.isnan(a) & ~np.isnan(b)
    with np.errstate(invalid="ignore"):  # infinity less infinity is missing
        first, second, change = (intervals(values[both], groups[both], n_groups) for values in (a, b, b - a))
    return list(zip(first.mean.tolist(), second.mean.tolist(), change.apart(), strict=True))


def _of_summaries(pairs: Pairs, metric: str, groups: NDArray[np.int64], n_groups: int) -> list[tuple[float, float, Summary]]:
    """The same of tables, in which a group is one line."""
    first, second = _summaries(pairs.a, metric), _summaries(pairs.b, metric)
    lines = dict(zip(groups.tolist(), range(len(groups)), strict=True))
    return [(first[k].mean, second[k].mean, difference(second[k], first[k])) for k in map(lines.__getitem__, range(n_groups))]


def _summaries(table: pd.DataFrame, metric: str) -> list[Summary]:
    means = table[metric].astype(float).tolist()
    halves = table[f"{metric} ci95"].astype(float).tolist() if f"{metric} ci95" in table else [math.nan] * len(means)
    lines = zip(means, halves, table["n"].tolist(), strict=True)
    return [Summary(mean, half, 0 if math.isnan(mean) else int(n)) for mean, half, n in lines]


def _ok(rows: pd.DataFrame) -> pd.Series[bool]:
    """Which rows count; the lines of a table all do."""
    return rows["status"] == "ok" if "status" in rows else pd.Series(True, index=rows.index)


def _unpaired(pairs: Pairs) -> list[str]:
    a, b = pairs.lone_a, pairs.lone_b
    of_a, of_b = f"{a} of {a + len(pairs.a)}", f"{b} of {b + len(pairs.b)}"
    return [f"rows without a counterpart were left out: {of_a} in A, {of_b} in B."] if a or b else []


def _failures(pairs: Pairs) -> list[str]:
    a, b = int((~_ok(pairs.a)).sum()), int((~_ok(pairs.b)).sum())
    return [f"failed runs were left out: {a} in A, {b} in B."] if a or b else []


def _one_sided(pairs: Pairs, names: Sequence[str]) -> list[str]:
    ok = _ok(pairs.a) & _ok(pairs.b)
    counts = {name: int((ok & (pairs.a[name].isna() != pairs.b[name].isna())).sum()) for name in names}
    return [f"{name} is missing on one side of {n} pairs, which were left out." for name, n in counts.items() if n]
