"""The moments of every law against its formula, within four standard errors of the estimate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from randfeat.registry import make_part
from randfeat.seeds import stream

SHAPE = (1600, 8, 3, 3)
FAN_IN, FAN_OUT = 72, 14400
NORMAL, UNIFORM, SIGN, LAPLACE = (3, 105), (1.8, 9), (1, 1), (6, 2520)
"""Fourth and eighth moments of a law of variance 1; the eighth gives the standard error of the fourth."""


def student_t(df):
    """The moments of Student's t, from those of the normal and of the inverse chi-square law."""
    even = [math.prod((2 * i - 1) * df / (df - 2 * i) for i in range(1, half + 1)) for half in (1, 2, 4)]
    return even[1] / even[0] ** 2, even[2] / even[0] ** 4


def thinned(share, moments):
    """The moments of a law of variance 1 whose values are zero but for this share, at unit variance again."""
    return moments[0] / share, moments[1] / share**3


@pytest.mark.parametrize(
    ("settings", "variance", "moments"),
    [
        ({"part": "gaussian"}, 1 / FAN_IN, NORMAL),
        ({"part": "gaussian", "gain": 3}, 9 / FAN_IN, NORMAL),
        ({"part": "lecun", "gain": 2}, 4 / FAN_IN, NORMAL),
        ({"part": "lecun", "distribution": "uniform"}, 1 / FAN_IN, UNIFORM),
        ({"part": "he"}, 2 / FAN_IN, NORMAL),
        ({"part": "he", "fan": "out", "distribution": "uniform"}, 2 / FAN_OUT, UNIFORM),
        ({"part": "glorot"}, 2 / (FAN_IN + FAN_OUT), UNIFORM),
        ({"part": "glorot", "distribution": "normal", "gain": 0.5}, 0.5 / (FAN_IN + FAN_OUT), NORMAL),
        ({"part": "uniform"}, 1 / (3 * FAN_IN), UNIFORM),
        ({"part": "uniform", "limit": "unit"}, 1 / FAN_IN, UNIFORM),
        ({"part": "rademacher", "gain": 2}, 4 / FAN_IN, SIGN),
        ({"part": "signed_constant"}, 2 / FAN_IN, SIGN),
        ({"part": "signed_constant", "fan": "out", "gain": 1}, 1 / FAN_OUT, SIGN),
        ({"part": "laplace", "gain": 2}, 4 / FAN_IN, LAPLACE),
        ({"part": "student_t", "df": 12}, 1 / FAN_IN, student_t(12)),
        ({"part": "student_t", "df": 40, "gain": 3}, 9 / FAN_IN, student_t(40)),
        ({"part": "ternary"}, 1 / FAN_IN, thinned(1 / 3, SIGN)),
        ({"part": "ternary", "zeros": 0.9, "gain": 2}, 4 / FAN_IN, thinned(0.1, SIGN)),
        ({"part": "sparse"}, 1 / FAN_IN, thinned(15 / FAN_IN, NORMAL)),
        ({"part": "sparse", "connections": 40, "gain": 2}, 4 / FAN_IN, thinned(40 / FAN_IN, NORMAL)),
    ],
)
def test_independent_laws_have_the_mean_variance_and_kurtosis_of_their_formula(settings, variance, moments):
    w = make_part("init", settings).weight(SHAPE, stream(0, "w")).astype(np.float64)
    n, (kurtosis, eighth) = w.size, moments
    rounding = 1e-6
    assert abs(w.mean()) < 4 * math.sqrt(variance / n)
    assert abs((w**2).mean() / variance - 1) < 4 * math.sqrt((kurtosis - 1) / n) + rounding
    assert abs((w**4).mean() / variance**2 - kurtosis) < 4 * math.sqrt((eighth - kurtosis**2) / n) + rounding


