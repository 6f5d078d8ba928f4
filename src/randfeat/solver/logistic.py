"""The last layer by multinomial logistic regression."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from randfeat.registry import register
from randfeat.solver.convex import AbstractConvex
from randfeat.solver.objective import Loss, Terms

UNSEEN_SCORE = -50.0
"""The intercept of a class without training rows. The others' scores sum to 0, so one of them is never below 0."""


@register("solver", "logistic")
@dataclass(frozen=True, kw_only=True)
class Logistic(AbstractConvex):
    """The head by multinomial logistic regression with a squared-norm penalty.

    Minimises ``sum(cross_entropy(phi @ W + b, y)) + penalty * sum(W**2)``; the intercept b is not penalised and nothing is
    divided by N. That is C = 1 / (2 penalty) in scikit-learn's LogisticRegression. A class without training rows has no
    minimiser: it gets the coefficients 0 and the intercept -50, and is left out of the sum. Several penalties, and
    augmentation: as for ridge.

    Cost: one pass over the features, 2 N P K multiply-adds, for each step of L-BFGS; every 50 of them the second derivatives
    on a sample of 4 P rows, 4 P**3. Features are kept where half the memory that is left holds them; else every pass computes
    them anew, and memory is the same whatever N.

    See: Hastie, Tibshirani and Friedman, "The elements of statistical learning", 2nd ed. (2009), 4.4; Liu and Nocedal,
    Mathematical Programming 45 (1989).
    """

    @property
    def with_intercept(self) -> bool:
        """See :class:`AbstractConvex`."""
        return False

    @property
    def is_coupled(self) -> bool:
        """See :class:`AbstractConvex`."""
        return True

    def loss(self, seen_K: Tensor) -> Loss:
        """See :meth:`AbstractConvex.loss`."""
        unseen_K = torch.where(seen_K, 0.0, -torch.inf)
        return lambda scores_NK, y_N: cross_entropies(scores_NK + unseen_K.to(scores_NK.dtype), y_N)

    def start(self, seen_K: Tensor) -> Tensor:
        """See :meth:`AbstractConvex.start`."""
        return torch.where(seen_K, 0.0, UNSEEN_SCORE).double()


def cross_entropies(scores_NK: Tensor, y_N: Tensor) -> Terms:
    """``-log softmax(scores)[y]``, with slope p - y and the diagonal p (1 - p) of its second derivatives."""
    logs_NK = F.log_softmax(scores_NK, 1)
    p_NK = logs_NK.exp()
    total = -logs_NK.gather(1, y_N[:, None]).sum(dtype=torch.float64)
    return Terms(total, p_NK - F.one_hot(y_N, scores_NK.shape[1]), p_NK * (1 - p_NK))
