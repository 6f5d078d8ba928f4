"""When a claim holds, fails or stays open: by its interval, never by its estimate alone."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from randfeat.claims import Finding, Verdict, judged, rank_correlation, slope_within, within

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


NORB = [
    *[(86.54, 83.63), (87.44, 85.56), (87.61, 84.57), (88.26, 85.86), (89.02, 88.05), (89.10, 88.47)],
    *[(89.52, 88.20), (89.91, 87.97), (90.27, 89.00), (90.72, 89.57), (91.36, 88.79)],
]
CIFAR = [
    *[(40.88, 35.79), (46.18, 36.41), (49.16, 36.45), (50.83, 35.19), (55.9, 39.39), (57.1, 46.4)],
    *[(57.5, 46.5), (58.81, 48.55), (59.16, 46.44), (59.4, 53.25), (59.45, 48.05)],
]
"""Trained and random accuracies, from figure 4 of Saxe et al. 2011."""


@pytest.mark.parametrize(("points", "rho"), [(NORB, 0.90), (CIFAR, 0.882)])
def test_the_rank_correlation_is_spearmans(points, rho):
    trained, random = zip(*points, strict=True)
    found = rank_correlation(trained, random, low=0.5)
    assert found.estimate == pytest.approx(rho, abs=5e-4)
    assert found.estimate == pytest.approx(float(spearmanr(trained, random).statistic))
    assert (found.verdict, found.n) == ("holds", 11)
    assert rank_correlation(trained, random, low=0.7).verdict == "undecided"
    assert rank_correlation(trained, random, high=0.3).verdict == "fails"


def test_the_interval_of_a_rank_correlation_by_hand():
    trained, random = zip(*CIFAR, strict=True)
    found = rank_correlation(trained, random)
    rho = found.estimate
    reach = 1.959964 * math.sqrt((1 + rho * rho / 2) / 8)
    assert [math.atanh(found.low), math.atanh(found.high)] == pytest.approx([math.atanh(rho) - reach, math.atanh(rho) + reach])


def test_the_interval_of_a_rank_correlation_covers_the_truth():
    rng = np.random.default_rng(0)
    r = 0.8
    rho = 6 / math.pi * math.asin(r / 2)  # of a bivariate normal; Pearson 1907
    hits = 0
    for _ in range(400):
        x = rng.standard_normal(24)
        found = rank_correlation(x, r * x + math.sqrt(1 - r * r) * rng.standard_normal(24))
        hits += found.low <= rho <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_a_rank_correlation_needs_four_pairs_that_differ():
    assert rank_correlation([1, 2, 3], [1, 2, 3], low=0.1) == Finding(
        Verdict.UNDECIDED, 1.0, *[pytest.approx(math.nan, nan_ok=True)] * 2, 3
    )
    assert rank_correlation([1, 2, 3, math.nan], [1, 2, 3, 4], low=0.1).n == 3
    assert rank_correlation([1, 1, 1, 1], [1, 2, 3, 4], low=-1).verdict == "undecided"
    assert rank_correlation(range(10), range(10), low=0.9).verdict == "holds"
    assert rank_correlation(range(4), range(4), low=0.5).verdict == "undecided"  # one order of 24 is chance


def test_limits_and_samples_that_mean_nothing_are_mistakes():
    with pytest.raises(ValueError, match="no number lies between the limits 5 and -5"):
        within([1.0, 2.0], 5, -5)
    with pytest.raises(ValueError, match="no number lies between"):
        within([1.0, 2.0], math.nan)
    with pytest.raises(ValueError, match="half-width -3"):
        judged(0.5, -3, 5, 0, 1)
    with pytest.raises(ValueError, match="several numbers have one index"):
        within(pd.Series([1.0, 2.0, 3.0], index=[0, 0, 1]), low=0)
    assert within([1.0, 1.1, 0.9]).verdict == "undecided"
