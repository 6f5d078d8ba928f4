"""Features of the training rows, gone through many times: kept where they fit, computed anew where they do not."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from randfeat.machine import fits
from randfeat.network import HEAD
from randfeat.solver.base import Problem
from randfeat.typing import Examples


class Rows:
    """Blocks of features (n, P) and classes (n,), the same in every pass.

    Where there are more features than rows and all are kept, :meth:`spanned` gives the same rows in N coordinates.
    """

    def __init__(self, blocks: list[tuple[Tensor, Tensor]] | None, problem: Problem) -> None:
        self._blocks, self._problem = blocks, problem

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self._blocks is not None:
            return iter(self._blocks)
        return ((self._problem.prepare(block.x), block.y_N) for block in self._problem.train.blocks())

    def __len__(self) -> int:
        return len(self._problem.train)

    @property
    def are_kept(self) -> bool:
        """Whether a pass costs no forward pass of the frozen prefix."""
        return self._blocks is not None

    @property
    def are_finite(self) -> bool:
        """Whether every feature is a finite number. One pass."""
        return all(bool(phi_NP.isfinite().all()) for phi_NP, _ in self)

    def part(self, is_in_N: Tensor) -> Examples:
        """Some of the rows, as a problem's ``prepare`` takes them; where features are kept these, and nothing prepares them."""
        y_N = self._problem.train.y_N[is_in_N]
        if self._blocks is None:
            return Examples(self._problem.train.x[is_in_N], y_N)
        wanted = torch.split(is_in_N, [len(classes) for _, classes in self._blocks])
        return Examples(torch.cat([phi_NP[some] for (phi_NP, _), some in zip(self._blocks, wanted, strict=True)]), y_N)

    def spanned(self) -> tuple[Rows, Tensor]:
        """The rows in coordinates of the space that they span, and its orthonormal basis (P, N): phi = coordinates @ basis'.

        A penalised minimiser lies in that space, and lengths there are those of the coordinates, so the problem is the same.
        Cost: a QR factorisation, 2 P N**2 multiply-adds.
        """
        phi_NP, y_N = (torch.cat(parts) for parts in zip(*self, strict=True))
        basis_PN, upper_NN = torch.linalg.qr(phi_NP.T)
        sizes = [len(classes) for _, classes in self]
        blocks = list(zip(torch.split(upper_NN.T.contiguous(), sizes), torch.split(y_N, sizes), strict=True))
        return Rows(blocks, self._problem), basis_PN


def training_rows(problem: Problem) -> Rows:
    """The features of a problem's training rows, kept on the device where they fit."""
    streamed = Rows(None, problem)
    weight = problem.trained[f"{HEAD}.weight"]
    n_bytes = len(problem.train) * weight.shape[1] * weight.element_size()
    return Rows(list(streamed), problem) if fits(n_bytes, problem.train.x.device) else streamed
