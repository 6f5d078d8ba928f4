"""Filters that are whitened patches of what their layer sees."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from scipy.linalg import eigh
from torch import Tensor

from randfeat.init.filters import AbstractFilters, Bank
from randfeat.init.windows import Windows, differs, patches_of
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "whitened_patches")
@dataclass(frozen=True, kw_only=True)
class WhitenedPatches(AbstractFilters):
    """Filters are ZCA-whitened patches of what the layer sees, scaled to norm gain.

    A patch p as ``init=patches`` draws it becomes ``u = W (p - m)`` with W = (C + epsilon c I)^(-1/2), where m is the mean and
    C the covariance of up to ``patches`` patches, and c the mean of C's eigenvalues. With ``power=2`` the filter is
    ``gain W u / (|u| sqrt(d))`` and has not norm gain: its response to x is that of the whitened patch u, scaled to norm
    gain, to ``W x / sqrt(d)``, which is x whitened where windows have d numbers of mean square 1, as in the papers cited.

    Cost: n d m + 9 m**3 multiply-adds in float64 for each group of each layer, n patches and m the smaller of n and d.

    See: Coates and Ng, ICML 2011; Thiry, Arbel, Belilovsky and Oyallon, ICLR 2021; Bell and Sejnowski, Vision Research
    37 (1997), for ZCA.
    """

    patches: int = setting(10000, ge=2)
    epsilon: float = setting(0.1, gt=0)
    power: Literal[1, 2] = 1

    def filters(self, windows: Windows, n: int, stream: Stream) -> Bank:
        """See :meth:`AbstractFilters.filters`."""
        found = patches_of(windows, max(n, self.patches), stream)
        if len(found) == 0 or not bool(differs(found - found[0], found).any()):
            return Bank(found[:0])
        found, root = centred_and_root(found, self.epsilon)
        once_nd = root(found)
        if self.power == 1:
            return Bank(once_nd[:n])
        norms_n1 = once_nd[:n].norm(dim=1, keepdim=True) * math.sqrt(found.shape[1])
        return Bank(root(once_nd)[:n] / norms_n1, scaled=True)


def centred_and_root(x_ND: Tensor, epsilon: float) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The rows of X less their mean, and what multiplies them by ``W = U diag((s + epsilon mean(s))^(-1/2)) U'``.

    U diag(s) U' is the covariance of the rows, X'X / N; that of the rows times W is U diag(s / (s + epsilon mean(s))) U'.
    Where N < D the same comes from the smaller X X' / N = V diag(s) V', as V diag((s + ...)^(-1/2)) V' X.
    """
    n_rows, n_inputs = x_ND.shape
    mean_free = x_ND - x_ND.mean(0)
    tall, c_ND = n_rows >= n_inputs, mean_free.numpy()
    s, v = eigh((c_ND.T @ c_ND if tall else c_ND @ c_ND.T) / n_rows)
    root = (v * (s.clip(min=0) + epsilon * s.sum() / n_inputs) ** -0.5) @ v.T
    return mean_free, lambda rows_ND: torch.from_numpy(rows_ND.numpy() @ root if tall else root @ rows_ND.numpy())
