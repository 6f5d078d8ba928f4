"""The last layer by linear support vector machines, one class against the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from randfeat.registry import register
from randfeat.solver.base import Problem
from randfeat.solver.convex import AbstractConvex
from randfeat.solver.descent import Descent
from randfeat.solver.liblinear import minimise_by_liblinear
from randfeat.solver.objective import Loss, Objective, Terms


@register("solver", "svm")
@dataclass(frozen=True, kw_only=True)
class Svm(AbstractConvex):
    """The head by linear support vector machines with squared hinge loss, one class against the rest.

    Minimises ``sum(max(0, 1 - t * (phi @ w + b))**2) + penalty * (sum(w**2) + b**2)`` for each class, t = 1 in its rows and -1
    in all others; the intercept is penalised, nothing is divided by N. That is liblinear's problem, ``sum(w**2) / 2 + C *
    sum(hinge**2)`` with a constant feature 1, at C = 1 / (2 penalty). A class without training rows has a minimiser like any
    other. Several penalties, and augmentation: as for ridge.

    Settings:
        method: ``lbfgs`` on the device, in passes over blocks of rows; ``liblinear``, scikit-learn's LinearSVC on the CPU,
            which needs all features in float64, takes ``tolerance`` and ``iterations`` in a sense of its own and
            warns in the run's reason where they did not do. Where a class has no rows, ``lbfgs`` is used.

    Cost of ``lbfgs``: one pass over the features, 2 N P K multiply-adds, for each step; every 15 of them the second
    derivatives on a sample of 4 P rows, 4 P**3 for each class while all of them have up to 2**25 numbers, else once for all
    classes. Features are kept where half the memory that is left holds them; else every pass computes them anew, and memory is
    the same whatever N.

    See: Fan, Chang, Hsieh, Wang and Lin, "LIBLINEAR", JMLR 9 (2008); Saxe et al., "On random weights and unsupervised feature
    learning", ICML 2011.
    """

    method: Literal["lbfgs", "liblinear"] = "lbfgs"

    @property
    def with_intercept(self) -> bool:
        """See :class:`AbstractConvex`."""
        return True

    @property
    def is_coupled(self) -> bool:
        """See :class:`AbstractConvex`."""
        return False

    def loss(self, seen_K: Tensor) -> Loss:
        """See :meth:`AbstractConvex.loss`."""
        return squared_hinges

    def descend(self, problem: Problem, objective: Objective, start_QK: Tensor, tell: Callable[[int], None]) -> Descent:
        """See :meth:`AbstractConvex.descend`. liblinear refuses a class that has no rows or all; then it is ``lbfgs``."""
        counts_K = problem.train.y_N.bincount(minlength=problem.n_outputs)
        if self.method == "lbfgs" or not counts_K.all():
            return super().descend(problem, objective, start_QK, tell)
        return minimise_by_liblinear(objective, problem.n_outputs, self.tolerance, self.iterations, seed=0)


def squared_hinges(scores_NK: Tensor, y_N: Tensor) -> Terms:
    """``max(0, 1 - t * score)**2`` for every class, with its slope and its second derivative, 2 where the hinge is open."""
    t_NK = 2 * F.one_hot(y_N, scores_NK.shape[1]).to(scores_NK.dtype) - 1
    open_NK = (1 - t_NK * scores_NK).clamp_min(0)
    return Terms((open_NK**2).sum(dtype=torch.float64), -2 * t_NK * open_NK, 2 * (open_NK > 0).to(open_NK.dtype))
