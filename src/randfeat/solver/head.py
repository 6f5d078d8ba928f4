"""What all heads share: the last linear layer alone is fitted, whole, on features that never change."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from randfeat.errors import ConfigError
from randfeat.least_squares import Solution
from randfeat.metrics import answered
from randfeat.network import HEAD, Network, cut, unit_of
from randfeat.part import setting
from randfeat.solver.base import AbstractSolver, Fitted, Problem, Step
from randfeat.split import Choice, Selection
from randfeat.typing import MOST_ROWS, Examples, Task

SCORED_NUMBERS = 2**24
"""Coefficients and scores of several penalties are held up to so many numbers, so that a long list needs no more memory."""


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
            right is kept (of numbers, with the least squared error), of equals the largest.
    """

    penalty: tuple[float, ...] = setting((0.01, 0.1, 1.0, 10.0, 100.0, 1000.0), ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.penalty:
            raise ConfigError("solver.penalty needs one number or more, got an empty list.")
        object.__setattr__(self, "penalty", tuple(sorted(set(self.penalty))))

    @property
    def penalties(self) -> list[float]:
        """The penalties, the largest first."""
        return list(reversed(self.penalty))

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
    """Features (n, P) and answers (n,) or (n, K), a block of rows at a time; tells the watch how far it is."""
    done = 0
    for block in examples.blocks():
        yield answered(problem.prepare(block.x), block.y_N)
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
    """Of solutions by penalty that of most merit on the validation rows; of equals, the first; None where there is none."""
    best: tuple[float, Solution] | None = None
    most = -math.inf
    for penalty, solution, merit in tried(problem, solutions):
        if merit > most:
            most, best = merit, (penalty, solution)
    return best


def tried(problem: Problem, solutions: Iterable[tuple[float, Solution]]) -> Iterator[tuple[float, Solution, float]]:
    """Each penalty and its solution with its merit on the validation rows."""
    remaining = iter(solutions)
    while batch := list(islice(remaining, at_once(problem))):
        found = merits(_outputs(problem, [solution for _, solution in batch]))
        yield from ((*pair, merit) for pair, merit in zip(batch, found, strict=True))


def at_once(problem: Problem) -> int:
    """How many penalties are scored in one pass over the rows."""
    n_classes, p = problem.trained[f"{HEAD}.weight"].shape
    return max(1, SCORED_NUMBERS // (n_classes * max(p, MOST_ROWS)))


def n_features(problem: Problem) -> int:
    """P."""
    return problem.trained[f"{HEAD}.weight"].shape[1]


def merits(outputs: Iterable[tuple[Tensor, Tensor]]) -> list[float]:
    """Of S heads: how many answers each gets right; where these are numbers, less the sum of its squared errors.

    Args:
        outputs: of each head (n, S, K) and the truth (n,) or (n, K), block by block.
    """
    found = [
        -(outputs_NSK - y[:, None]).double().square().sum((0, 2))
        if y.is_floating_point()
        else (outputs_NSK.argmax(2) == y[:, None]).sum(0)
        for outputs_NSK, y in outputs
    ]
    of_each: list[float] = torch.stack(found).sum(0).tolist()
    return of_each


def _outputs(problem: Problem, solutions: list[Solution]) -> Iterator[tuple[Tensor, Tensor]]:
    """What each solution gives for the validation rows (n, S, K), and the truth, block by block."""
    beta_PSK = torch.stack([solution.beta_PK for solution in solutions], dim=1)
    intercept_SK = torch.stack([solution.intercept_K for solution in solutions])
    for block in problem.val.blocks():
        phi_NP, y = answered(problem.prepare(block.x), block.y_N)
        yield (phi_NP @ beta_PSK.flatten(1).to(phi_NP.dtype)).view(-1, *intercept_SK.shape) + intercept_SK, y
