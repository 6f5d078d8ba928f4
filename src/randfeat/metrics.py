"""Pure scores: what a network gives and the true answers in, one number out."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

SMALL = 0.01
"""A gain below it in size all but switches its channel off (Frankle, Schwab and Morcos, ICLR 2021)."""

NEAR = 0.04
"""A number is right where it is no further off (Hochreiter and Schmidhuber, "Long short-term memory", 1997, section 5.4)."""


def answered(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The answers that are asked for, one in a line.

    Args:
        outputs: (N, *answers, K), scores of classes or numbers.
        y: what is true: see :class:`randfeat.typing.Examples`.

    Returns:
        (M, K) and their truth: classes (M,), or numbers (M, K).
    """
    if y.is_floating_point():
        return outputs.flatten(0, -2), truth(y)
    return (outputs, y) if y.ndim == 1 else (outputs[y >= 0], truth(y))


def truth(y: Tensor) -> Tensor:
    """The truth of :func:`answered`."""
    if y.is_floating_point():
        return y.flatten(0, -2)
    return y if y.ndim == 1 else y[y >= 0]


def n_answers(y: Tensor) -> int:
    """How many answers are asked for."""
    return len(y) if y.ndim == 1 else y[..., 0].numel() if y.is_floating_point() else int((y >= 0).sum())


def mean_loss(outputs: Tensor, y: Tensor, smoothing: float = 0.0) -> Tensor:
    """Over the answers, the mean of ``-log softmax(outputs)[true class]``, in nats; of numbers, that of the squared error.

    ``smoothing`` is the share of a class's target that is spread evenly over the classes.
    """
    given, true = answered(outputs, y)
    if true.is_floating_point():
        return F.mse_loss(given, true.to(given.dtype))
    return F.cross_entropy(given, true, label_smoothing=smoothing)


def n_right(outputs: Tensor, y: Tensor) -> Tensor:
    """How many answers have their largest score at the true class; of numbers, how many have all within ``NEAR`` of theirs."""
    return _right(outputs, y).sum()


def accuracy(outputs: Tensor, y: Tensor) -> float:
    """The share of the answers that are right, between 0 and 1; see :func:`n_right`."""
    return _right(outputs, y).double().mean().item()


def loss(outputs: Tensor, y: Tensor) -> float:
    """:func:`mean_loss` in float64."""
    return mean_loss(outputs.double(), y).item()


def explained(outputs: Tensor, y: Tensor) -> float:
    """R squared of answers that are numbers: 1 less the squared error over that of the mean answer, all numbers together.

    Not finite where all answers are the same, as a single one is.
    """
    given, true = (each.double() for each in answered(outputs, y))
    return 1 - ((given - true).square().sum() / (true - true.mean(0)).square().sum()).item()


def _right(outputs: Tensor, y: Tensor) -> Tensor:
    given, true = answered(outputs, y)
    return ((given - true).abs() <= NEAR).all(1) if true.is_floating_point() else given.argmax(1) == true


def small_share(gains: Iterable[Tensor]) -> float:
    """The share of the gains of norm layers that are smaller than ``SMALL`` in size, between 0 and 1."""
    return (torch.cat([gain.flatten() for gain in gains]).abs() < SMALL).double().mean().item()
