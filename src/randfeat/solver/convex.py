"""What heads with a convex loss share: a descent for each penalty, from the largest to the smallest."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import accumulate
from typing import Literal

import torch
from torch import Tensor

from randfeat.errors import ConfigError
from randfeat.least_squares import Solution
from randfeat.network import HEAD
from randfeat.part import setting
from randfeat.solver.base import Fitted, Problem, Step
from randfeat.solver.descent import Descent, minimise
from randfeat.solver.folds import folds, mean_accuracies, within, without
from randfeat.solver.head import AbstractPenalised, best_on_validation, fitted, tried
from randfeat.solver.objective import Loss, Objective
from randfeat.solver.rows import Rows, training_rows
from randfeat.typing import Task

OVERFLOW = "a product of features was not finite in this precision"


@dataclass(frozen=True, kw_only=True)
class AbstractConvex(AbstractPenalised):
    """A head that minimises a convex loss and a squared-norm penalty, which has to be above 0.

    Settings common to these heads:
        tolerance: how far above its minimum the objective may end, as a share of it. That is taken to be reached when the
            bound that strong convexity gives (``gap`` in the curve) is no larger, or when a round of passes gains less than a
            twentieth of it.
        iterations: at most so many passes over the rows for a penalty. Where they do not do, the run counts, and its reason
            says so.
        choose: of several penalties that with the most rows right on the ``validation`` rows, or that with the best mean
            accuracy over folds of the training rows, each predicted by a fit to the others (``cross_validation``); of equals
            the largest.
        folds: how many, stratified and drawn by the seed of the order.

    Each penalty starts from the coefficients for the next larger one. Cross-validation does so in every fold, then fits the
    penalty that it chose to all rows, as that penalty alone would be; features that are kept are kept twice meanwhile.
    """

    penalty: tuple[float, ...] = setting((0.01, 0.1, 1.0, 10.0, 100.0, 1000.0), gt=0)
    tolerance: float = setting(1e-4, gt=0, lt=1)
    iterations: int = setting(1000, ge=1)
    choose: Literal["validation", "cross_validation"] = "validation"
    folds: int = setting(5, ge=2)

    @property
    def needs_validation(self) -> bool:
        """See :class:`AbstractSolver`."""
        return super().needs_validation and self.choose == "validation"

    @property
    def without_choice(self) -> str:
        """See :class:`AbstractSolver`."""
        return "solver.choose=cross_validation, or one penalty alone, as in solver.penalty=1"

    def check_task(self, task: Task) -> None:
        """See :meth:`AbstractSolver.check_task`."""
        if task.answers or task.numbers:
            asked = "numbers" if task.numbers else f"{math.prod(task.answers)} answers for each row"
            raise ConfigError(
                f"{self.title()} fits one class for each row, and the data ask for {asked}. Use solver=ridge, solver=sgd or "
                "solver=adam."
            )

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
        if len(self.penalties) > 1 and self.choose == "cross_validation":
            return self._cross_validated(problem, rows)
        return self._fitted(problem, rows)

    def _cross_validated(self, problem: Problem, rows: Rows) -> Fitted:
        fold_N = folds(problem.train.y_N, self.folds, problem.order)
        ends: list[dict[float, Descent]] = [{} for _ in range(self.folds)]
        accuracies = mean_accuracies([self._on_fold(problem, rows, fold_N, fold, ends[fold]) for fold in range(self.folds)])
        if not accuracies:
            return Fitted(problem.trained, status="non_finite", reason=OVERFLOW)
        best = max(accuracies, key=lambda penalty: (accuracies[penalty], penalty))
        curve, epoch = [], 0.0
        for penalty, accuracy in accuracies.items():
            epoch += sum(each[penalty].passes for each in ends)
            curve.append({"epoch": epoch, "penalty": penalty, "cross_validation/accuracy": float(accuracy)})
        last = replace(problem, watch=within(problem.watch, self.folds, self.folds + 1))
        fitted = replace(self, penalty=(best,))._fitted(last, rows)
        early = [caution for each in ends if (caution := _caution(best, each[best]))]
        return replace(
            fitted,
            reason=fitted.reason or next(iter(early), ""),
            curve=curve + [row | {"epoch": row["epoch"] + epoch} for row in fitted.curve],
            metrics={"cross_validation/accuracy": float(accuracies[best])},
        )

    def _on_fold(
        self, problem: Problem, rows: Rows, fold_N: Tensor, fold: int, ends: dict[float, Descent]
    ) -> dict[float, Fraction]:
        """The accuracy of each penalty on one fold, fitted to the others."""
        part = replace(without(problem, rows, fold_N == fold), watch=within(problem.watch, fold, self.folds + 1))
        path = self._path(part, training_rows(part), ends)
        return {penalty: Fraction(int(n_right), len(part.val)) for penalty, _, n_right in tried(part, path)}

    def _fitted(self, problem: Problem, rows: Rows) -> Fitted:
        """The fit to these rows, with the penalty that is best on the validation rows or the only one."""
        ends: dict[float, Descent] = {}
        path = self._path(problem, rows, ends)
        best = best_on_validation(problem, path) if self.needs_validation else next(path, None)
        curve = _curve(ends)
        if best is None:
            return Fitted(problem.trained, status="non_finite", reason=OVERFLOW, curve=curve)
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
