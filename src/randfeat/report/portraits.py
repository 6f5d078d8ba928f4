"""Filters beside their spectra and the images that they answer to most, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from randfeat.probe.best_inputs import Portrait

_ACROSS = 6
"""Filters that are shown, the first ones."""


def portrayed(portraits: Sequence[Portrait], title: str) -> Figure:
    """A column for each filter: itself, its spectrum, its best inputs around and within the edges.

    The loudest frequency has a ring, its mirror image too. Grey is zero; black and white are minus and plus the largest
    size, of each panel for itself. The phase of a best input around the edges is an accident, its other features are not.
    """
    from matplotlib.figure import Figure

    shown = portraits[:_ACROSS]
    picture = Figure(figsize=(1.75 * len(shown) + 1.2, 8.2), layout="constrained")
    rows = picture.subplots(4, len(shown), squeeze=False)
    for column, portrait in zip(rows.T, shown, strict=True):
        _grey(column[0], portrait.kernel)
        _spectrum(column[1], portrait)
        _grey(column[2], portrait.circular)
        _grey(column[3], portrait.valid)
        column[0].set_title(_loudest(portrait), fontsize=8)
    side, n = len(shown[0].kernel), len(shown[0].circular)
    words = (
        f"filter, {side}x{side}\npixels",
        f"|Fourier transform|,\nzero-padded to {n}x{n}\ncycles per pixel",
        f"best input, {n}x{n},\naround the edges\npixels",
        f"best input, {n}x{n},\nwithin the edges\npixels",
    )
    for own, text in zip(rows, words, strict=True):
        own[0].set_ylabel(text, fontsize=9)
    count = f"the first {len(shown)} of {len(portraits)} filters" if len(shown) < len(portraits) else f"{len(shown)} filters"
    picture.suptitle(f"{title}: {count}, n = {n}", fontsize=10)
    return picture


def _loudest(portrait: Portrait) -> str:
    if portrait.wave is None:
        return "loudest at one phase\nor at several: left out"
    n = len(portrait.circular)
    v, h = (signed(k, n) for k in portrait.wave)
    return f"loudest at ±({v}, {h})\ncycles per {n} pixels"


def signed(k: int, n: int) -> int:
    """The frequency k of n as a number from -n/2 up to, but not, n/2."""
    return (k + n // 2) % n - n // 2


def _grey(ax: Axes, image: np.ndarray) -> None:
    largest = np.abs(image).max()
    ax.imshow(image, cmap="gray", vmin=-largest, vmax=largest)
    ticks = range(0, len(image), 1 if len(image) < 10 else 5)
    ax.set_xticks(ticks)
    ax.set_yticks(ticks)
    ax.tick_params(labelsize=6)


def _spectrum(ax: Axes, portrait: Portrait) -> None:
    n = len(portrait.amplitude)
    low, high = (-(n // 2) - 0.5) / n, ((n - 1) // 2 + 0.5) / n
    ax.imshow(np.fft.fftshift(portrait.amplitude), cmap="viridis", vmin=0, extent=(low, high, high, low))
    if portrait.wave is not None:
        for sign in (1, -1):
            v, h = (signed(sign * k, n) / n for k in portrait.wave)
            ax.plot(h, v, "o", markersize=7, markerfacecolor="none", markeredgecolor="red")
    ax.tick_params(labelsize=6)
