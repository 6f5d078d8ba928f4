"""Filters that are waves: sinusoids, and Gabor filters, which are sinusoids under a Gaussian envelope."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from randfeat.init.base import AbstractInit
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


@dataclass(frozen=True, kw_only=True)
class AbstractWaves(AbstractInit):
    """A law whose filters are waves of random frequency and phase, one for each pair of an output and an input channel.

    At the pixel x, counted from the kernel's centre, a filter is proportional to

        exp(-|x|**2 / (2 width**2)) * (cos(2 pi <frequency, x> + phase) - c)

    with the phase uniform on a circle and c such that it sums to zero; its norm is gain / sqrt(inputs). The mean over its
    entries is thus exactly 0 and their variance exactly gain**2 / d, d the fan-in.

    A row of a linear layer is taken for a signal: it is one wave over the inputs in their order, of norm gain; likewise over
    the channels of a 1x1 convolution. Where d is 1 the weight is +-gain. Computed in float64.

    Settings common to these laws:
        gain: norm of an output's filters together.
    """

    gain: float = setting(1.0, gt=0)

    @abstractmethod
    def draw(self, n: int, sides: tuple[int, ...], stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies in cycles per pixel, (n, dimensions), and widths of the envelopes in pixels, (n,)."""

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        kernel = tuple(side for side in shape[2:] if side > 1)
        n, sides = (shape[1], kernel) if kernel else (1, shape[1:2])
        axes = [np.arange(side) - (side - 1) / 2 for side in sides]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"))
        weight = np.empty((shape[0], n, *sides), np.float32)
        for filters in weight:
            filters[...] = self._filters(n, grid, stream) * (self.gain / math.sqrt(n))
        return weight.reshape(shape)

    def _filters(self, n: int, grid: np.ndarray, stream: Stream) -> np.ndarray:
        """So many filters of norm 1 on the grid (dimensions, *sides)."""
        each, pixels = (n, *[1] * len(grid)), tuple(range(1, grid.ndim))
        frequency, width = self.draw(n, grid.shape[1:], stream)
        phase = 2 * math.pi * stream.random(each)
        wave = np.cos(2 * math.pi * np.einsum("nd,d...->n...", frequency, grid) + phase)
        envelope = np.exp(-(grid**2).sum(0) / (2 * width.reshape(each) ** 2))
        if grid[0].size > 1:
            wave -= (envelope * wave).sum(pixels, keepdims=True) / envelope.sum(pixels, keepdims=True)
        filters = envelope * wave
        normed: np.ndarray = filters / np.sqrt((filters**2).sum(pixels, keepdims=True))
        return normed


@register("init", "sinusoid")
@dataclass(frozen=True, kw_only=True)
class Sinusoid(AbstractWaves):
    """Sinusoids of random frequency and phase as filters: mean 0, norm fixed so that the variance is gain**2 / d.

    The frequency is uniform on the square of all frequencies, half a cycle per pixel and below. Sinusoids are what a unit
    that convolves, squares and pools responds to most.

    See: :class:`AbstractWaves` for the formula, and for linear layers, whose rows are signals; Saxe et al., "On random
    weights and unsupervised feature learning", ICML 2011, theorem 2.1.
    """

    def draw(self, n: int, sides: tuple[int, ...], stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`AbstractWaves.draw`."""
        return stream.random((n, len(sides))) - 0.5, np.full(n, np.inf)


@register("init", "gabor")
@dataclass(frozen=True, kw_only=True)
class Gabor(AbstractWaves):
    """Gabor filters of random frequency, orientation, phase and envelope: mean 0, variance gain**2 / d over the entries.

    With s the kernel's longest side: the frequency's magnitude is uniform from one cycle per s pixels to one per two, its
    orientation uniform, and the width (standard deviation) of the round Gaussian envelope uniform on [s / 6, s / 3].

    See: :class:`AbstractWaves` for the formula, and for linear layers, whose rows are signals; Daugman, "Uncertainty
    relation for resolution in space, spatial frequency, and orientation", Journal of the Optical Society of America A 2
    (1985).
    """

    def draw(self, n: int, sides: tuple[int, ...], stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`AbstractWaves.draw`."""
        longest = max(sides)
        magnitude = 1 / longest + (1 / 2 - 1 / longest) * stream.random((n, 1))
        direction = stream.standard_normal((n, len(sides)))
        width = longest * (1 + stream.random(n)) / 6
        return magnitude * direction / np.sqrt((direction**2).sum(1, keepdims=True)), width