@pytest.mark.parametrize(
    ("settings", "law"),
    [
        ({"part": "gaussian"}, stats.norm()),
        ({"part": "uniform", "limit": "unit"}, stats.uniform(-math.sqrt(3), 2 * math.sqrt(3))),
        ({"part": "laplace"}, stats.laplace(scale=math.sqrt(1 / 2))),
        ({"part": "student_t", "df": 2.5}, stats.t(2.5, scale=math.sqrt(0.5 / 2.5))),
        ({"part": "student_t"}, stats.t(3, scale=math.sqrt(1 / 3))),
    ],
)
def test_entries_follow_the_distribution_of_their_name(settings, law):
    """Kolmogorov's bound: the distance exceeds 1.95 / sqrt(n) with probability 0.001."""
    w = make_part("init", settings).weight(SHAPE, stream(0, "w")).astype(np.float64).flatten()
    assert stats.kstest(w * math.sqrt(FAN_IN), law.cdf).statistic < 1.95 / math.sqrt(w.size)


ONE_OVER_D = ["gabor", "gaussian", "laplace", "lecun", "low_rank", "rademacher", "sinusoid", "sparse", "student_t", "ternary"]


@pytest.mark.parametrize("part", ONE_OVER_D)
@pytest.mark.parametrize("shape", [(6, 5), (4, 1), (6, 40), (8, 1, 3, 3), (4, 2, 3, 3), (5, 3, 4), (4, 6, 1, 1), (3, 2, 1, 7)])
def test_a_row_has_squared_norm_gain_squared_in_linear_layers_groups_and_one_dimension(part, shape):
    law = make_part("init", {"part": part, "gain": 3} | ({"df": 10} if part == "student_t" else {}))
    draws = np.stack([law.weight(shape, stream(k, "w")) for k in range(300)]).reshape(300, shape[0], -1).astype(np.float64)
    squares = (draws**2).sum(2).mean(1) / 9
    assert abs(squares.mean() - 1) < 4 * squares.std(ddof=1) / math.sqrt(300) + 1e-6
    means = draws.mean((1, 2))
    assert abs(means.mean()) < 4 * means.std(ddof=1) / math.sqrt(300) + 1e-6


@pytest.mark.parametrize("rank", [1, 4])
def test_low_rank_entries_have_the_kurtosis_of_a_sum_of_products(rank):
    """Of rank independent products of two normal numbers: 3 + 6 / rank. Within four standard errors over draws."""
    law = make_part("init", {"part": "low_rank", "rank": rank, "gain": 2})
    w = np.stack([law.weight((4, 2, 3, 3), stream(k, "w")) for k in range(4000)]).reshape(4000, -1).astype(np.float64)
    scaled = w * math.sqrt(18 / 4)
    for power, expected in ((2, 1), (4, 3 + 6 / rank)):
        each = (scaled**power).mean(1)
        assert abs(each.mean() - expected) < 4 * each.std(ddof=1) / math.sqrt(len(each))


def test_orthogonal_entries_have_mean_zero_and_variance_gain_squared_over_the_longer_side():
    w = make_part("init", {"part": "orthogonal", "gain": 2}).weight((160, 72), stream(0, "w")).astype(np.float64)
    assert abs(w.mean()) < 4 * math.sqrt(4 / 160 / w.size)
    assert math.isclose((w**2).mean(), 4 / 160, rel_tol=1e-6)


def test_orthogonal_draws_are_uniform_on_the_sphere():
    """Over many draws, entry (0, 0) of a 3 x 3 rotation is uniform on [-1, 1] (Archimedes), and its sign is a coin's."""
    law = make_part("init", {"part": "orthogonal"})
    first = np.array([law.weight((3, 3), stream(0, str(k)))[0, 0] for k in range(500)], dtype=np.float64)
    assert abs(first.mean()) < 4 * math.sqrt(1 / 3 / 500)
    assert abs((first**2).mean() - 1 / 3) < 4 * math.sqrt(4 / 45 / 500)
