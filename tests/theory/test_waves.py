"""Gabor filters and sinusoids: their formula pixel by pixel, their exact mean and norm, and their frequencies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from randfeat.registry import make_part
from randfeat.seeds import stream
from tests.reference.wave_filters import wave_filter

SHAPES = {  # shape -> (filters of an output, sides of one)
    (4, 3, 5, 5): (3, (5, 5)),
    (4, 1, 2, 3): (1, (2, 3)),
    (4, 2, 1, 7): (2, (7,)),
    (4, 3, 6): (3, (6,)),
    (4, 9): (1, (9,)),
    (4, 9, 1, 1): (1, (9,)),
    (4, 2, 3, 3, 3): (2, (3, 3, 3)),
}


def law(part, **settings):
    return make_part("init", {"part": part} | settings)


@pytest.mark.parametrize("part", ["gabor", "sinusoid"])
@pytest.mark.parametrize("shape", SHAPES)
def test_filters_are_those_of_the_formula(part, shape):
    n, sides = SHAPES[shape]
    draws = stream(0, "w")
    expected = []
    for _ in range(shape[0]):
        frequency, width = law(part).draw(n, sides, draws)
        phases = 2 * math.pi * draws.random(n)
        expected += [wave_filter(sides, *numbers, 3 / math.sqrt(n)) for numbers in zip(frequency, phases, width, strict=True)]
    np.testing.assert_allclose(law(part, gain=3).weight(shape, stream(0, "w")).flatten(), np.ravel(expected), atol=1e-6)


@pytest.mark.parametrize("part", ["gabor", "sinusoid"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_filter_has_mean_zero_and_the_norm_that_makes_the_variance_gain_squared_over_d(part, shape):
    filters = law(part, gain=3).weight(shape, stream(1, "w")).astype(np.float64).reshape(4, SHAPES[shape][0], -1)
    np.testing.assert_allclose(filters.sum(2), 0, atol=2e-6)
    np.testing.assert_allclose((filters**2).mean(2), 9 / math.prod(shape[1:]), rtol=1e-6)


@pytest.mark.parametrize("part", ["gabor", "sinusoid"])
def test_a_layer_with_one_input_has_weights_of_one_size_and_either_sign(part):
    w = law(part, gain=2).weight((400, 1), stream(0, "w"))
    np.testing.assert_allclose(np.abs(w), 2, rtol=1e-6)
    assert abs((w > 0).mean() - 1 / 2) < 4 * math.sqrt(1 / 4 / 400)


def test_a_sinusoid_repeats_its_second_difference_and_its_frequency_is_uniform():
    """For samples of c + cos(omega x + phase), differences e obey e(x - 1) + e(x + 1) = 2 cos(omega) e(x), at every x."""
    w = law("sinusoid").weight((2000, 12), stream(0, "w")).astype(np.float64)
    e = np.diff(w, axis=1)
    sums, middle = e[:, :-2] + e[:, 2:], e[:, 1:-1]
    twice_cos = (sums * middle).sum(1) / (middle**2).sum(1)
    np.testing.assert_allclose(sums, twice_cos[:, None] * middle, atol=1e-5)
    frequency = np.arccos(np.clip(twice_cos / 2, -1, 1)) / (2 * math.pi)
    assert stats.kstest(frequency, stats.uniform(0, 1 / 2).cdf).statistic < 1.95 / math.sqrt(len(frequency))


def test_gabor_frequencies_orientations_and_widths_are_uniform():
    frequency, width = law("gabor").draw(5000, (12, 8), stream(0, "w"))
    magnitude, angle = np.hypot(*frequency.T), np.arctan2(*frequency.T)
    for drawn, low, high in ((magnitude, 1 / 12, 1 / 2), (angle, -math.pi, math.pi), (width, 2, 4)):
        assert stats.kstest(drawn, stats.uniform(low, high - low).cdf).statistic < 1.95 / math.sqrt(5000)


def test_the_spectrum_of_a_gabor_filter_peaks_at_its_frequency():
    """Up to the standard deviation of a Gaussian envelope's spectrum, 1 / (2 pi width)."""
    side, grid = 24, 96
    w = law("gabor").weight((1, 600, side, side), stream(0, "w"))[0].astype(np.float64)
    frequency, width = law("gabor").draw(600, (side, side), stream(0, "w"))
    power = np.abs(np.fft.fft2(w, (grid, grid))) ** 2
    peak = np.stack(np.unravel_index(power.reshape(600, -1).argmax(1), (grid, grid)), 1) / grid
    away = [peak - sign * frequency for sign in (1, -1)]
    distance = np.min([np.linalg.norm(gap - gap.round(), axis=1) for gap in away], axis=0)
    assert (distance * 2 * math.pi * width).max() < 1


def test_gabor_filters_are_as_local_as_their_envelope_and_sinusoids_are_everywhere():
    """Share of the energy in the middle ninth of a kernel, in the mean over the filters."""
    middle, x = slice(5, 10), np.arange(15) - 7.0
    squared = np.exp(-(x**2) / np.linspace(15 / 6, 15 / 3, 1001)[:, None] ** 2)
    under_envelope = ((squared[:, middle].sum(1) / squared.sum(1)) ** 2).mean()
    for part, share in (("gabor", under_envelope), ("sinusoid", 1 / 9)):
        w = law(part).weight((300, 1, 15, 15), stream(0, "w")).astype(np.float64)
        shares = (w[:, :, middle, middle] ** 2).sum((1, 2, 3))
        assert abs(shares.mean() - share) < 4 * shares.std() / math.sqrt(300)
