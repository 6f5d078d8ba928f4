"""How large the gradient of the untrained network's loss is, at every unit's weights and at its output."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from randfeat.metrics import mean_loss
from randfeat.network import Network, unit_of
from randfeat.probe.walk import Readings, named, walk
from randfeat.typing import Weights

SMALLEST, LARGEST = -12, 2
"""The decades of the histogram: below 10**SMALLEST and from 10**LARGEST on there is one bin each."""


class Gradients(NamedTuple):
    """Of the mean cross-entropy: by tensor, and by unit with respect to its output."""

    weights: Weights
    outputs: dict[str, Tensor]


def gradients(net: Network, weights: Weights, x: Tensor, y_N: Tensor) -> Gradients:
    """The gradient of the mean cross-entropy of the scores, through the statistics of norm layers too.

    Cost: one step of training on the rows, in time and in memory.
    """
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in weights.items()}
    outputs = dict(walk(net, leaves, x.detach().requires_grad_()))
    scores_NK = next(reversed(outputs.values()))
    wanted = [*leaves.values(), *outputs.values()]
    found = torch.autograd.grad(mean_loss(scores_NK, y_N), wanted, materialize_grads=True)
    of_weights, of_outputs = found[: len(leaves)], found[len(leaves) :]
    return Gradients(dict(zip(leaves, of_weights, strict=True)), dict(zip(outputs, of_outputs, strict=True)))


def gradient_norms(net: Network, weights: Weights, x: Tensor, y_N: Tensor) -> Readings:
    """``weight_gradient`` of every unit that has weights, and ``output_gradient`` of the rows and of every unit.

    ``weight_gradient``: the Euclidean norm over all of a unit's tensors. ``output_gradient``: sqrt(N) times the norm with
    respect to the N outputs; where rows do not mix, this is the root mean square over the rows of the norm of the gradient
    of a row's own loss, so that it does not depend on N.

    See: Glorot and Bengio, AISTATS 2010, section 4.
    """
    found = gradients(net, weights, x, y_N)
    readings: Readings = {}
    for unit, gradient in found.outputs.items():
        own = [g for name, g in found.weights.items() if unit_of(name) == unit]
        norms = {"output_gradient": math.sqrt(len(x)) * _norm([gradient])}
        readings |= named(unit, {**({"weight_gradient": _norm(own)} if own else {}), **norms})
    return readings


def gradient_histogram(net: Network, weights: Weights, x: Tensor, y_N: Tensor) -> Readings:
    """``histogram@k``: how many entries of a unit's weight gradient have 10**k <= |g| < 10**(k+1).

    The first bin holds all that are smaller than 1e-12, zeros among them, and the last all from 100 on.
    """
    found = gradients(net, weights, x, y_N)
    readings: Readings = {}
    for unit in dict.fromkeys(map(unit_of, found.weights)):
        entries = torch.cat([g.flatten() for name, g in found.weights.items() if unit_of(name) == unit])
        readings |= named(unit, {f"histogram@{k}": count for k, count in decades(entries).items()})
    return readings


def decades(entries: Tensor) -> dict[int, float]:
    """Decade -> how many entries have 10**decade <= |entry| < 10**(decade + 1); nan is in none."""
    edges = torch.tensor([10.0**k for k in range(SMALLEST, LARGEST + 1)], dtype=torch.float64)
    sizes = entries.detach().double().abs().cpu()
    counts = torch.bincount(torch.bucketize(sizes[~sizes.isnan()], edges, right=True), minlength=len(edges) + 1)
    return {k: float(count) for k, count in zip(range(SMALLEST - 1, LARGEST + 1), counts, strict=True)}


def _norm(tensors: list[Tensor]) -> float:
    return math.sqrt(sum(float(tensor.double().square().sum()) for tensor in tensors))
