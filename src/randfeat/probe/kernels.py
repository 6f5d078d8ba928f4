"""One large random filter against a chain of small ones that sees as much: 15x15 against seven 3x3."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from randfeat.probe.spectrum import mean_frequency, radial
from randfeat.probe.walk import Readings, named

SIZE = 15
MAPS = 32
"""Filters on either side, and maps between the layers of the chain."""

UNITS = ["one_15x15", "seven_3x3"]

Draw = Callable[[str, tuple[int, ...]], Tensor]
"""Name and shape of a weight -> its numbers, by the law in question."""


def kernels(draw: Draw) -> Readings:
    """Kernels of a 15x15 layer (``one_15x15``) and of a chain of seven 3x3 layers without anything between (``seven_3x3``).

    Both see one channel. ``kernel_power@f`` and ``kernel_frequency``: as for feature maps. ``kernel_peak``: the mean
    over kernels of the largest share of a kernel's power at one frequency, its mirror image with it. ``kernel_radius``: the
    root mean square distance from the centre, in pixels, weighted by the squared entries of all kernels together.

    For independent entries of mean zero the expected spectrum is flat for both, and the expected squared entries are a
    square of 15x15 for the one and the seven-fold convolution of a 3x3 square for the other: radii of sqrt(112/3) = 6.11
    and sqrt(28/3) = 3.06 pixels.

    See: Simonyan and Zisserman, ICLR 2015, section 2.3 (small filters in a chain); Luo et al., "Understanding the
    effective receptive field", NeurIPS 2016.
    """
    one = draw("one", (MAPS, 1, SIZE, SIZE))
    chain = [draw(f"chain{k}", (MAPS, MAPS if k else 1, 3, 3)) for k in range(SIZE // 2)]
    large, small = UNITS
    return named(large, _measured(one)) | named(small, _measured(composed(chain)))


def composed(filters: list[Tensor]) -> Tensor:
    """The filter bank (last outputs, first inputs, k, k) that layers without anything between amount to, stride 1.

    k is 1 plus the sum of (side - 1). Computed as a product of matrices at every frequency, in float64: with k x k
    frequencies nothing wraps around.
    """
    size = 1 + sum(bank.shape[-1] - 1 for bank in filters)
    first, *others = (torch.fft.fft2(bank.double(), s=(size, size)).permute(2, 3, 0, 1) for bank in filters)
    product = functools.reduce(lambda below, above: above @ below, others, first)
    kernels: Tensor = torch.fft.ifft2(product.permute(2, 3, 0, 1)).real
    return kernels


def _measured(bank: Tensor) -> dict[str, float]:
    wide = bank.double().flatten(0, 1)
    powers = torch.fft.fft2(wide).abs().square()
    mean = powers.mean(0)
    rings = {f"kernel_{name}": value for name, value in radial(mean).items()}
    return {**rings, "kernel_frequency": mean_frequency(mean), "kernel_peak": _peak(powers), "kernel_radius": radius(wide)}


def _peak(powers: Tensor) -> float:
    """A real kernel of odd side has every frequency twice, but for zero."""
    pairs = 2 * powers
    pairs[:, 0, 0] /= 2
    return float((pairs.amax((1, 2)) / powers.sum((1, 2))).mean())


def radius(kernels: Tensor) -> float:
    """``sqrt(sum r**2 k**2 / sum k**2)`` over all entries of all kernels (n, side, side), r from their centre, in pixels."""
    places = torch.arange(kernels.shape[-1], dtype=kernels.dtype) - (kernels.shape[-1] - 1) / 2
    squares = kernels.square().sum(0)
    distances = places[:, None].square() + places.square()
    return float(((distances * squares).sum() / squares.sum()).sqrt())
