"""The last layer by the pseudo-inverse: least squares without a penalty, the solution of least norm."""

from __future__ import annotations

from dataclasses import dataclass

from randfeat.part import setting
from randfeat.registry import register
from randfeat.solver.base import Fitted, Problem
from randfeat.solver.head import AbstractHead, fitted
from randfeat.solver.squares import gathered, products, shortage


@register("solver", "pinv")
@dataclass(frozen=True, kw_only=True)
class Pinv(AbstractHead):
    """The head by least squares on one-hot classes without a penalty; of several solutions that of least norm.

    ``beta = pinv(phi - mean(phi)) (y - mean(y))``, b such that the means agree: the extreme learning machine's output weights,
    with an intercept. The pseudo-inverse comes from the eigenvectors of the Gram matrix, whose products are formed in float64.

    Settings:
        cutoff: singular values of the centred features of at most this share of the largest count as zero. Below about 1e-7
            the roots of rounded eigenvalues cannot be told from it.

    Cost: one pass over the features, N P**2 / 2 multiply-adds in float64, and eigenvectors of a matrix of min(N, P), about
    5 min(N, P)**3; in memory four such matrices in float64, and where P > N the N P features.

    See: Huang, Zhu and Siew, "Extreme learning machine: theory and applications", Neurocomputing 70 (2006).
    """

    cutoff: float = setting(1e-6, gt=0, lt=1)

    def fit(self, problem: Problem) -> Fitted:
        """See :meth:`AbstractSolver.fit`."""
        if reason := shortage(problem, 4):
            return Fitted(problem.trained, "out_of_memory", reason)
        system = gathered(problem, products(problem)[-1])
        if not system.is_finite:
            return Fitted(problem.trained, "non_finite", "a feature, or its square, was not finite")
        solution, rank = system.minimum_norm(self.cutoff)
        return fitted(problem, solution, {"rank": rank})
