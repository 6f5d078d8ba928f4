"""A finding as a claim that a program checks: holds, fails or undecided, with estimate, interval and n."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from randfeat.report.statistics import interval


class Verdict(StrEnum):
    """What the records say of a claim. Silence is never success."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Finding:
    """A verdict with the estimate that it stands on, its 95 % interval ``estimate ± half_width``, and n."""

    verdict: Verdict
    estimate: float
    half_width: float
    n: int


@dataclass(frozen=True)
class Claim:
    """One claim of a study, written down before its runs.

    Attributes:
        name: what is claimed, in a few words.
        rule: when it holds, in words, the threshold included.
        source: author, year, and where in the paper.
        published: the paper's number, or a dash.
        check: a table of records -> the finding.
    """

    name: str
    rule: str
    source: str
    check: Callable[[pd.DataFrame], Finding]
    published: str = "-"


def within(sample: Iterable[float], low: float = -math.inf, high: float = math.inf) -> Finding:
    """Whether a mean lies between two limits: by its 95 % interval over the sample.

    Holds if the whole interval lies between them, fails if none of it does, is undecided if it straddles a limit or the
    sample has fewer than two values. A number has two limits; a direction has one, 0 say, and a sample of differences.
    """
    summary = interval(sample)
    return judged(summary.mean, summary.half_width, summary.n, low, high)


def slope_within(x: Sequence[float], samples: pd.DataFrame, low: float = -math.inf, high: float = math.inf) -> Finding:
    """Whether the slope of the log of means against x lies between two limits.

    The slope is that of least squares through the points (x_j, log m_j), m_j the mean of the j-th column; its interval is
    Student's over the rows of ``sum_j c_j (y_ij / m_j - 1)``, the slope's derivative along row i, where ``slope = sum_j c_j
    log m_j``. Columns that go up and down together, as those of one seed do, are so accounted for. Good to first order in
    the relative error of the means.

    Args:
        x: one number for each column.
        samples: a row for each repetition, a column for each point; a row with a value missing is left out.
        low: the least slope that holds.
        high: the largest.
    """
    y = samples.dropna().to_numpy(dtype=float)
    away = np.asarray(x, dtype=float) - np.mean(x)
    means = y.mean(0) if len(y) else np.full(len(away), math.nan)
    if not (np.square(away).sum() > 0 and (means > 0).all()):
        return judged(math.nan, math.nan, len(y), low, high)
    weights = away / np.square(away).sum()
    spread = interval((y / means - 1) @ weights)
    return judged(float(np.log(means) @ weights), spread.half_width, spread.n, low, high)


def judged(estimate: float, half_width: float, n: int, low: float = -math.inf, high: float = math.inf) -> Finding:
    """The same for an estimate whose interval is known."""
    if n < 2 or math.isnan(estimate) or math.isnan(half_width):
        verdict = Verdict.UNDECIDED
    elif low <= estimate - half_width and estimate + half_width <= high:
        verdict = Verdict.HOLDS
    elif estimate + half_width < low or estimate - half_width > high:
        verdict = Verdict.FAILS
    else:
        verdict = Verdict.UNDECIDED
    return Finding(verdict, estimate, half_width, n)
