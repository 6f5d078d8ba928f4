"""What all heads share: the last linear layer alone is fitted, whole, on features that never change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from randfeat.errors import ConfigError
from randfeat.least_squares import Solution
from randfeat.network import HEAD, Network, cut, unit_of
from randfeat.part import setting
from randfeat.solver.base import AbstractSolver, Fitted, Problem, Step
from randfeat.split import Choice, Selection
from randfeat.typing import Examples, Task

SCORED_NUMBERS = 2**24
"""Coefficients of several penalties are scored together up to so many numbers, so that a long list needs no more memory."""


@dataclass(frozen=True, kw_only=True)
class AbstractHead(AbstractSolver):
    """A linear classifier on the output of a unit, all below it frozen.

    Settings common to all heads:
        at: the unit or block whose output, flattened, the features are; ``input`` for the inputs themselves; by default the
            last unit. What lies above it is left out of the network.
    """

    at: str | None = None

    def network(self, net: Network, task: Task) -> Network:
        """See :meth:`AbstractSolver.network`."""
        return net if self.at is None else cut(net, self.at, task, "solver.at")

    def check(self, selection: Selection, begins: Mapping[str, float], subset: str) -> None:
        """See :meth:`AbstractSolver.check`."""
        for name, choice in selection.items():
            fault = _fault(name, choice, begins.get(name, 0.0))
            if fault:
                raise ConfigError(
                    f"{self.title()} fits the last layer only, but subset={subset} {fault}. Use subset=last, or solver=sgd."
                )

    @property
    def fits_everything(self) -> bool:
        """See :class:`AbstractSolver`."""
        return False

    @property
    def needs_validation(self) -> bool:
        """See :class:`AbstractSolver`."""
        return False

    @property
    def without_choice(self) -> str:
        """See :class:`AbstractSolver`."""
        return "one penalty alone, as in solver.penalty=1"


@dataclass(frozen=True, kw_only=True)
class AbstractPenalised(AbstractHead):
    """A head with a squared-norm penalty.

    Settings common to these heads:
        penalty: factor on the squared norm of the coefficients, not divided by N. Of several the one with the most rows
            right is kept, of equals the largest.
    """

    penalty: tuple[float, ...] = setting((0.01, 0.1, 1.0, 10.0, 100.0, 1000.0), ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.penalty:
            raise ConfigError("solver.penalty needs one number or more, got an empty list.")

    @property
    def penalties(self) -> list[float]:
        """The penalties, each once, the largest first."""
        return sorted(set(self.penalty), reverse=True)

    @property
    def needs_validation(self) -> bool:
        """See :class:`AbstractSolver`."""
        return len(self.penalties) > 1


def _fault(name: str, choice: Choice, begin: float) -> str:
    """What a policy asks for that a head fitted at once and whole cannot give, or nothing."""
    if unit_of(name) != HEAD:
        return "" if choice is False else f"trains {name!r}"
    if choice is False:
        return f"leaves {name!r} as drawn"
    if choice is not True:
        return f"trains only a part of {name!r}"
    return f"lets {name!r} begin at {begin:g} of the training" if begin > 0 else ""


def features(problem: Problem, examples: Examples) -> Iterator[tuple[Tensor, Tensor]]:
    """Features (n, P) and classes (n,), a block of rows at a time; tells the watch how far it is."""
    done = 0
    for block in examples.blocks():
        yield problem.prepare(block.x), block.y_N
        done += len(block)
        problem.watch(Step(done / len(examples), 1))


def fitted(problem: Problem, solution: Solution, chosen: dict[str, float]) -> Fitted:
    """The head with these coefficients, in the precision of the run."""
    like = problem.trained[f"{HEAD}.weight"]
    weights = {
        f"{HEAD}.weight": solution.beta_PK.T.to(like.dtype).contiguous(),
        f"{HEAD}.bias": solution.intercept_K.to(like.dtype),
    }
    return Fitted(weights, chosen=chosen)


def best_on_validation(problem: Problem, solutions: Iterable[tuple[float, Solution]]) -> tuple[float, Solution] | None:
    """Of solutions by penalty the one with the most validation rows right; of equals, the first; None where there is none."""
    best: tuple[float, Solution] | None = None
    most = -1
    remaining = iter(solutions)
    while batch := list(islice(remaining, _at_once(problem))):
        for right, candidate in zip(_right(problem, [solution for _, solution in batch]), batch, strict=True):
            if right > most:
                most, best = right, candidate
    return best


def _at_once(problem: Problem) -> int:
    return max(1, SCORED_NUMBERS // problem.trained[f"{HEAD}.weight"].numel())


def _right(problem: Problem, solutions: list[Solution]) -> list[int]:
    """How many validation rows each gets right, in one pass over them."""
    beta_PSK = torch.stack([solution.beta_PK for solution in solutions], dim=1)
    intercept_SK = torch.stack([solution.intercept_K for solution in solutions])
    right_S = torch.zeros(len(solutions), dtype=torch.int64, device=beta_PSK.device)
    for block in problem.val.blocks():
        phi_NP = problem.prepare(block.x)
        scores_NSK = (phi_NP @ beta_PSK.flatten(1).to(phi_NP.dtype)).view(-1, *intercept_SK.shape) + intercept_SK
        right_S += (scores_NSK.argmax(2) == block.y_N[:, None]).sum(0)
    return right_S.tolist()
