"""Pure scores: class scores and true classes in, one number out."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

SMALL = 0.01
"""A gain below it in size all but switches its channel off (Frankle, Schwab and Morcos, ICLR 2021)."""


def accuracy(scores_NK: Tensor, y_N: Tensor) -> float:
    """The share of rows whose largest score is at the true class, between 0 and 1."""
    return (scores_NK.argmax(1) == y_N).double().mean().item()


def cross_entropy(scores_NK: Tensor, y_N: Tensor) -> float:
    """Mean of ``-log softmax(scores)[true class]``, in nats."""
    return F.cross_entropy(scores_NK.double(), y_N).item()


def small_share(gains: Iterable[Tensor]) -> float:
    """The share of the gains of norm layers that are smaller than ``SMALL`` in size, between 0 and 1."""
    return (torch.cat([gain.flatten() for gain in gains]).abs() < SMALL).double().mean().item()
