"""Pure scores: class scores and true classes in, one number out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def accuracy(scores_NK: Tensor, y_N: Tensor) -> float:
    """The share of rows whose largest score is at the true class, between 0 and 1."""
    return (scores_NK.argmax(1) == y_N).double().mean().item()


def cross_entropy(scores_NK: Tensor, y_N: Tensor) -> float:
    """Mean of ``-log softmax(scores)[true class]``, in nats."""
    return F.cross_entropy(scores_NK.double(), y_N).item()
