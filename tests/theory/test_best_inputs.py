"""The best input of a convolve-square-pool unit is a sinusoid (Saxe et al. 2011, theorems 2.1 and 2.2)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import eigsh

from randfeat.probe.best_inputs import BEST_UNITS, best_inputs
from randfeat.registry import make_part
from randfeat.seeds import stream
from tests.reference.convolve_square_pool import placed, response, sinusoid

PHASES = (0.0, 0.7, 2.0, 4.5)


def filters(part, side, count):
    return make_part("init", {"part": part}).weight((count, 1, side, side), stream(0, "w"))[:, 0].astype(np.float64)


def loudest(kernel, n):
    """The frequency at which the spectrum of the zero-padded filter is largest, and the square of the spectrum there."""
    power = np.abs(np.fft.fft2(kernel, (n, n))) ** 2
    v, h = np.unravel_index(power.argmax(), power.shape)
    return int(v), int(h), power[v, h]


def is_a_wave(v, h, n):
    """Not the constant image, nor the three that alternate between two values: those have one phase."""
    return (2 * v) % n != 0 or (2 * h) % n != 0


@pytest.mark.parametrize("part", ["gaussian", "uniform", "laplace", "rademacher", "gabor"])
def test_with_circular_convolution_the_sinusoid_at_the_filter_s_loudest_frequency_is_best(part):
    """Filters of 6 x 6, images of 20 x 20, as in the paper's figure 2: against a numerical eigen-decomposition."""
    n, seen = 20, 0
    for kernel in filters(part, 6, 5):
        v, h, power = loudest(kernel, n)
        if not is_a_wave(v, h, n):
            continue
        seen += 1
        matrix = placed(kernel, n, circular=True).toarray()
        values, vectors = np.linalg.eigh(matrix.T @ matrix)
        np.testing.assert_allclose(values[-1], power, rtol=1e-9)
        for phase in PHASES:
            x = sinusoid(n, v, h, phase)
            assert abs((x**2).sum() - 1) < 1e-12
            np.testing.assert_allclose(response(matrix, x), values[-1], rtol=1e-9)
        energy = np.abs(np.fft.fft2(vectors[:, -1].reshape(n, n))) ** 2
        assert (energy[v, h] + energy[-v, -h]) / energy.sum() > 1 - 1e-6
        assert values[-3] < values[-1] * (1 - 1e-6)
    assert seen >= 3


def valid(kernel, n):
    """Top eigenvalue with valid convolution, what the sinusoids at the loudest frequency reach, and the spectrum there."""
    v, h, power = loudest(kernel, n)
    matrix = placed(kernel, n, circular=False)
    best = float(eigsh(matrix.T @ matrix, k=1, which="LA", v0=sinusoid(n, v, h, 1.0).flatten())[0][0])
    return best, [response(matrix, sinusoid(n, v, h, phase)) for phase in PHASES], power


def a_filter(part, side, sizes):
    return next(f for f in filters(part, side, 20) if all(is_a_wave(*loudest(f, n)[:2], n) for n in sizes))


@pytest.mark.parametrize("part", ["gaussian", "laplace"])
@pytest.mark.parametrize(("side", "n"), [(3, 16), (3, 64), (6, 20)])
def test_with_valid_convolution_the_sinusoid_loses_at_most_what_its_border_is_worth(part, side, n):
    """The proof's own bound, twice the share of places left out; it is below K / n with K = 4 k**3 |f|**2."""
    kernel = a_filter(part, side, [n])
    best, waves, power = valid(kernel, n)
    assert max(waves) < best < power
    border = 2 * power * (1 - ((n - side + 1) / n) ** 2)
    assert best - min(waves) <= border < 4 * side**3 * (kernel**2).sum() / n


@pytest.mark.parametrize("part", ["gaussian", "laplace"])
def test_with_valid_convolution_the_loss_is_below_k_over_n_and_halves_with_every_doubling_of_n(part):
    sizes = (16, 32, 64)
    kernel = a_filter(part, 3, sizes)
    losses = []
    for n in sizes:
        best, waves, power = valid(kernel, n)
        losses.append((best - min(waves)) / power)
        bound = 4 * 3**3 * (kernel**2).sum() / n
        assert best - min(waves) < bound
    assert bound < best  # so that at the last size the theorem says something
    np.testing.assert_allclose([losses[0] / losses[1], losses[1] / losses[2]], 2, rtol=0.15)


def test_the_probe_finds_both_theorems_for_every_filter_and_image():
    law = make_part("init", {"part": "laplace"})
    found = best_inputs(lambda name, shape: torch.from_numpy(law.weight(shape, stream(1, name))))
    limits = {
        "best_left_out": (0, 0.7),
        "best_energy": (1 - 1e-6, 2),
        "best_ratio": (1 - 1e-6, 1 + 1e-6),
        "best_spread": (0, 1e-6),
    }
    limits |= {"valid_bound": (0, 1), "valid_border": (0, 1)}
    for name, (low, high) in limits.items():
        assert all(low <= found[f"{name}/{unit}"] <= high for unit in BEST_UNITS), name
    assert len(BEST_UNITS) == 15
    lost = [found[f"valid_lost/6x6_on_{n}x{n}"] for n in (10, 14, 20, 28, 40, 56, 80)]
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] < lost[0] / 3
