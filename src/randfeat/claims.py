"""A finding as a claim that a program checks: holds, fails or undecided, with estimate, interval and n."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from scipy.special import ndtri

from randfeat.report.statistics import CONFIDENCE, interval


class Verdict(StrEnum):
    """What the records say of a claim. Silence is never success."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Finding:
    """A verdict with the estimate that it stands on, the ends of its 95 % interval, and n."""

    verdict: Verdict
    estimate: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half of the interval's length."""
        return (self.high - self.low) / 2

    @classmethod
    def nothing(cls) -> Finding:
        """Where there are no numbers."""
        return cls(Verdict.UNDECIDED, math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Claim:
    """One claim of a study, written down before its runs.

    Attributes:
        name: what is claimed, in a few words.
        rule: when it holds, in words, the threshold included.
        source: author, year, and where in the paper.
        published: the paper's number, or a dash.
        check: the numbers of the arm -> the finding.
        arm: on whose numbers it stands; on all of the study's where it is empty. Without numbers it is undecided.
    """

    name: str
    rule: str
    source: str
    check: Callable[[pd.DataFrame], Finding]
    published: str = "-"
    arm: str = ""


def within(sample: Iterable[float], low: float = -math.inf, high: float = math.inf) -> Finding:
    """Whether a mean lies between two limits: by its 95 % interval over the sample.

    Holds if the whole interval lies between them, fails if none of it does, is undecided if it straddles a limit or the
    sample has fewer than two values; without a limit nothing is decided. A number has two limits; a direction has one, 0
    say, and a sample of differences.

    Raises:
        ValueError: several numbers have one index, as those of one seed do, or no number lies between the limits.
    """
    if isinstance(sample, pd.Series) and sample.index.has_duplicates:
        raise ValueError("several numbers have one index, as runs of one seed do: take their mean first")
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


def rank_correlation(x: Iterable[float], y: Iterable[float], low: float = -math.inf, high: float = math.inf) -> Finding:
    """Whether Spearman's rank correlation of pairs lies between two limits.

    Its interval is that of Fisher's ``z = atanh(rho)`` with the standard error ``sqrt((1 + rho**2 / 2) / (n - 3))``, whose
    coverage holds for non-normal pairs; n counts the pairs, ties have mean ranks. A pair with a value missing is left out;
    fewer than four pairs, or one side without variation, decide nothing. Pairs in exactly one order have the interval of the
    next lower value, that of one exchange of neighbours.

    See: Spearman, American Journal of Psychology 15 (1904); Bonett and Wright, Psychometrika 65 (2000).
    """
    pairs = pd.DataFrame({"x": [*x], "y": [*y]}, dtype=float).dropna()
    n = len(pairs)
    rho = float(pairs["x"].rank().corr(pairs["y"].rank())) if n > 1 else math.nan
    if n < 4 or math.isnan(rho):
        return Finding(Verdict.UNDECIDED, rho, math.nan, math.nan, n)
    next_to_one = 1 - 12 / (n * (n**2 - 1))
    inside = max(-next_to_one, min(next_to_one, rho))
    z = math.atanh(inside)
    reach = float(ndtri((1 + CONFIDENCE) / 2)) * math.sqrt((1 + inside**2 / 2) / (n - 3))
    ends = max(-1.0, math.tanh(z - reach)), min(1.0, max(rho, math.tanh(z + reach)))
    return _between(rho, (min(rho, ends[0]), ends[1]), n, low, high)


def judged(estimate: float, half_width: float, n: int, low: float = -math.inf, high: float = math.inf) -> Finding:
    """The same for an estimate whose interval ``estimate ± half_width`` is known."""
    if half_width < 0:
        raise ValueError(f"an interval of half-width {half_width}")
    return _between(estimate, (estimate - half_width, estimate + half_width), n, low, high)


def _between(estimate: float, ends: tuple[float, float], n: int, low: float, high: float) -> Finding:
    if not low <= high:
        raise ValueError(f"no number lies between the limits {low} and {high}")
    if n < 2 or math.isnan(estimate) or math.isnan(ends[0]) or (math.isinf(low) and math.isinf(high)):
        verdict = Verdict.UNDECIDED
    elif low <= ends[0] and ends[1] <= high:
        verdict = Verdict.HOLDS
    elif ends[1] < low or ends[0] > high:
        verdict = Verdict.FAILS
    else:
        verdict = Verdict.UNDECIDED
    return Finding(verdict, estimate, *ends, n)
