"""Means and intervals against scipy's, and against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from randfeat.report.statistics import Summary, difference, interval, paired

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)


def test_three_values_by_hand() -> None:
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    t = 0.95 * math.sqrt(2 / (1 - 0.95**2))  # t(0.975, 2) in closed form; s is 1
    assert found.half_width == pytest.approx(t / math.sqrt(3), rel=1e-9)
    assert found.n == 3


@given(values)
def test_the_interval_is_students(x: list[float]) -> None:
    found = interval(x)
    spread = np.std(x, ddof=1) / math.sqrt(len(x))
    low, high = scipy.stats.t.interval(0.95, len(x) - 1, loc=np.mean(x), scale=1.0)
    assert found.mean == pytest.approx(np.mean(x), rel=1e-12, abs=1e-12)
    assert found.half_width == pytest.approx((high - low) / 2 * spread, rel=1e-9, abs=1e-12)


def test_it_holds_the_true_mean_95_times_in_a_hundred() -> None:
    rng = np.random.default_rng(0)
    inside = [abs(found.mean) <= found.half_width for found in (interval(rng.normal(size=4)) for _ in range(4000))]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)  # 3.5 standard errors


def test_one_value_has_no_interval_and_none_has_no_mean() -> None:
    one, none = interval([0.5]), interval([])
    assert (one.mean, one.n) == (0.5, 1)
    assert math.isnan(one.half_width)
    assert math.isnan(none.mean)
    assert none.n == 0


def test_missing_values_do_not_count() -> None:
    assert interval([1.0, math.nan, 2.0, 3.0]) == interval([1.0, 2.0, 3.0])


def test_pairs_take_out_what_the_seeds_share() -> None:
    seeds = [10.0, 20.0, 30.0]
    found = paired([seed + 1 for seed in seeds], seeds)
    assert found == Summary(1.0, 0.0, 3)
    assert paired([3.0, math.nan, 5.0], [1.0, 2.0, 2.0]) == interval([2.0, 3.0])


@given(values)
def test_a_paired_difference_is_scipys_paired_test(x: list[float]) -> None:
    y = [value * 0.5 + place for place, value in enumerate(x)]
    found = paired(x, y)
    differences = np.subtract(x, y)
    if np.std(differences) < 1e-6:
        return
    p = scipy.stats.ttest_rel(x, y).pvalue
    if abs(p - 0.05) > 1e-6:
        assert found.excludes_zero == (p < 0.05)


def test_independent_half_widths_add_in_squares() -> None:
    assert difference(Summary(5.0, 3.0, 4), Summary(2.0, 4.0, 7)) == Summary(3.0, 5.0, 4)
    assert math.isnan(difference(Summary(5.0, 3.0, 4), Summary(2.0, math.nan, 1)).half_width)


@pytest.mark.parametrize(
    ("summary", "excluded"),
    [
        (Summary(0.2, 0.1, 3), True),
        (Summary(-0.2, 0.1, 3), True),
        (Summary(0.1, 0.1, 3), False),
        (Summary(0.0, 0.0, 3), False),
        (Summary(0.1, 0.0, 3), True),
        (Summary(9.0, math.nan, 1), False),
    ],
)
def test_zero_is_excluded_only_by_an_interval(summary: Summary, excluded: bool) -> None:
    assert summary.excludes_zero is excluded
