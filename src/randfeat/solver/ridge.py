"""The last layer in closed form: least squares with a squared-norm penalty, streamed over the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from randfeat.errors import ConfigError
from randfeat.metrics import accuracy
from randfeat.network import HEAD, unit_of
from randfeat.part import setting
from randfeat.registry import register
from randfeat.solver.base import AbstractSolver, Fitted, Problem, Step
from randfeat.solver.least_squares import AbstractSystem, Dual, Primal, Solution
from randfeat.split import Choice, Selection


@register("solver", "ridge")
@dataclass(frozen=True, kw_only=True)
class Ridge(AbstractSolver):
    """The head by least squares on one-hot classes with a squared-norm penalty, solved exactly.

    Minimises ``sum((phi @ beta + b - y)**2) + penalty * sum(beta**2)``; the intercept b is not penalised and the penalty is
    not divided by N. Of several penalties the one with the best validation accuracy is kept (of equals, the largest). Rows
    are seen once, as they are: without augmentation.

    Cost: one pass over the features, N P**2 multiply-adds for the Gram matrix, and min(N, P)**3 / 3 for each penalty. Extra
    memory is P**2 numbers whatever N, or N P where P > N, for then the N x N dual is solved.

    See: Hoerl and Kennard, Technometrics 12 (1970); Huang, Zhou, Ding and Zhang, IEEE SMC-B 42 (2012).
    """

    penalty: tuple[float, ...] = setting((0.01, 0.1, 1.0, 10.0, 100.0, 1000.0), ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.penalty:
            raise ConfigError("solver.penalty needs one number or more, got an empty list.")

    def check(self, selection: Selection, begins: Mapping[str, float], subset: str) -> None:
        """See :meth:`AbstractSolver.check`."""
        for name, choice in selection.items():
            fault = _fault(name, choice, begins.get(name, 0.0))
            if fault:
                raise ConfigError(
                    f"solver=ridge fits the last layer only, but subset={subset} {fault}. Use subset=last, or solver=sgd."
                )

    @property
    def fits_everything(self) -> bool:
        """See :class:`AbstractSolver`."""
        return False

    @property
    def needs_validation(self) -> bool:
        """See :class:`AbstractSolver`."""
        return len(self.penalty) > 1

    @property
    def without_choice(self) -> str:
        """See :class:`AbstractSolver`."""
        return "one penalty alone, as in solver.penalty=1"

    def fit(self, problem: Problem) -> Fitted:
        """See :meth:`AbstractSolver.fit`."""
        system = _gather(problem)
        if not system.is_finite:
            return Fitted(problem.trained, status="non_finite", reason="a feature was not finite")
        solutions = {penalty: system.solve(penalty) for penalty in sorted(self.penalty, reverse=True)}
        solved = {penalty: solution for penalty, solution in solutions.items() if solution is not None}
        if not solved:
            reason = f"no unique solution in this precision for penalty {max(self.penalty):g}; raise it, or use float64"
            return Fitted(problem.trained, status="singular", reason=reason)
        penalty = _best(problem, solved) if len(solved) > 1 else next(iter(solved))
        like = problem.trained[f"{HEAD}.weight"]
        head = {
            f"{HEAD}.weight": solved[penalty].beta_PK.T.to(like.dtype).contiguous(),
            f"{HEAD}.bias": solved[penalty].intercept_K.to(like.dtype),
        }
        return Fitted(head, chosen={"penalty": penalty})


def _fault(name: str, choice: Choice, begin: float) -> str:
    """What a policy asks for that a head solved at once and whole cannot give, or nothing."""
    if unit_of(name) != HEAD:
        return "" if choice is False else f"trains {name!r}"
    if choice is False:
        return f"leaves {name!r} as drawn"
    if choice is not True:
        return f"trains only a part of {name!r}"
    return f"lets {name!r} begin at {begin:g} of the training" if begin > 0 else ""


def _gather(problem: Problem) -> AbstractSystem:
    """The training rows as a system to solve: primal while P <= N, else dual."""
    p = problem.trained[f"{HEAD}.weight"].shape[1]
    rows = _features(problem)
    if p > len(problem.train):
        phi_NP, y_NK = (torch.cat(blocks) for blocks in zip(*rows, strict=True))
        return Dual(phi_NP, y_NK)
    system = Primal()
    for phi_NP, y_NK in rows:
        system.add(phi_NP, y_NK)
    return system


def _features(problem: Problem) -> Iterator[tuple[Tensor, Tensor]]:
    """Features and one-hot classes of the training rows, a block at a time."""
    done = 0
    for block in problem.train.blocks():
        yield problem.prepare(block.x), F.one_hot(block.y_N, problem.n_classes)
        done += len(block)
        problem.watch(Step(done / len(problem.train), 1))


def _best(problem: Problem, solved: dict[float, Solution]) -> float:
    """The penalty with the most validation rows right; of equals, the first."""
    phi_NP = torch.cat([problem.prepare(block.x) for block in problem.val.blocks()]).double()
    scores = {penalty: accuracy(phi_NP @ beta_PK + b_K, problem.val.y_N) for penalty, (beta_PK, b_K) in solved.items()}
    return max(scores, key=lambda penalty: scores[penalty])
