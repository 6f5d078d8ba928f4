"""Singular values of a (P, D) matrix of independent entries of variance 1/D fill [|1 - sqrt(P/D)|, 1 + sqrt(P/D)]."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from randfeat.registry import make_part
from randfeat.seeds import stream

SHAPES = [(400, 900), (900, 400), (250, 1000)]
LAWS = [
    {"part": "gaussian"},
    {"part": "lecun", "distribution": "uniform"},
    {"part": "rademacher"},
    {"part": "laplace"},
    {"part": "ternary"},
]


def singular_values(settings, shape):
    w = make_part("init", settings).weight(shape, stream(0, "w")).astype(np.float64)
    return np.linalg.svd(w, compute_uv=False)


def in_tracy_widom_units(values, shape):
    """The extreme eigenvalues of D W W^T, from the edge outward, on the scale of their fluctuations (order D**(1/3)).

    Johnstone, Annals of Statistics 29 (2001); Feldheim and Sodin, GAFA 20 (2010). The limit is Tracy and Widom's law of
    order 1: mean -1.21, standard deviation 1.27, outside [-6, 5] with probability below 1e-4.
    """
    low, high = sorted(map(math.sqrt, shape))
    top = ((high + low) ** 2, (high + low) * (1 / high + 1 / low) ** (1 / 3))
    bottom = ((high - low) ** 2, (high - low) * (1 / low - 1 / high) ** (1 / 3))
    eigenvalues = shape[1] * values**2
    return (bottom[0] - eigenvalues[-1]) / bottom[1], (eigenvalues[0] - top[0]) / top[1]


def cumulative(x, ratio):
    """Marchenko and Pastur's distribution function of the squared singular values of the short side, ratio = short / long."""
    low, high = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2
    return quad(lambda t: math.sqrt(max((high - t) * (t - low), 0)) / (2 * math.pi * ratio * t), low, min(x, high))[0]


@pytest.mark.parametrize("settings", LAWS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_extreme_singular_values_lie_at_the_edges(settings, shape):
    bottom, top = in_tracy_widom_units(singular_values(settings, shape), shape)
    assert -6 < bottom < 5
    assert -6 < top < 5


@pytest.mark.parametrize("settings", LAWS)
@pytest.mark.parametrize("shape", SHAPES)
def test_between_them_the_singular_values_follow_the_law(settings, shape):
    """Eigenvalues are rigid: the distance between the two distribution functions is of order 1 / P, not 1 / sqrt(P)."""
    short, long = sorted(shape)
    squares = np.sort(singular_values(settings, shape) ** 2) * shape[1] / long
    places = np.arange(short // 20, short, short // 20)
    distance = max(abs(cumulative(squares[place], short / long) - (place + 0.5) / short) for place in places)
    assert distance < 4 / short


def test_without_a_fourth_moment_the_largest_one_leaves_the_edge():
    """Bai, Silverstein and Yin, Journal of Multivariate Analysis 26 (1988)."""
    _, top = in_tracy_widom_units(singular_values({"part": "student_t", "df": 2.5}, SHAPES[0]), SHAPES[0])
    assert top > 50
