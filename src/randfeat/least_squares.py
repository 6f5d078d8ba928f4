"""Penalised least squares from streamed rows: the P x P system from sums, or the N x N dual from the rows themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor


class Solution(NamedTuple):
    """``y ~ phi @ beta_PK + intercept_K``."""

    beta_PK: Tensor
    intercept_K: Tensor


class AbstractSystem(ABC):
    """Centred rows, ready to be solved for any penalty. All in float64; features come in as they are."""

    @property
    @abstractmethod
    def mean_P(self) -> Tensor:
        """Mean of each feature."""

    @property
    @abstractmethod
    def mean_K(self) -> Tensor:
        """Mean of each target."""

    @abstractmethod
    def beta(self, penalty: float) -> Tensor | None:
        """The coefficients (P, K), or None where the penalised system has no unique solution."""

    @property
    @abstractmethod
    def is_finite(self) -> bool:
        """Whether every feature, and every product of two, was finite."""

    def solve(self, penalty: float) -> Solution | None:
        """The minimiser of ``sum((phi @ beta + b - y)**2) + penalty * sum(beta**2)``, or None."""
        beta_PK = self.beta(penalty)
        return None if beta_PK is None else Solution(beta_PK, self.mean_K - self.mean_P @ beta_PK)


class Primal(AbstractSystem):
    """(centred phi' phi + penalty I) beta = centred phi' y, from sums of blocks of rows. Memory P**2, whatever N.

    Products are formed in the features' own precision, a block at a time, after the mean of the first block is taken off
    them; they are added up in float64.
    """

    def __init__(self) -> None:
        self.n = 0

    def add(self, phi_NP: Tensor, y_NK: Tensor) -> None:
        """Take in a block of rows."""
        if self.n == 0:
            zero = torch.zeros((), dtype=torch.float64, device=phi_NP.device)
            self._shift_P = phi_NP.mean(0)
            self._gram_PP, self._cross_PK, self._sum_P, self._sum_K = zero, zero, zero, zero
        phi_NP = phi_NP - self._shift_P
        self.n += len(phi_NP)
        self._gram_PP = self._gram_PP + phi_NP.T @ phi_NP
        self._cross_PK = self._cross_PK + phi_NP.T @ y_NK.to(phi_NP.dtype)
        self._sum_P = self._sum_P + phi_NP.sum(0, dtype=torch.float64)
        self._sum_K = self._sum_K + y_NK.sum(0, dtype=torch.float64)

    @property
    def mean_P(self) -> Tensor:
        """See :class:`AbstractSystem`."""
        return self._shift_P + self._sum_P / self.n

    @property
    def mean_K(self) -> Tensor:
        """See :class:`AbstractSystem`."""
        return self._sum_K / self.n

    @property
    def is_finite(self) -> bool:
        """See :class:`AbstractSystem`."""
        return bool(self._gram_PP.isfinite().all())

    def beta(self, penalty: float) -> Tensor | None:
        """See :meth:`AbstractSystem.beta`."""
        centred_PP = self._gram_PP - torch.outer(self._sum_P, self._sum_P) / self.n
        centred_PK = self._cross_PK - torch.outer(self._sum_P, self._sum_K) / self.n
        return _solve(centred_PP, penalty, centred_PK)


class Dual(AbstractSystem):
    """beta = phi' (phi phi' + penalty I)^-1 y, centred: the cheaper form where P > N. Keeps all rows: N P numbers."""

    def __init__(self, phi_NP: Tensor, y_NK: Tensor) -> None:
        self._mean_P = phi_NP.mean(0, dtype=torch.float64)
        self._mean_K = y_NK.mean(0, dtype=torch.float64)
        self._phi_NP = phi_NP.double() - self._mean_P
        self._y_NK = y_NK.double() - self._mean_K
        self._gram_NN = self._phi_NP @ self._phi_NP.T

    @property
    def mean_P(self) -> Tensor:
        """See :class:`AbstractSystem`."""
        return self._mean_P

    @property
    def mean_K(self) -> Tensor:
        """See :class:`AbstractSystem`."""
        return self._mean_K

    @property
    def is_finite(self) -> bool:
        """See :class:`AbstractSystem`."""
        return bool(self._gram_NN.isfinite().all())

    def beta(self, penalty: float) -> Tensor | None:
        """See :meth:`AbstractSystem.beta`. Without a penalty there are many solutions, so there is none."""
        if penalty == 0:
            return None
        dual_NK = _solve(self._gram_NN, penalty, self._y_NK)
        return None if dual_NK is None else self._phi_NP.T @ dual_NK


def _solve(system: Tensor, penalty: float, right: Tensor) -> Tensor | None:
    """(system + penalty I)^-1 right by Cholesky; None where that is singular to working precision."""
    penalised = system + penalty * torch.eye(len(system), dtype=system.dtype, device=system.device)
    factor, info = torch.linalg.cholesky_ex(penalised)
    pivots = factor.diagonal()
    tiny = len(system) * torch.finfo(system.dtype).eps
    if info.item() != 0 or not bool((pivots.min() / pivots.max()) ** 2 > tiny):
        return None
    return torch.cholesky_solve(right, factor)
