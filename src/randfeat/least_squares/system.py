"""A penalised least-squares problem as one symmetric system, to be solved for any penalty."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.linalg import cholesky_ex, solve_triangular

from randfeat.least_squares.spectrum import Spectrum
from randfeat.products import ERROR, Product, plain

EIGEN_PAYS = 15
"""So many Cholesky factorisations cost about as much as one decomposition into eigenvectors, which serves every penalty."""

Rows = Iterable[tuple[Tensor, Tensor]]
"""Features (n, P) and targets (n, K), block by block."""


class Solution(NamedTuple):
    """``y ~ phi @ beta_PK + intercept_K``."""

    beta_PK: Tensor
    intercept_K: Tensor


class AbstractSystem(ABC):
    """Centred rows as ``(A + penalty I) x = B`` with A symmetric and M x M, ready to be solved for any penalty.

    Products of features are formed by ``product`` in the features' own precision and added up in float64; everything after
    that is in float64. A solution is given only where A is known well enough: see :meth:`solve`.
    """

    needs_penalty: ClassVar[bool] = False
    spare: ClassVar[int] = 0
    """Eigenvalues of A that stand for no direction of the features."""

    def __init__(self, product: Product = plain) -> None:
        self.product = product

    @property
    @abstractmethod
    def mean_P(self) -> Tensor:
        """Mean of each feature."""

    @property
    @abstractmethod
    def mean_K(self) -> Tensor:
        """Mean of each target."""

    @property
    @abstractmethod
    def is_finite(self) -> bool:
        """Whether every feature, and every product of two, was finite."""

    @property
    @abstractmethod
    def exact(self) -> bool:
        """Whether products of features are those of float64."""

    @abstractmethod
    def left_out(self, spectrum: Spectrum, rows: Rows, penalties: Sequence[float]) -> Iterator[Tensor]:
        """Predictions (n, S, K) for each row by the solutions without it, for S solvable penalties, block by block; exact.

        ``rows`` are the same as were fitted, in blocks of any size. With h the row's leverage, the prediction is
        ``y - (y - phi beta - b) / (1 - h)`` (Allen, Technometrics 16, 1974).
        """

    @abstractmethod
    def _matrix(self, out: Tensor) -> Tensor:
        """A, written into the upper triangle of ``out``."""

    @property
    @abstractmethod
    def _summed_M(self) -> Tensor:
        """The sums of squares whose rounding is in A's diagonal: those of A, or larger ones from which a mean was taken off."""

    @property
    @abstractmethod
    def _right_MK(self) -> Tensor:
        """B."""

    @abstractmethod
    def _coefficients(self, x_MK: Tensor) -> Tensor:
        """X -> beta."""

    @property
    def _tiny(self) -> float:
        """Pivots below this share of their sum of squares are noise: from the error of M products, or of float64."""
        m = len(self._right_MK)
        return m * torch.finfo(torch.float64).eps if self.exact else math.sqrt(m) * ERROR

    def solution(self, x_MK: Tensor) -> Solution:
        """The coefficients that a solution of the system stands for."""
        beta_PK = self._coefficients(x_MK)
        return Solution(beta_PK, self.mean_K - self.mean_P @ beta_PK)

    def solve(self, penalty: float) -> Solution | None:
        """The minimiser of ``sum((phi @ beta + b - y)**2) + penalty * sum(beta**2)``.

        None where the system has no unique solution, or none that the precision of its products can tell: where a feature is
        a combination of those before it but for a share of its sum of squares that is below their rounding.
        Cost: one Cholesky factorisation, M**3 / 3 multiply-adds, in a second M x M matrix.
        """
        ((_, solution),) = self.solutions([penalty])
        return solution

    def solutions(self, penalties: Sequence[float]) -> Iterator[tuple[float, Solution | None]]:
        """:meth:`solve` for each penalty, by repeated factorisation or, for more than ``EIGEN_PAYS``, by eigenvectors."""
        if len(penalties) > EIGEN_PAYS:
            spectrum = self.spectrum()
            for penalty in penalties:
                yield penalty, self.solution(spectrum.solve(penalty)) if self.solvable(spectrum, penalty) else None
            return
        workspace_MM = self._workspace()
        for penalty in penalties:
            unique = penalty > 0 or not self.needs_penalty
            x_MK = self._solved(self._matrix(workspace_MM), penalty) if unique else None
            yield penalty, None if x_MK is None else self.solution(x_MK)

    def _solved(self, upper_MM: Tensor, penalty: float) -> Tensor | None:
        """(A + penalty I)^-1 B by Cholesky in A's place; None where a pivot is noise."""
        upper_MM.diagonal().add_(penalty)
        info = torch.empty((), dtype=torch.int32, device=upper_MM.device)
        cholesky_ex(upper_MM, upper=True, out=(upper_MM, info))
        noise_M = self._tiny * (self._summed_M + penalty)
        if info.item() != 0 or not bool((upper_MM.diagonal().square() > noise_M).all()):
            return None
        x_MK: Tensor = solve_triangular(upper_MM, solve_triangular(upper_MM.T, self._right_MK, upper=False), upper=True)
        return x_MK

    def solvable(self, spectrum: Spectrum, penalty: float) -> bool:
        """Whether :meth:`solve` with this penalty has a solution."""
        return (penalty > 0 or not self.needs_penalty) and spectrum.stands_out(penalty)

    def minimum_norm(self, cutoff: float) -> tuple[Solution, int]:
        """The least-squares solution of least norm, by the pseudo-inverse, and the rank.

        Singular values of the centred features at most ``cutoff`` times the largest count as zero. They are roots of
        eigenvalues, so that ``cutoff`` cannot be told from zero below the root of the products' rounding.
        """
        spectrum = self.spectrum()
        x_MK, rank = spectrum.pseudo_solve(cutoff**2)
        return self.solution(x_MK), rank - self.spare

    def spectrum(self) -> Spectrum:
        """A in eigenvectors. Costs about 15 Cholesky factorisations and three more M x M matrices."""
        noise = self._tiny * float(self._summed_M.mean())
        return Spectrum(self._matrix(self._workspace()), self._right_MK, noise)

    def _workspace(self) -> Tensor:
        m, right = len(self._right_MK), self._right_MK
        return torch.empty(m, m, dtype=right.dtype, device=right.device).T  # by columns, as LAPACK factorises in place


def add_gram(total_MM: Tensor, a_KM: Tensor, product: Product) -> None:
    """Add a'a to the upper triangle of ``total``, in panels of an eighth of the rows."""
    m = a_KM.shape[1]
    panel = max(256, -(-m // 8))
    for start in range(0, m, panel):
        total_MM[start : start + panel, start:] += product(a_KM[:, start : start + panel], a_KM[:, start:])
