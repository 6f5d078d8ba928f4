"""The P x P form, from sums over the rows: one pass, fixed memory, mergeable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Self

import torch
from torch import Tensor

from randfeat.least_squares.spectrum import Spectrum
from randfeat.least_squares.system import AbstractSystem, Rows, add_gram
from randfeat.products import Product, double, plain


class Primal(AbstractSystem):
    """A = centred phi' phi and B = centred phi' y (P x P and P x K), from sums over the rows. Memory P**2, whatever N.

    The mean of the first block is taken off all rows, and rows wait until there are ``block`` of them, so that a product is
    large; only the upper triangle of A is formed.

    Args:
        product: see :mod:`randfeat.products`.
        block: rows multiplied at a time; by default as many as fill 2**24 numbers or half of A, at most 8192.
    """

    def __init__(self, product: Product = plain, block: int | None = None) -> None:
        super().__init__(product)
        self.n = 0
        self._block = block or 0

    def partial_fit(self, phi_NP: Tensor, y_NK: Tensor) -> Self:
        """Take in more rows. However they are cut into calls, the sums are the same but for rounding.

        Targets are taken in the precision of the features.

        Raises:
            ValueError: the shapes do not fit together, or not to the rows before.
        """
        phi_NP, y_NK = phi_NP.detach(), y_NK.detach()
        if phi_NP.ndim != 2 or y_NK.ndim != 2 or len(phi_NP) != len(y_NK) or not phi_NP.is_floating_point():
            raise ValueError(f"features (n, P) and targets (n, K) are wanted, got {_told(phi_NP)} and {_told(y_NK)}")
        if len(phi_NP) == 0:
            return self
        if self.n:
            self._check(phi_NP.shape[1], y_NK.shape[1])
        else:
            like = phi_NP[:1].double() if self.product is double else phi_NP[:1]
            self._start(like.new_zeros(phi_NP.shape[1]), y_NK.shape[1])
        self.n += len(phi_NP)
        most = self._block
        for phi, y in zip(torch.split(phi_NP, most), torch.split(y_NK, most), strict=True):
            room = most - self._waiting
            self._wait(phi[:room], y[:room])
            if self._waiting == most:
                self._flush()
            self._wait(phi[room:], y[room:])
        return self

    def merge(self, other: Primal) -> Self:
        """Take in the rows of other sums, of another process or device; ``other`` keeps its own."""
        if other.n == 0:
            return self
        other._flush()
        if self.n:
            self._check(len(other._shift_P), len(other._sum_L) - 1)
            self._flush()
        else:
            self._start(other._shift_P, len(other._sum_L) - 1)
            self._is_shifted = True
        device = self._gram_PP.device
        sum_L = other._sum_L.to(device)
        apart_P = other._shift_P.to(device).double() - self._shift_P.double()
        crossed_P = other._cross_PL[:, -1].to(device) + other.n / 2 * apart_P
        self._gram_PP.add_(other._gram_PP.to(device)).addr_(apart_P, crossed_P).addr_(crossed_P, apart_P)
        self._cross_PL.add_(other._cross_PL.to(device)).addr_(apart_P, sum_L)
        self._sum_L += sum_L
        self.n += other.n
        return self

    def _check(self, n_features: int, n_targets: int) -> None:
        p, k = len(self._shift_P), len(self._sum_L) - 1
        if (n_features, n_targets) != (p, k):
            raise ValueError(f"these rows have {n_features} features and {n_targets} targets, those before {p} and {k}")

    def _start(self, shift_P: Tensor, n_targets: int) -> None:
        p, n_sums = len(shift_P), n_targets + 1  # the last "target" is 1, so that the sum of the features comes along
        self._shift_P, self._is_shifted = shift_P, False
        zeros = partial(torch.zeros, dtype=torch.float64, device=shift_P.device)
        self._gram_PP: Tensor = zeros((p, p))
        self._cross_PL: Tensor = zeros((p, n_sums))
        self._sum_L: Tensor = zeros((n_sums,))
        self._block = self._block or max(1, min(8192, max(2**24, p * p // 2) // p))
        self._phi_BP, self._y_BL = shift_P.new_empty(self._block, p), shift_P.new_ones(self._block, n_sums)
        self._waiting = 0

    def _wait(self, phi_NP: Tensor, y_NK: Tensor) -> None:
        end = self._waiting + len(phi_NP)
        torch.sub(phi_NP, self._shift_P, out=self._phi_BP[self._waiting : end])
        self._y_BL[self._waiting : end, :-1] = y_NK
        self._waiting = end

    def _flush(self) -> None:
        if self.n == 0:
            raise ValueError("there are no rows yet")
        phi_BP, y_BL = self._phi_BP[: self._waiting], self._y_BL[: self._waiting]
        self._waiting = 0
        if len(phi_BP):
            if not self._is_shifted:
                self._shift_P, self._is_shifted = phi_BP.mean(0), True
                phi_BP -= self._shift_P
            add_gram(self._gram_PP, phi_BP, self.product)
            self._cross_PL += self.product(phi_BP, y_BL)
            self._sum_L += y_BL.sum(0, dtype=torch.float64)

    @property
    def _sum_P(self) -> Tensor:
        self._flush()
        return self._cross_PL[:, -1]

    @property
    def mean_P(self) -> Tensor:
        """See :class:`AbstractSystem`."""
        mean_P: Tensor = self._shift_P + self._sum_P / self.n
        return mean_P

    @property
    def mean_K(self) -> Tensor:
        """See :class:`AbstractSystem`."""
        self._flush()
        return self._sum_L[:-1] / self.n

    @property
    def is_finite(self) -> bool:
        """See :class:`AbstractSystem`."""
        return bool(self._sum_P.isfinite().all() and self._gram_PP.diagonal().isfinite().all())

    @property
    def exact(self) -> bool:
        """See :class:`AbstractSystem`."""
        return self._phi_BP.dtype == torch.float64

    def _matrix(self, out: Tensor) -> Tensor:
        return torch.addr(self._gram_PP, self._sum_P, self._sum_P, alpha=-1 / self.n, out=out)

    @property
    def _summed_M(self) -> Tensor:
        self._flush()
        return self._gram_PP.diagonal()

    @property
    def _right_MK(self) -> Tensor:
        self._flush()
        return torch.addr(self._cross_PL[:, :-1], self._sum_P, self.mean_K, alpha=-1)

    def _coefficients(self, x_MK: Tensor) -> Tensor:
        return x_MK

    def left_out(self, spectrum: Spectrum, rows: Rows, penalties: Sequence[float]) -> Iterator[Tensor]:
        """See :meth:`AbstractSystem.left_out`. Costs the features once more, and N P**2 multiply-adds."""
        shrinkage_PS = spectrum.shrinkage(penalties)
        beta_PSK = shrinkage_PS[:, :, None] * spectrum.right_MK[:, None, :]
        dtype = torch.float64 if self.exact or self.n < 2 * len(self._shift_P) else self._shift_P.dtype
        mean_P = self.mean_P.to(dtype)  # leverages near 1 need every digit
        for phi_NP, y_NK in rows:
            centred_NP = phi_NP.to(dtype) - mean_P
            rotated_NP = (centred_NP @ spectrum.v_MM.to(centred_NP.dtype)).double()
            leverage_NS = 1 / self.n + rotated_NP.square() @ shrinkage_PS
            fitted_NSK = (rotated_NP @ beta_PSK.flatten(1)).view(-1, *beta_PSK.shape[1:]) + self.mean_K
            y_N1K = y_NK.double()[:, None, :]
            yield y_N1K - (y_N1K - fitted_NSK) / (1 - leverage_NS)[:, :, None]


def _told(x: Tensor) -> str:
    return f"{tuple(x.shape)} of {x.dtype}"
