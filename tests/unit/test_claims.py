"""When a claim holds, fails or stays open: by its interval, never by its estimate alone."""

import math

import numpy as np
import pandas as pd
import pytest

from randfeat.claims import Verdict, judged, slope_within, within

HALF = 4.302652729749464 * 0.1 / math.sqrt(3)
"""Of the sample 0.9, 1.0, 1.1: t(0.975, 2) s / sqrt(n)."""


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.7, 1.3, "holds"),
        (0.9, 1.3, "undecided"),
        (0.7, 1.2, "undecided"),
        (0.95, 1.05, "undecided"),
        (1.0 + HALF + 1e-9, 2.0, "fails"),
        (1.0 + HALF - 1e-9, 2.0, "undecided"),
        (0.0, 1.0 - HALF - 1e-9, "fails"),
        (1.0 - HALF - 1e-9, 1.0 + HALF + 1e-9, "holds"),
        (1.0 - HALF + 1e-9, math.inf, "undecided"),
    ],
)
def test_a_claim_is_decided_by_its_whole_interval(low, high, verdict):
    found = within([0.9, 1.0, 1.1], low, high)
    assert (found.verdict, found.n) == (verdict, 3)
    assert found.estimate == pytest.approx(1.0)
    assert found.half_width == pytest.approx(HALF)


@pytest.mark.parametrize("sample", [[], [1.0], [1.0, math.nan], [math.inf, 1.0]])
def test_nothing_is_decided_by_fewer_than_two_numbers(sample):
    with np.errstate(invalid="ignore"):
        assert within(sample, -1e9, 1e9).verdict is Verdict.UNDECIDED
        assert within(sample, 5.0, 6.0).verdict is Verdict.UNDECIDED


def test_an_interval_does_not_stand_in_for_n():
    assert judged(1.0, 0.1, 1, 0.0, 2.0).verdict is Verdict.UNDECIDED
    assert judged(1.0, 0.1, 2, 0.0, 2.0).verdict is Verdict.HOLDS
    assert judged(3.0, 0.1, 2, 0.0, 2.0).verdict is Verdict.FAILS
    assert judged(math.nan, 0.1, 5).verdict is Verdict.UNDECIDED


def test_a_slope_is_that_of_the_logs_of_the_means():
    x = [0.0, 0.5, 2.0]
    level = np.array([[0.8], [1.2], [1.0]])
    samples = pd.DataFrame(level * np.exp(3 * np.array(x)))
    found = slope_within(x, samples, 2.9, 3.1)
    assert found.estimate == pytest.approx(3.0)
    assert found.half_width == pytest.approx(0.0, abs=1e-12)  # a seed that raises all the columns does not tilt them
    assert (found.verdict, found.n) == ("holds", 3)
    assert slope_within(x, samples, 3.1, 4.0).verdict == "fails"
    assert slope_within(x, samples.iloc[:1], 2.9, 3.1).verdict == "undecided"
    assert slope_within([1.0, 1.0, 1.0], samples, 2.9, 3.1).verdict == "undecided"


def test_the_interval_of_a_slope_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(0)
    x = np.array([0.1, 0.3, 0.6])
    trials, n = 600, 40
    found = [slope_within(list(x), pd.DataFrame(np.exp(x) * rng.gamma(4, 1 / 4, (n, 3)))) for _ in range(trials)]
    covered = sum(abs(each.estimate - 1) <= each.half_width for each in found) / trials
    assert abs(covered - 0.95) < 4 * math.sqrt(0.95 * 0.05 / trials)
