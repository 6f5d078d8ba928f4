"""The N x N form, for more features than rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from randfeat.least_squares.spectrum import Spectrum
from randfeat.least_squares.system import AbstractSystem, Rows, add_gram
from randfeat.products import Product, double, plain

COLUMNS = 8192
"""Features multiplied at a time."""


class Dual(AbstractSystem):
    """A = centred phi phi' + c 11' and B = centred y (N x N and N x K); beta = phi' x. The cheaper form where P > N.

    Centred rows add up to zero, so that A alone would be singular; the mean eigenvalue c N in the direction of 1 changes no
    solution. Without a penalty there are many, so there is none. Memory: the features as they are, N P numbers, and N**2.

    Args:
        phi_NP: all rows.
        y_NK: their targets.
        product: see :mod:`randfeat.products`.
    """

    needs_penalty: ClassVar[bool] = True
    spare: ClassVar[int] = 1

    def __init__(self, phi_NP: Tensor, y_NK: Tensor, product: Product = plain) -> None:
        super().__init__(product)
        self._mean_P = phi_NP.mean(0, dtype=torch.float64)
        self._mean_K = y_NK.mean(0, dtype=torch.float64)
        self._y_NK = y_NK.double() - self._mean_K
        self._phi_NP = phi_NP
        n = len(phi_NP)
        self._gram_NN = torch.zeros(n, n, dtype=torch.float64, device=phi_NP.device)
        for phi_NQ in self._centred():
            add_gram(self._gram_NN, phi_NQ.T, product)
        self._ones = self._gram_NN.diagonal().sum() / n  # the eigenvalue of the direction of 1
        self._gram_NN += self._ones / n

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
        return bool(self._gram_NN.diagonal().isfinite().all())

    @property
    def exact(self) -> bool:
        """See :class:`AbstractSystem`."""
        return self.product is double or self._phi_NP.dtype == torch.float64

    def _matrix(self, out: Tensor) -> Tensor:
        return out.copy_(self._gram_NN)

    @property
    def _summed_M(self) -> Tensor:
        return self._gram_NN.diagonal()

    @property
    def _right_MK(self) -> Tensor:
        return self._y_NK

    def _coefficients(self, x_MK: Tensor) -> Tensor:
        return torch.cat([self.product(phi_NQ, x_MK.to(phi_NQ.dtype)).double() for phi_NQ in self._centred()])

    def _centred(self) -> Iterator[Tensor]:
        """The features less their means, some columns at a time."""
        dtype = torch.float64 if self.exact else self._phi_NP.dtype
        columns = zip(torch.split(self._phi_NP, COLUMNS, dim=1), torch.split(self._mean_P, COLUMNS), strict=True)
        return (phi_NQ.to(dtype) - mean_Q.to(dtype) for phi_NQ, mean_Q in columns)

    def left_out(self, spectrum: Spectrum, rows: Rows, penalties: Sequence[float]) -> Iterator[Tensor]:
        """See :meth:`AbstractSystem.left_out`. Without another look at the rows: all in one block."""
        shrinkage_NS = spectrum.shrinkage(penalties)
        shrunk_NSK = shrinkage_NS[:, :, None] * spectrum.right_MK[:, None, :]
        residual_NSK = (spectrum.v_MM @ shrunk_NSK.flatten(1)).view(shrunk_NSK.shape)
        inverse_NS = spectrum.v_MM.square() @ shrinkage_NS
        n = len(inverse_NS)
        ones_S = 1 / (torch.tensor(penalties, dtype=torch.float64, device=inverse_NS.device) + self._ones) / n
        yield (self._y_NK + self._mean_K)[:, None, :] - residual_NSK / (inverse_NS - ones_S)[:, :, None]
