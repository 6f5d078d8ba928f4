"""Means with 95 % intervals over seeds, plain and paired."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

CONFIDENCE = 0.95
"""The share of such intervals that hold the true mean."""


@dataclass(frozen=True)
class Summary:
    """A mean over ``n`` values; the 95 % interval reaches ``half_width`` to either side, nan for fewer than two."""

    mean: float
    half_width: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval. Without an interval nothing is excluded."""
        return abs(self.mean) > self.half_width


def interval(values: Iterable[float]) -> Summary:
    """The mean and Student's interval: ``mean ± t(0.975, n - 1) * s / sqrt(n)``.

    ``s`` is the standard deviation with n - 1 below. Exact if the values are independent and normal. Missing values
    (nan) are left out, and ``n`` says how many were not; the mean of none is nan.

    See: Student, Biometrika 6 (1908).
    """
    x = np.array([value for value in values if not math.isnan(value)], dtype=float)
    if x.size < 2:
        return Summary(float(x[0]) if x.size else math.nan, math.nan, x.size)
    t = float(stdtrit(x.size - 1, (1 + CONFIDENCE) / 2))
    return Summary(float(x.mean()), t * float(x.std(ddof=1)) / math.sqrt(x.size), x.size)


@dataclass(frozen=True)
class Summaries:
    """A :class:`Summary` of every group, as arrays with an entry for each."""

    mean: NDArray[np.float64]
    half_width: NDArray[np.float64]
    n: NDArray[np.int64]

    def apart(self) -> list[Summary]:
        """One by one."""
        return [Summary(*each) for each in zip(self.mean.tolist(), self.half_width.tolist(), self.n.tolist(), strict=True)]


def intervals(values: NDArray[np.float64], groups: NDArray[np.int64], n_groups: int) -> Summaries:
    """:func:`interval` of every group's values, the same to the last digit.

    Groups of one size are the rows of one matrix.

    Args:
        values: in any order; missing ones (nan) are left out.
        groups: the group of each, from 0.
        n_groups: how many groups there are; one without values has n = 0.
    Cost: one sort of the values, and two passes over them.
    """
    there = ~np.isnan(values)
    n = np.bincount(groups[there], minlength=n_groups)
    x = values[there][np.argsort(groups[there], kind="stable")]
    start = np.cumsum(n) - n
    mean, half_width = np.full(n_groups, math.nan), np.full(n_groups, math.nan)
    for size in np.unique(n[n > 0]):
        own = np.flatnonzero(n == size)
        rows = x[start[own, np.newaxis] + np.arange(size)]
        mean[own] = rows.mean(axis=1)
        if size > 1:
            t = float(stdtrit(size - 1, (1 + CONFIDENCE) / 2))
            half_width[own] = t * rows.std(axis=1, ddof=1) / math.sqrt(size)
    return Summaries(mean, half_width, n)


def paired(first: Iterable[float], second: Iterable[float]) -> Summary:
    """The interval of the differences ``first - second``, pair by pair; a pair with a value missing is left out.

    Narrower than a comparison of two means wherever the pairs go up and down together, as runs that share their
    weights do.
    """
    return interval(a - b for a, b in zip(first, second, strict=True))


def difference(first: Summary, second: Summary) -> Summary:
    """``first - second`` of two independent summaries; half-widths add as ``sqrt(a**2 + b**2)``, n is the smaller."""
    return Summary(first.mean - second.mean, math.hypot(first.half_width, second.half_width), min(first.n, second.n))
