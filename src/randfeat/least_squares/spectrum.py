"""A symmetric system in the eigenvectors of its matrix, where every penalty is cheap."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.linalg import eigh

NORM = 0.05
"""Of a matrix of independent errors, over sqrt(M) times the largest of them: 2 times their deviation, a fortieth of it."""


class Spectrum:
    """``A = V diag(s) V'`` and ``V'B``: whatever the penalty, a solution costs M**2 K multiply-adds."""

    def __init__(self, upper_MM: Tensor, right_MK: Tensor, noise: float) -> None:
        s_M, v_MM = eigh(upper_MM, UPLO="U")
        self.s_M: Tensor = s_M
        self.v_MM: Tensor = v_MM
        self.right_MK = self.v_MM.T @ right_MK
        least = len(self.s_M) * torch.finfo(self.s_M.dtype).eps * self.s_M[-1]
        self._noise = float(least.clamp_min(NORM * noise))

    def stands_out(self, penalty: float) -> bool:
        """Whether the smallest eigenvalue and the penalty together are more than noise."""
        return float(self.s_M[0]) + penalty > self._noise

    def solve(self, penalty: float) -> Tensor:
        """(A + penalty I)^-1 B."""
        x_MK: Tensor = self.v_MM @ (self.right_MK / (self.s_M + penalty)[:, None])
        return x_MK

    def pseudo_solve(self, cutoff: float) -> tuple[Tensor, int]:
        """The pseudo-inverse of A times B, and A's rank, eigenvalues up to ``cutoff`` times the largest counting as zero."""
        kept_M = self.s_M > cutoff * self.s_M[-1]
        return self.v_MM[:, kept_M] @ (self.right_MK[kept_M] / self.s_M[kept_M, None]), int(kept_M.sum())

    def shrinkage(self, penalties: Sequence[float]) -> Tensor:
        """(M, S): 1 / (s + penalty)."""
        return 1 / (self.s_M[:, None] + torch.tensor(penalties, dtype=self.s_M.dtype, device=self.s_M.device))
