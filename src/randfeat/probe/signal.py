"""What a random network does to a signal: moments of every unit's output, units that are dead, inputs that come closer."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from randfeat.network import Network
from randfeat.probe.walk import Readings, named, walk
from randfeat.typing import Weights


@torch.no_grad()
def signal(net: Network, weights: Weights, x: Tensor) -> Readings:
    """Moments, ``growth``, ``dead``, ``constant`` and ``cosine`` of the rows and of every unit's output for them.

    ``growth`` is the second moment over that of the rows: 1 where a law keeps the signal.

    Cost: one forward pass; reductions in float64.
    See: Glorot and Bengio, AISTATS 2010; He et al., ICCV 2015; Poole et al., NeurIPS 2016 (for the cosine).
    """
    readings: Readings = {}
    start = float(x.double().square().mean())
    for unit, z in walk(net, weights, x):
        own = moments(z)
        growth = own["moment"] / start if start else math.nan
        dead = {"dead": dead_share(z), "constant": constant_share(z)}
        readings |= named(unit, {**own, "growth": growth, **dead, "cosine": cosine(z)})
    return readings


def moments(z: Tensor) -> dict[str, float]:
    """``mean``, ``variance`` and ``moment`` (the second one, mean of squares) over all rows and entries."""
    wide = z.double()
    mean = wide.mean()
    return {"mean": float(mean), "variance": float((wide - mean).square().mean()), "moment": float(wide.square().mean())}


def dead_share(z: Tensor) -> float:
    """The share of the numbers in an output that are zero for every row."""
    return float((z == 0).all(0).double().mean())


def constant_share(z: Tensor) -> float:
    """The share of the numbers in an output that are the same for every row, zero or not."""
    return float((z == z[:1]).all(0).double().mean())


def cosine(z: Tensor) -> float:
    """Mean over all pairs of rows of ``<z_i, z_j> / (|z_i| |z_j|)``; rows that are zero are left out, nan below two others.

    From ``|sum_i u_i|**2 = n + sum_{i != j} <u_i, u_j>`` for the directions u, without the N x N matrix.
    """
    flat = z.flatten(1).double()
    norms = flat.norm(dim=1)
    flat, norms = flat[norms > 0], norms[norms > 0]
    n = len(flat)
    if n < 2:
        return math.nan
    return float(((flat / norms[:, None]).sum(0).square().sum() - n) / (n * (n - 1)))
