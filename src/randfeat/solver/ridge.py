"""The last layer in closed form: least squares with a squared-norm penalty, streamed over the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from randfeat.least_squares import EIGEN_PAYS, AbstractSystem, Solution
from randfeat.part import setting
from randfeat.products import layers_by
from randfeat.registry import register
from randfeat.solver.base import Fitted, Problem
from randfeat.solver.head import AbstractPenalised, at_once, best_on_validation, fitted, merits
from randfeat.solver.squares import beside, gathered, products, rows, shortage


@register("solver", "ridge")
@dataclass(frozen=True, kw_only=True)
class Ridge(AbstractPenalised):
    """The head by least squares on one-hot classes, or on numbers, with a squared-norm penalty, solved exactly.

    Minimises ``sum((phi @ beta + b - y)**2) + penalty * sum(beta**2)``; the intercept b is not penalised and the penalty is
    not divided by N. Rows are seen as they are, without augmentation. Features of float32 are multiplied in float32, with an
    error of at most 1e-6 of two columns' norms, and added up in float64; where that cannot tell a small penalty's solution,
    they are multiplied again in float64. A penalty whose system is singular even so is left out.

    Settings:
        choose: of several penalties that with the most rows right on the ``validation`` rows, or the most training rows right
            when each is predicted by the solution without it (``leave_one_out``, exact); of equals the largest. Where the
            answers are numbers, that with the least squared error.
        block: rows of features multiplied at a time; by default as many as make a product efficient. It shows in rounding
            alone.

    Cost: one pass over the features, N P**2 / 2 multiply-adds for the Gram matrix, and min(N, P)**3 / 3 for each penalty up to
    15, as much as those for more. Leave-one-out: as for more than 15, and where P <= N a second pass with N P**2. Memory is
    2 P**2 numbers in float64 whatever N; where P > N it is N P, and 2 N**2 in float64, for then the N x N dual is solved.

    See: Hoerl and Kennard, Technometrics 12 (1970); Allen, Technometrics 16 (1974), for leave-one-out; Huang, Zhou, Ding and
    Zhang, IEEE SMC-B 42 (2012).
    """

    choose: Literal["validation", "leave_one_out"] = "validation"
    block: int | None = setting(None, ge=1)

    @property
    def needs_validation(self) -> bool:
        """See :class:`AbstractSolver`."""
        return super().needs_validation and self.choose == "validation"

    @property
    def without_choice(self) -> str:
        """See :class:`AbstractSolver`."""
        return "solver.choose=leave_one_out, or one penalty alone, as in solver.penalty=1"

    def fit(self, problem: Problem) -> Fitted:
        """See :meth:`AbstractSolver.fit`."""
        if reason := shortage(problem, 4 if self._leaves_out or len(self.penalties) > EIGEN_PAYS else 2, self.block):
            return Fitted(problem.trained, "out_of_memory", reason)
        best: tuple[float, Solution] | None = None
        finite, unsolved = False, list[float]()
        for product in products(problem):
            unsolved = []
            with layers_by(product):
                system = gathered(problem, product, self.block)
                finite = system.is_finite
                if not finite:
                    continue
                best = (self._left_out if self._leaves_out else self._tried)(problem, system, unsolved)
            if not unsolved:
                break
        if not finite:
            return Fitted(problem.trained, "non_finite", "a feature, or its square, was not finite")
        if best is None:
            reason = f"the system has no unique solution with penalty {self.penalties[0]:g}; a larger one gives it one"
            return Fitted(problem.trained, "singular", reason)
        penalty, solution = best
        caution = f"no unique solution with penalty {', '.join(f'{each:g}' for each in unsolved)}" if unsolved else ""
        return replace(fitted(problem, solution, {"penalty": penalty}), reason=caution)

    @property
    def _leaves_out(self) -> bool:
        return self.choose == "leave_one_out" and len(self.penalties) > 1

    def _tried(self, problem: Problem, system: AbstractSystem, unsolved: list[float]) -> tuple[float, Solution] | None:
        """The penalty that is best on the validation rows, or the only one; those without a solution go to ``unsolved``."""

        def solved() -> Iterator[tuple[float, Solution]]:
            for penalty, solution in system.solutions(self.penalties):
                if solution is None:
                    unsolved.append(penalty)
                else:
                    yield penalty, solution

        return best_on_validation(problem, solved()) if len(self.penalties) > 1 else next(solved(), None)

    def _left_out(self, problem: Problem, system: AbstractSystem, unsolved: list[float]) -> tuple[float, Solution] | None:
        """The penalty of most merit on the training rows, each by the solution without it."""
        spectrum = system.spectrum()
        solvable = [penalty for penalty in self.penalties if system.solvable(spectrum, penalty)]
        unsolved += [penalty for penalty in self.penalties if penalty not in solvable]
        if not solvable:
            return None
        of_each: list[float] = []
        for start in range(0, len(solvable), at_once(problem)):
            batch = solvable[start : start + at_once(problem)]
            of_each += merits(beside(system.left_out(spectrum, rows(problem), batch), problem.train.y_N))
        best = solvable[of_each.index(max(of_each))]
        return best, system.solution(spectrum.solve(best))
