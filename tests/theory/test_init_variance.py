"""The moments of every law against its formula, within four standard errors of the estimate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from randfeat.registry import make_part
from randfeat.seeds import stream

SHAPE = (160, 8, 3, 3)
FAN_IN, FAN_OUT = 72, 1440


@pytest.mark.parametrize(
    ("settings", "variance", "kurtosis"),
    [
        ({"part": "gaussian"}, 1 / FAN_IN, 3),
        ({"part": "gaussian", "gain": 3}, 9 / FAN_IN, 3),
        ({"part": "he"}, 2 / FAN_IN, 3),
        ({"part": "he", "fan": "out", "distribution": "uniform"}, 2 / FAN_OUT, 1.8),
        ({"part": "glorot"}, 2 / (FAN_IN + FAN_OUT), 1.8),
        ({"part": "glorot", "distribution": "normal", "gain": 0.5}, 0.5 / (FAN_IN + FAN_OUT), 3),
        ({"part": "uniform"}, 1 / (3 * FAN_IN), 1.8),
        ({"part": "uniform", "limit": "unit"}, 1 / FAN_IN, 1.8),
    ],
)
def test_independent_laws_have_the_mean_variance_and_kurtosis_of_their_formula(settings, variance, kurtosis):
    w = make_part("init", settings).weight(SHAPE, stream(0, "w")).astype(np.float64)
    n = w.size
    assert abs(w.mean()) < 4 * math.sqrt(variance / n)
    assert abs((w**2).mean() - variance) < 4 * variance * math.sqrt((kurtosis - 1) / n)
    assert abs((w**4).mean() / variance**2 - kurtosis) < 4 * math.sqrt((105 if kurtosis == 3 else 9) / n)


def test_orthogonal_entries_have_mean_zero_and_variance_gain_squared_over_the_longer_side():
    w = make_part("init", {"part": "orthogonal", "gain": 2}).weight((160, 72), stream(0, "w")).astype(np.float64)
    assert abs(w.mean()) < 4 * math.sqrt(4 / 160 / w.size)
    assert math.isclose((w**2).mean(), 4 / 160, rel_tol=1e-6)


def test_orthogonal_draws_are_uniform_on_the_sphere():
    """Over many draws, entry (0, 0) of a 3 x 3 rotation is uniform on [-1, 1] (Archimedes), and its sign is a coin's."""
    law = make_part("init", {"part": "orthogonal"})
    first = np.array([law.weight((3, 3), stream(0, str(k)))[0, 0] for k in range(2000)], dtype=np.float64)
    assert abs(first.mean()) < 4 * math.sqrt(1 / 3 / 2000)
    assert abs((first**2).mean() - 1 / 3) < 4 * math.sqrt(4 / 45 / 2000)
