"""The last layer in closed form: least squares with a squared-norm penalty, streamed over the rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from randfeat.least_squares import AbstractSystem, Dual, Primal
from randfeat.network import HEAD
from randfeat.registry import register
from randfeat.solver.base import Fitted, Problem
from randfeat.solver.head import AbstractPenalised, best_on_validation, features, fitted


@register("solver", "ridge")
@dataclass(frozen=True, kw_only=True)
class Ridge(AbstractPenalised):
    """The head by least squares on one-hot classes with a squared-norm penalty, solved exactly.

    Minimises ``sum((phi @ beta + b - y)**2) + penalty * sum(beta**2)``; the intercept b is not penalised and the penalty is
    not divided by N. Of several penalties the one with the best validation accuracy is kept (of equals, the largest). Rows
    are seen once, as they are: without augmentation.

    Cost: one pass over the features, N P**2 multiply-adds for the Gram matrix, and min(N, P)**3 / 3 for each penalty. Extra
    memory is P**2 numbers whatever N, or N P where P > N, for then the N x N dual is solved.

    See: Hoerl and Kennard, Technometrics 12 (1970); Huang, Zhou, Ding and Zhang, IEEE SMC-B 42 (2012).
    """

    def fit(self, problem: Problem) -> Fitted:
        """See :meth:`AbstractSolver.fit`."""
        system = _gather(problem)
        if not system.is_finite:
            return Fitted(problem.trained, status="non_finite", reason="a feature was not finite")
        solutions = ((penalty, system.solve(penalty)) for penalty in self.penalties)
        solved = ((penalty, solution) for penalty, solution in solutions if solution is not None)
        best = best_on_validation(problem, solved) if self.needs_validation else next(solved, None)
        if best is None:
            reason = f"no unique solution in this precision for penalty {max(self.penalty):g}; raise it, or use float64"
            return Fitted(problem.trained, status="singular", reason=reason)
        penalty, solution = best
        return fitted(problem, solution, {"penalty": penalty})


def _gather(problem: Problem) -> AbstractSystem:
    """The training rows as a system to solve: primal while P <= N, else dual."""
    p = problem.trained[f"{HEAD}.weight"].shape[1]
    rows = ((phi_NP, F.one_hot(y_N, problem.n_classes)) for phi_NP, y_N in features(problem, problem.train))
    if p > len(problem.train):
        phi_NP, y_NK = (torch.cat(blocks) for blocks in zip(*rows, strict=True))
        return Dual(phi_NP, y_NK)
    system = Primal()
    for phi_NP, y_NK in rows:
        system.add(phi_NP, y_NK)
    return system
