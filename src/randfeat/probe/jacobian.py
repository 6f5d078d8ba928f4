"""The Jacobian of the scores: moments of its entries and its singular values, with respect to the input and every unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.func import vjp

from randfeat.model import fresh_buffers
from randfeat.network import INPUT, Network
from randfeat.probe.walk import Readings, named, units, walk
from randfeat.typing import Weights

ROWS = 16
"""Jacobians are computed at so many of the rows."""
OUTPUTS = 100
"""Of networks with more classes only the first so many scores are looked at."""
NUMBERS = 2**24
"""Entries of Jacobians held at once, or those of one row where they are more."""


def jacobian(net: Network, weights: Weights, x: Tensor) -> Readings:
    """Of ``J = d scores / d output of a unit``, for ``input`` d scores / d x, at the first ``ROWS`` rows.

    ``jacobian_square`` and ``jacobian_fourth``: the mean over rows and entries of J**2 and J**4. ``singular_square``: the
    mean over rows and singular values s of s**2; ``singular_largest`` and ``singular_smallest``: the mean over rows of a
    row's largest and smallest, of as many as J's shorter side has; ``condition``: the median over rows of their ratio.

    Norm layers keep the statistics of all the rows, so that the scores of a row depend on no other row.

    Cost: a forward and a backward pass of min(K, ``OUTPUTS``) times ``ROWS`` rows; singular values in float64.
    See: Hanin, NeurIPS 2018; Pennington, Schoenholz and Ganguli, NeurIPS 2017.
    """
    buffers = fresh_buffers(net, x.device, x.dtype)
    with torch.no_grad():
        shapes = [z[0].shape for _, z in walk(net, weights, x, buffers)]
    n_outputs = min(shapes[-1].numel(), OUTPUTS)
    widest = max(shape.numel() for shape in shapes)
    found: dict[str, list[Tensor]] = {}
    for rows in torch.split(x[:ROWS], max(1, NUMBERS // (n_outputs * widest))):
        for unit, J_NKP in jacobians(net, weights, rows, buffers, n_outputs):
            found.setdefault(unit, []).append(_by_row(J_NKP))
    readings: Readings = {}
    for unit, blocks in found.items():
        readings |= named(unit, _over_rows(torch.cat(blocks)))
    return readings


def jacobians(net: Network, weights: Weights, x: Tensor, buffers: Weights, n_outputs: int) -> Iterator[tuple[str, Tensor]]:
    """(unit, J) from the head back to ``input``, J of shape (N, ``n_outputs``, numbers in the unit's output).

    Every row is repeated once for each score, so that one pass backwards, unit by unit, carries all of them.
    """
    net.eval()
    z, above = x.repeat_interleave(n_outputs, 0), INPUT
    pulls: dict[str, Callable[[Tensor], tuple[Tensor]]] = {}
    for name, unit in units(net, weights, buffers).items():
        z, pulls[above] = vjp(unit, z)  # type: ignore[misc]  # no third value without has_aux
        above = name
    J = torch.eye(n_outputs, z[0].numel(), dtype=z.dtype, device=z.device).repeat(len(x), 1).view_as(z)
    yield above, J.view(len(x), n_outputs, -1)
    for name, pull in reversed(pulls.items()):
        (J,) = pull(J)
        yield name, J.reshape(len(x), n_outputs, -1)


def _by_row(J_NKP: Tensor) -> Tensor:
    """What :func:`jacobian` averages, a line for each row."""
    wide = J_NKP.detach().double()
    if not bool(wide.isfinite().all()):
        return torch.full((len(wide), 6), math.nan)
    s = torch.linalg.svdvals(wide)
    square, fourth = wide.square().mean((1, 2)), wide.pow(4).mean((1, 2))
    return torch.stack([square, fourth, s.square().mean(1), s[:, 0], s[:, -1], s[:, 0] / s[:, -1]], 1).cpu()


def _over_rows(numbers: Tensor) -> dict[str, float]:
    means = numbers.mean(0).tolist()
    names = ("jacobian_square", "jacobian_fourth", "singular_square", "singular_largest", "singular_smallest")
    return {**dict(zip(names, means, strict=False)), "condition": float(numbers[:, 5].median())}
