"""A convex loss over the rows plus a squared-norm penalty: its value, its gradient, and how far it is from its minimum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from randfeat.solver.rows import Rows


class Terms(NamedTuple):
    """A loss at some scores: its sum over rows and classes in float64, and both derivatives by each score (N, K)."""

    total: Tensor
    slope_NK: Tensor
    curvature_NK: Tensor


Loss = Callable[[Tensor, Tensor], Terms]
"""(scores (N, K), classes (N,)) -> the loss; convex in the scores."""


@dataclass(frozen=True)
class Point:
    """An objective where ``w_QK`` are its coefficients, Q = P + 1 with the intercept last.

    Attributes:
        w_QK: float64, as are all others.
        value: of the objective.
        slope_QK: its gradient.
        curvature_K: second derivatives by the scores, summed over the rows.
        gap: the share of ``value`` by which the minimum may lie below it.
    """

    w_QK: Tensor
    value: float
    slope_QK: Tensor
    curvature_K: Tensor
    gap: float


@dataclass(frozen=True)
class Objective:
    """``sum of losses + penalty * sum(w**2)``.

    Attributes:
        rows: features and classes.
        loss: over scores.
        penalty: > 0.
        with_intercept: the intercept counts in the penalty.
        is_coupled: the loss at the score of a class depends on the scores of the others.

    Products of features are in their own precision, sums of the loss and all else in float64.
    """

    rows: Rows
    loss: Loss
    penalty: float
    with_intercept: bool
    is_coupled: bool

    def penalties_Q(self, like: Tensor) -> Tensor:
        """The penalty of each coefficient; 0 for an intercept that is free."""
        penalties_Q = torch.full(like.shape[:1], self.penalty, dtype=torch.float64, device=like.device)
        penalties_Q[-1] *= self.with_intercept
        return penalties_Q

    def __call__(self, w_QK: Tensor) -> Point:
        """One pass over the rows, 2 N P K multiply-adds."""
        value, slope_QK, curvature_K = w_QK.new_zeros(()), torch.zeros_like(w_QK), w_QK.new_zeros(w_QK.shape[1])
        for phi_NP, y_N in self.rows:
            terms = self.loss(scores(phi_NP, w_QK), y_N)
            value += terms.total
            slope_QK[:-1] += (terms.slope_NK.T @ phi_NP).T
            slope_QK[-1] += terms.slope_NK.sum(0, dtype=torch.float64)
            curvature_K += terms.curvature_NK.sum(0, dtype=torch.float64)
        penalised_QK = self.penalties_Q(w_QK)[:, None] * w_QK
        value += (penalised_QK * w_QK).sum()
        slope_QK += 2 * penalised_QK
        above = self._above(slope_QK, curvature_K)
        return Point(w_QK, value.item(), slope_QK, curvature_K, (above / value.clamp_min(torch.finfo(value.dtype).tiny)).item())

    def _above(self, slope_QK: Tensor, curvature_K: Tensor) -> Tensor:
        """A bound on value - minimum: with curvature >= 2 penalty in every direction, it is |slope|**2 / (4 penalty).

        A free intercept has no such bound; it counts as what a Newton step on it alone would gain.
        """
        if self.with_intercept:
            return (slope_QK**2).sum() / (4 * self.penalty)
        newton = (slope_QK[-1] ** 2 / curvature_K.clamp_min(torch.finfo(curvature_K.dtype).tiny)).sum() / 2
        return (slope_QK[:-1] ** 2).sum() / (4 * self.penalty) + newton


def scores(phi_NP: Tensor, w_QK: Tensor) -> Tensor:
    """Scores (N, K) in the features' precision; both products with features have few rows, not few columns: 2-3x faster."""
    w_KQ = w_QK.T.to(phi_NP.dtype).contiguous()
    return torch.addmm(w_KQ[:, -1:], w_KQ[:, :-1], phi_NP.T).T
