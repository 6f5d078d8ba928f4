"""The image that a filter, squared and summed over all places, answers to most: found numerically, held against a sinusoid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, eigsh

from randfeat.probe.kernels import Draw
from randfeat.probe.walk import Readings, named
from randfeat.seeds import stream

SIZES = {4: (20, 40), 6: (10, 14, 20, 28, 40, 56, 80), 8: (20, 40), 12: (20, 40), 16: (20, 40)}
"""Side of a filter -> sides of the images."""

FILTERS = 8
"""Filters of each side."""


def _unit(side: int, n: int) -> str:
    return f"{side}x{side}_on_{n}x{n}"


BEST_UNITS = [_unit(side, n) for side, images in SIZES.items() for n in images]

_TIE = 1e-6
"""Two frequencies whose powers differ by a smaller share are equally loud."""

_LEFT_OUT = "best_left_out"
_OVER_FILTERS: dict[str, Callable[[list[float]], float]] = {
    "best_energy": min,
    "best_ratio": min,
    "best_spread": max,
    "valid_response": fmean,
    "valid_wave": fmean,
    "valid_gap": fmean,
    "valid_lost": fmean,
    "valid_bound": max,
    "valid_border": max,
}


@dataclass(frozen=True)
class Portrait:
    """A filter and what it answers to most; arrays of float64.

    Attributes:
        kernel: the filter, (side, side).
        amplitude: of its Fourier transform, zero-padded to n x n, in the order of a Fourier transform.
        circular: the best input of norm 1, (n, n), where the filter goes around the edges.
        valid: the same where it stays within them.
        wave: the loudest frequency in cycles per image; none where the theorem leaves the filter out.
    """

    kernel: np.ndarray
    amplitude: np.ndarray
    circular: np.ndarray
    valid: np.ndarray
    wave: tuple[int, int] | None


def best_inputs(draw: Draw) -> Readings:
    """Whether images of norm 1 with the largest sum of squared responses are sinusoids, for filters k x k and images n x n.

    The sum over all places is ``|A x|**2``, A the matrix with the filter at every place in a row. Its maximum over images of
    norm 1 is the top eigenvalue of ``A' A``, found by Lanczos iteration, which knows nothing of frequencies. The sinusoid is
    ``sqrt(2)/n cos(2 pi (m v + s h)/n + phase)``, (v, h) where the amplitude of the filter's Fourier transform, zero-padded
    to n x n, is largest. In float64; |f| is the filter's norm, a place one position of the filter.

    ``best_left_out``: share of the filters of this side of which the theorem does not speak, for some n at least: the largest
    amplitude is at a frequency of one phase (zero, or half a cycle per pixel), or at several pairs. The others are of the
    filters left; nan where none is.

    Around the edges: ``best_energy``, least share of the best input's power at +-(v, h); ``best_ratio``, least response of
    the sinusoid over the eigenvalue; ``best_spread``, largest (most - least) / most of the sinusoid's over all phases.

    Within the edges: ``valid_response``, ``valid_wave`` and ``valid_gap``, means of the eigenvalue, of the response of the
    sinusoid at its best phase, and of their difference, all over |f|**2; ``valid_lost``, mean of the difference over the
    eigenvalue; ``valid_bound``, largest difference over K/n, K = 4 k**3 |f|**2; ``valid_border``, largest difference over the
    loudest power times the share of places that the edges take. No difference exceeds that: no image has more than the
    loudest power, and the mean over phases of what a sinusoid has is that power times the share of places left.

    Cost: 8 filters of 15 combinations of k and n, 16 Lanczos iterations each; 2 s, most of it at n = 80.
    See: Saxe et al., "On random weights and unsupervised feature learning", ICML 2011, theorems 2.1 and 2.2.
    """
    readings: Readings = {}
    for side, images in SIZES.items():
        kernels = _drawn(draw, side)
        spoken_of = [kernel for kernel in kernels if all(wave_of(kernel, n) for n in images)]
        left_out = {_LEFT_OUT: 1 - len(spoken_of) / len(kernels)}
        for n in images:
            found = [measured(kernel, n) for kernel in spoken_of]
            readings |= named(_unit(side, n), left_out | _over_filters(found))
    return readings


def portraits(draw: Draw, side: int = 6, n: int = 20) -> list[Portrait]:
    """The same filters one by one, but for those that are zero or not finite; the defaults are those of figure 2."""
    return [_portrait(kernel, n) for kernel in _drawn(draw, side) if kernel.any() and np.isfinite(kernel).all()]


def measured(kernel: np.ndarray, n: int) -> dict[str, float]:
    """All but ``best_left_out`` for one filter, of which the theorem speaks at this n."""
    v, h = np.array(wave_of(kernel, n))
    around, within = placed(kernel, n, circular=True), placed(kernel, n, circular=False)
    eigenvalue, image = best_input(around)
    least, most = over_phases(around, n, v, h)
    power = np.abs(np.fft.fft2(image)) ** 2
    valid, _ = best_input(within)
    wave = over_phases(within, n, v, h)[1]
    side, square = len(kernel), float((kernel**2).sum())
    border = np.abs(np.fft.fft2(kernel, (n, n)))[v, h] ** 2 * (1 - within.shape[0] / n**2)
    return {
        "best_energy": float((power[v, h] + power[-v, -h]) / power.sum()),
        "best_ratio": least / eigenvalue,
        "best_spread": (most - least) / most,
        "valid_response": valid / square,
        "valid_wave": wave / square,
        "valid_gap": (valid - wave) / square,
        "valid_lost": (valid - wave) / valid,
        "valid_bound": (valid - wave) * n / (4 * side**3 * square),
        "valid_border": (valid - wave) / border,
    }


def wave_of(kernel: np.ndarray, n: int) -> tuple[int, int] | None:
    """The loudest frequency of a filter zero-padded to n x n, in cycles per image; none unless it is one pair +-(v, h)."""
    if not np.isfinite(kernel).all():
        return None
    power = np.abs(np.fft.fft2(kernel, (n, n))) ** 2
    loud = np.argwhere(power > (1 - _TIE) * power.max())
    if len(loud) != 2 or (loud.sum(0) % n).any():
        return None
    return int(loud[0, 0]), int(loud[0, 1])


def placed(kernel: np.ndarray, n: int, *, circular: bool) -> csr_array:
    """(places, n * n): the filter at every place of an n x n image, around its edges or within them alone."""
    side = len(kernel)
    last = n if circular else n - side + 1
    top, left, i, j = np.ogrid[:last, :last, :side, :side]
    pixels = (top + i) % n * n + (left + j) % n
    starts = np.arange(0, pixels.size + 1, side**2)
    return csr_array((np.tile(kernel.ravel(), last**2), pixels.ravel(), starts), shape=(last**2, n**2))


def best_input(matrix: csr_array) -> tuple[float, np.ndarray]:
    """The largest ``|A x|**2`` over images x of norm 1, and an image (n, n) that has it; where several do, one of them."""
    transposed, pixels = matrix.T.tocsr(), matrix.shape[1]
    square = LinearOperator((pixels, pixels), matvec=lambda x: transposed @ (matrix @ x), dtype=np.float64)
    start = stream(0, "probe", "best_inputs").standard_normal(pixels)
    values, vectors = eigsh(square, k=1, which="LA", v0=start)
    n = math.isqrt(pixels)
    return float(values[0]), vectors[:, 0].reshape(n, n)


def over_phases(matrix: csr_array, n: int, v: int, h: int) -> tuple[float, float]:
    """The least and the largest ``|A x|**2`` of the sinusoids of this frequency, over all phases.

    A sinusoid is ``cos(phase) C - sin(phase) S``, so that these are the eigenvalues of a 2 x 2 matrix.
    """
    row, column = np.ogrid[:n, :n]
    angle = 2 * math.pi * (row * v + column * h).ravel() / n
    responses = matrix @ (math.sqrt(2) / n * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    least, most = np.linalg.eigvalsh(responses.T @ responses)
    return float(least), float(most)


def _over_filters(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: rule([each[name] for each in found]) if found else math.nan for name, rule in _OVER_FILTERS.items()}


def _drawn(draw: Draw, side: int) -> np.ndarray:
    bank: np.ndarray = draw(f"best_inputs{side}", (FILTERS, 1, side, side))[:, 0].double().numpy()
    return bank


def _portrait(kernel: np.ndarray, n: int) -> Portrait:
    circular, valid = (best_input(placed(kernel, n, circular=around))[1] for around in (True, False))
    return Portrait(kernel, np.abs(np.fft.fft2(kernel, (n, n))), circular, valid, wave_of(kernel, n))
