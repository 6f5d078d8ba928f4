"""Minimises a convex objective by L-BFGS in coordinates that are renewed as its second derivatives change."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import LBFGS

from randfeat.solver.curvature import Coordinates, coordinates
from randfeat.solver.objective import Objective, Point

ROUND = 15
"""Passes over the rows between two looks at the second derivatives, those of each class by itself."""

LONG_ROUND = 50
"""The same where the classes share theirs: what couples them is only learnt in passes."""

PROGRESS = 0.05
"""A whole round that lowers the objective by less than this share of the tolerance is the last."""


@dataclass(frozen=True)
class Descent:
    """Where a descent ended.

    Attributes:
        point: the best that was seen.
        passes: over the rows, how many there were.
        is_close: whether it came as close to the minimum as was asked; else it ran out of passes.
        is_finite: whether the arithmetic held.
    """

    point: Point
    passes: int
    is_close: bool = True
    is_finite: bool = True


def minimise(objective: Objective, start_QK: Tensor, tolerance: float, passes: int, tell: Callable[[int], None]) -> Descent:
    """The coefficients at which the objective is within ``tolerance``, relative, of its minimum.

    That is when its gap is no larger, see :class:`Point`, or when a whole round gains less than a twentieth of the
    tolerance: the bound is loose for small penalties, and rounding keeps it from falling.

    Args:
        objective: convex.
        start_QK: such as the coefficients for a larger penalty.
        tolerance: a share of the objective.
        passes: at most about so many over the rows.
        tell: is told how many there were.

    See: Nocedal and Wright, "Numerical optimization", 2nd ed. (2006), ch. 7; sampled second derivatives: Byrd, Chin,
    Neveitt and Nocedal, SIAM J. Optim. 21 (2011).
    """
    length = LONG_ROUND if objective.is_coupled else ROUND
    point, done, settled = objective(start_QK), 1, False
    while point.gap > tolerance and not settled:
        if done >= passes:
            return Descent(point, done, is_close=False)
        space = coordinates(objective, point, shared=objective.is_coupled or (done == 1 and not bool(start_QK[:-1].any())))
        done += 1
        if space is None:
            return Descent(point, done, is_finite=False)
        search = _Search(objective, point, space, tolerance, min(length, passes - done))
        better = search.run()
        done += search.n
        tell(done)
        little = point.value - better.value <= PROGRESS * tolerance * point.value
        settled = better is point or (search.n == length and little)
        point = better
    return Descent(point, done)


class _Enough(Exception):  # noqa: N818 - it is news, not an error
    """A search has come close enough, or has no passes left."""


class _Search:
    """One round of L-BFGS; keeps the best point that it has seen."""

    def __init__(self, objective: Objective, start: Point, space: Coordinates, tolerance: float, passes: int) -> None:
        self.objective, self.best, self.space, self.tolerance, self.passes = objective, start, space, tolerance, passes
        self.n = 0
        self._u_QK = space.inward(start.w_QK).requires_grad_()
        self._seen = [(self._u_QK.detach().clone(), start)]

    def run(self) -> Point:
        """The best point. The first step is tried at its full length, for the coordinates make it nearly Newton's."""
        length = self.space.slope(self._seen[0][1].slope_QK).abs().sum().clamp_min(1).item()
        search = LBFGS(
            [self._u_QK],
            lr=length,
            max_iter=1,
            max_eval=self.passes + 1,
            tolerance_grad=0,
            tolerance_change=0,
            history_size=self.passes,
            line_search_fn="strong_wolfe",
        )
        before = -1
        with suppress(_Enough):
            while before < self.n:
                before = self.n
                search.step(self._evaluate)  # type: ignore[no-untyped-call]
                search.param_groups[0]["lr"] = 1.0
        return self.best

    def _evaluate(self) -> float:
        """The value at the search's present place, and the gradient there, which it looks for beside the tensor."""
        u_QK = self._u_QK.detach()
        point = next((known for place, known in self._seen if torch.equal(place, u_QK)), None)
        if point is None:
            point = self._new(u_QK)
        else:
            self._seen = [(u_QK.clone(), point)]
        self._u_QK.grad = self.space.slope(point.slope_QK)
        return point.value

    def _new(self, u_QK: Tensor) -> Point:
        """A pass over the rows."""
        if self.n == self.passes:
            raise _Enough
        self.n += 1
        point = self.objective(self.space.outward(u_QK))
        self._seen.append((u_QK.clone(), point))
        if point.value < self.best.value:
            self.best = point
            if point.gap <= self.tolerance:
                raise _Enough
        return point
