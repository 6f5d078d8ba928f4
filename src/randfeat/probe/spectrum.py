"""Fourier power of feature maps, averaged over directions: how fine the patterns are that a random network makes."""

from __future__ import annotations

import torch
from torch import Tensor

from randfeat.network import HEAD, Network
from randfeat.probe.walk import Readings, named, walk
from randfeat.typing import Weights

PER_CYCLE = 16
"""Rings of the spectrum lie 1/16 cycles per pixel apart."""


@torch.no_grad()
def spectrum(net: Network, weights: Weights, x: Tensor) -> Readings:
    """``power@f`` and ``frequency`` of the images and of every unit's maps; units without maps of 2x2 or more have none.

    An output of shape (N, C, H, W) is taken for C maps of H x W pixels; where a network answers at every pixel, its last unit
    and its head give (N, H, W, C). Cost: one forward pass and a Fourier transform.
    """
    readings: Readings = {}
    by_place = (*net.unit_names[-1:], HEAD)
    for unit, output in walk(net, weights, x):
        z = output.movedim(-1, 1) if unit in by_place else output
        if z.ndim == 4 and min(z.shape[2:]) > 1:
            power = torch.fft.fft2(z.double()).abs().square().flatten(0, -3).mean(0)
            readings |= named(unit, {**radial(power), "frequency": mean_frequency(power)})
    return readings


def frequencies(power: Tensor) -> Tensor:
    """The length of the frequency, in cycles per pixel, at every entry of a Fourier transform (H, W)."""
    vertical, horizontal = (torch.fft.fftfreq(n, dtype=torch.float64, device=power.device) for n in power.shape)
    return torch.hypot(vertical[:, None], horizontal)


def radial(power: Tensor) -> dict[str, float]:
    """``power@f``: the mean power over the ring of frequencies nearest to f = k/16 cycles per pixel.

    Divided by the mean over all frequencies but zero, so that white noise has 1 everywhere. Rings without a frequency are
    left out; f = 0 is the mean of the map alone where the map has fewer than 32 pixels on a side.

    Args:
        power: squared amplitudes (H, W), in the order of a Fourier transform.
    """
    ring = (PER_CYCLE * frequencies(power)).round().long().flatten()
    level = power.flatten()[1:].mean()
    sums = torch.bincount(ring, power.flatten())
    counts = torch.bincount(ring)
    means = (sums / counts / level).tolist()
    return {f"power@{k / PER_CYCLE:g}": mean for k, mean in enumerate(means) if counts[k]}


def mean_frequency(power: Tensor) -> float:
    """The mean length of the frequency, weighted by power and without zero; in cycles per pixel, nan without power."""
    f = frequencies(power)
    return float((f * power).sum() / power.flatten()[1:].sum())
