"""Mean field theory of deep tanh networks: the critical line, and wide random networks that follow it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from randfeat.init import draw
from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.typing import Task
from tests.reference.mean_field import chi, fixed_variance, gaussian_mean, next_variance

WIDTH, DEPTH, NETS = 800, 6, 16
CRITICAL = (1.05, 2.01e-5)


def test_the_critical_point_of_xiao_et_al():
    q = fixed_variance(*CRITICAL)
    assert abs(q - 0.0259) < 5e-5
    assert abs(chi(q, CRITICAL[0]) - 1) < 1e-3


@pytest.mark.parametrize(("w", "b", "q"), [(1.1154, 2.37e-4, 1 / 16), (1.0197, 1.26e-6, 1 / 100), (1.761, 0.05, None)])
def test_other_points_of_the_critical_line(w, b, q):
    """The first two are the points at which q is one over the depth; weight variances to five digits, bias ones to three."""
    found = fixed_variance(w, b)
    assert abs(chi(found, w) - 1) < 1e-3
    assert q is None or abs(found / q - 1) < 0.01


def test_off_the_critical_line_gradients_vanish_or_explode():
    """Below it tanh is linear where the signal is: chi_1 is the variance of the weights. Above it chi_1 exceeds 1."""
    assert abs(chi(fixed_variance(0.5, 2.01e-5), 0.5) - 0.5) < 1e-3
    assert chi(fixed_variance(4, 2.01e-5), 4) > 1.1


@pytest.mark.parametrize("q", [0.0259, 1.0, 4.0])
@pytest.mark.parametrize("f", [lambda h: np.tanh(h) ** 2, lambda h: np.cosh(h) ** -4.0], ids=["V", "chi"])
def test_the_quadrature_is_that_of_an_adaptive_rule(f, q):
    exact = quad(lambda z: f(math.sqrt(q) * z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi), -12, 12)[0]
    assert abs(gaussian_mean(f, q) - exact) < 1e-6


def signals(w, b, q, seed):
    """Layer by layer of one network: the mean square of the numbers before tanh, and the growth of a perturbation."""
    law = make_part("init", {"part": "gaussian", "gain": math.sqrt(w), "bias": "normal", "bias_std": math.sqrt(b)})
    net = make_part("arch", {"part": "mlp", "depth": DEPTH, "width": WIDTH, "activation": "tanh"}).build(Task((WIDTH,), 2))
    weights = draw(law, net, seed)
    x, v = torch.from_numpy(stream(seed, "x").standard_normal((2, WIDTH), dtype=np.float32))
    x *= math.sqrt((q - b) / w * WIDTH) / x.norm()
    squares, perturbations = [], []
    for k in range(1, DEPTH + 1):
        matrix = weights[f"hidden{k}.linear.weight"]
        h, u = matrix @ x + weights[f"hidden{k}.linear.bias"], matrix @ v
        x, v = torch.tanh(h), (1 - torch.tanh(h) ** 2) * u
        squares.append(float((h**2).mean()))
        perturbations.append(float((u**2).sum()))
    return squares, [after / before for before, after in itertools.pairwise(perturbations)]


@pytest.mark.parametrize(("w", "b"), [CRITICAL, (1.761, 0.05), (0.8, 0.3), (2.5, 0.05)])
def test_wide_random_networks_stay_at_the_predicted_variance(w, b):
    q = fixed_variance(w, b)
    squares, growths = map(np.array, zip(*(signals(w, b, q, seed) for seed in range(NETS)), strict=True))
    for measured, expected in ((squares, q), (growths, chi(q, w))):
        z = (measured.mean(0) - expected) / (measured.std(0, ddof=1) / math.sqrt(NETS))
        assert np.abs(z).max() < 4


def test_away_from_it_they_move_as_predicted():
    """From four times q*, layer by layer, at a point far from the critical line, where they come back."""
    w, b = 0.8, 0.3
    predicted = [4 * fixed_variance(w, b)]
    for _ in range(DEPTH - 1):
        predicted.append(next_variance(predicted[-1], w, b))
    squares = np.array([signals(w, b, predicted[0], seed)[0] for seed in range(NETS)])
    z = (squares.mean(0) - predicted) / (squares.std(0, ddof=1) / math.sqrt(NETS))
    assert np.abs(z).max() < 4
    assert predicted[-1] < 1.1 * fixed_variance(w, b)
