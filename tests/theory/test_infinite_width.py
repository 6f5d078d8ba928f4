"""Random features estimate a kernel: without bias, and with an error that falls as one over the root of their number."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from torch import nn

from randfeat.init import draw
from randfeat.registry import make_part
from randfeat.seeds import stream

D, POINTS, REPEATS = 5, 6, 1000
FEW, MANY = 64, 16 * 64
X = 1.2 * stream(0, "x").standard_normal((POINTS, D)) / math.sqrt(D)


def arc_cosine(x):
    """Of order 1, over D: |x| |y| (sin t + (pi - t) cos t) / (pi D), t the angle (Cho and Saul, NIPS 2009)."""
    norms = np.linalg.norm(x, axis=1)
    angle = np.arccos(np.clip(x @ x.T / np.outer(norms, norms), -1, 1))
    return np.outer(norms, norms) * (np.sin(angle) + (math.pi - angle) * np.cos(angle)) / (math.pi * D)


def gaussian(x):
    """exp(-|x - y|**2 / 2) (Rahimi and Recht, NIPS 2007)."""
    return np.exp(-((x[:, None] - x[None]) ** 2).sum(2) / 2)


def relu(h):
    """With He's law and its gain sqrt(2): weights of variance 2 / D."""
    return np.maximum(h, 0)


def cosine(h):
    """With weights of variance 1, and biases uniform on the circle: +-pi is +-sqrt(3) standard deviations."""
    return math.sqrt(2) * np.cos(h)


LAWS = {
    relu: {"part": "he"},
    cosine: {"part": "gaussian", "gain": math.sqrt(D), "bias": "uniform", "bias_std": math.pi / math.sqrt(3)},
}


@functools.cache
def estimates_of(activation, n_features):
    """phi phi^T / P for one layer of P random features after another, (REPEATS, POINTS, POINTS)."""
    law, layer = make_part("init", LAWS[activation]), nn.Linear(D, n_features, device="meta")
    found = []
    for seed in range(REPEATS):
        weights = {name: tensor.double().numpy() for name, tensor in draw(law, layer, seed).items()}
        phi = activation(X @ weights["weight"].T + weights["bias"])
        found.append(phi @ phi.T / n_features)
    return np.stack(found)


CASES = pytest.mark.parametrize(("activation", "kernel"), [(relu, arc_cosine(X)), (cosine, gaussian(X))])


@CASES
def test_the_mean_of_the_estimates_is_the_kernel(activation, kernel):
    estimates = estimates_of(activation, MANY)
    z = (estimates.mean(0) - kernel) / (estimates.std(0, ddof=1) / math.sqrt(REPEATS))
    assert np.abs(z).max() < 4.5
    assert estimates.std(0).max() / math.sqrt(REPEATS) < 0.01 * kernel.max()


@CASES
def test_the_error_falls_fourfold_when_the_features_are_sixteen_times_as_many(activation, kernel):
    mean, error = {}, {}
    for n_features in (FEW, MANY):
        squares = ((estimates_of(activation, n_features) - kernel) ** 2).mean((1, 2))
        mean[n_features], error[n_features] = squares.mean(), squares.std(ddof=1) / math.sqrt(REPEATS)
    ratio = math.sqrt(mean[FEW] / mean[MANY])
    tolerance = 4 * ratio / 2 * math.hypot(error[FEW] / mean[FEW], error[MANY] / mean[MANY])
    assert tolerance < 1
    assert abs(ratio - 4) < tolerance
