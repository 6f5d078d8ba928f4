"""What heads with a convex loss share: a descent for each penalty, from the largest to the smallest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor

from randfeat.least_squares import Solution
from randfeat.network import HEAD
from randfeat.part import setting
from randfeat.solver.base import Fitted, Problem, Step
from randfeat.solver.descent import Descent, minimise
from randfeat.solver.head import AbstractPenalised, best_on_validation, fitted
from randfeat.solver.objective import Loss, Objective
from randfeat.solver.rows import Rows, training_rows


@dataclass(frozen=True, kw_only=True)
class AbstractConvex(AbstractPenalised):
    """A head that minimises a convex loss and a squared-norm penalty, which has to be above 0.

    Settings common to these heads:
        tolerance: how far above its minimum the objective may end, as a share of it. That is taken to be reached when the
            bound that strong convexity gives (``gap`` in the curve) is no larger, or when a round of passes gains less than a
            twentieth of it.
        iterations: at most so many passes over the rows for a penalty. Where they do not do, the run counts, and its reason
            says so.

    Each penalty starts from the coefficients for the next larger one.
    """

    penalty: tuple[float, ...] = setting((0.01, 0.1, 1.0, 10.0, 100.0, 1000.0), gt=0)
    tolerance: float = setting(1e-4, gt=0, lt=1)
    iterations: int = setting(1000, ge=1)

    @property
    @abstractmethod
    def with_intercept(self) -> bool:
        """Whether the intercept counts in the penalty."""

    @property
    @abstractmethod
    def is_coupled(self) -> bool:
        """Whether the loss at the score of a class depends on the scores of the others."""

    @abstractmethod
    def loss(self, seen_K: Tensor) -> Loss:
        """The loss over scores.

        Args:
            seen_K: which classes have training rows.
        """

    def start(self, seen_K: Tensor) -> Tensor:
        """The intercepts to start from; by default 0. That of a class which the loss leaves out stays."""
        return torch.zeros(len(seen_K), dtype=torch.float64, device=seen_K.device)

    def descend(self, problem: Problem, objective: Objective, start_QK: Tensor, tell: Callable[[int], None]) -> Descent:
        """The minimum of one objective; see :func:`randfeat.solver.descent.minimise`."""
        return minimise(objective, start_QK, self.tolerance, self.iterations, tell)

    def fit(self, problem: Problem) -> Fitted:
        """See :meth:`AbstractSolver.fit`."""
        rows = training_rows(problem)
        if not rows.are_finite:
            return Fitted(problem.trained, status="non_finite", reason="a feature was not finite")
        ends: dict[float, Descent] = {}
        path = self._path(problem, rows, ends)
        best = best_on_validation(problem, path) if self.needs_validation else next(path, None)
        curve = _curve(ends)
        if best is None:
            reason = "a product of features was not finite in this precision"
            return Fitted(problem.trained, status="non_finite", reason=reason, curve=curve)
        penalty, solution = best
        return replace(fitted(problem, solution, {"penalty": penalty}), curve=curve, reason=_caution(penalty, ends[penalty]))

    def _path(self, problem: Problem, rows: Rows, ends: dict[float, Descent]) -> Iterator[tuple[float, Solution]]:
        """Penalty and solution, the largest penalty first; ends where the arithmetic does. Notes in ``ends`` how each ended."""
        k, p = problem.trained[f"{HEAD}.weight"].shape
        basis_PN = None
        if rows.are_kept and p > len(rows):
            rows, basis_PN = rows.spanned()
            p = len(rows)
        seen_K = problem.train.y_N.bincount(minlength=k) > 0
        w_QK = torch.cat([torch.zeros(p, k, dtype=torch.float64, device=seen_K.device), self.start(seen_K)[None]])
        for done, penalty in enumerate(self.penalties):
            objective = Objective(rows, self.loss(seen_K), penalty, self.with_intercept, self.is_coupled)
            tell = partial(_tell, problem, done, len(self.penalties), self.iterations)
            ends[penalty] = self.descend(problem, objective, w_QK, tell)
            if not ends[penalty].is_finite:
                return
            w_QK = ends[penalty].point.w_QK
            beta_PK = w_QK[:-1] if basis_PN is None else basis_PN.double() @ w_QK[:-1]
            yield penalty, Solution(beta_PK, w_QK[-1])


def _tell(problem: Problem, done: int, penalties: int, limit: int, passes: int) -> None:
    problem.watch(Step(done + min(1.0, passes / limit), penalties))


def _curve(ends: dict[float, Descent]) -> list[dict[str, float]]:
    """For each penalty, after how many passes over the rows in all (``epoch``) its objective came how close to its minimum."""
    epochs = accumulate(end.passes for end in ends.values())
    return [
        {"epoch": float(epoch), "penalty": penalty, "objective": end.point.value, "gap": end.point.gap}
        for epoch, (penalty, end) in zip(epochs, ends.items(), strict=True)
    ]


def _caution(penalty: float, end: Descent) -> str:
    """What to know of a fit that counts though it ended early, or nothing."""
    return (
        ""
        if end.is_close
        else f"not yet at the minimum for penalty {penalty:g} after {end.passes} passes; raise solver.iterations"
    )
