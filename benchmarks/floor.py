"""What a closed-form fit cannot do without, at the rates that the machine reaches by itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import scipy.linalg
import torch
from timing import seconds
from torch import Tensor

from randfeat.products import ERROR, Product, one_dnn, plain


def open_blas(a_KM: Tensor, b_KQ: Tensor) -> Tensor:
    """a'b by numpy."""
    return torch.from_numpy(a_KM.numpy().T @ b_KQ.numpy())


PRODUCTS: dict[str, Product] = {"torch, default": plain, "torch, oneDNN": one_dnn, "numpy": open_blas}
SIDE = 4096


class Floor(NamedTuple):
    """Seconds: the feature product, half a Gram product, and one factorisation."""

    features: float
    gram: float
    cholesky: float
    rates: Mapping[str, float]
    """Multiply-adds a second of each product that keeps the documented error."""

    @property
    def seconds(self) -> float:
        return self.features + self.gram + self.cholesky


def work(p: int) -> dict[str, Callable[[], float]]:
    """Products of square matrices, and Cholesky factorisations of P x P, each by name, giving their seconds."""
    cpu, draws = torch.device("cpu"), torch.Generator().manual_seed(0)
    side = min(SIDE, 8 * p)
    a, b = (torch.rand(side, side, generator=draws) for _ in range(2))
    spd_PP = torch.rand(p, p, generator=draws, dtype=torch.float64)
    spd_PP = spd_PP + spd_PP.T + 2 * p * torch.eye(p, dtype=torch.float64)
    factorisations: dict[str, Callable[[], object]] = {
        "torch": functools.partial(torch.linalg.cholesky, spd_PP),
        "scipy": functools.partial(scipy.linalg.cholesky, spd_PP.numpy(), lower=True, check_finite=False),
    }
    timed = {f"product/{name}": functools.partial(PRODUCTS[name], a, b) for name in PRODUCTS if error(PRODUCTS[name]) <= ERROR}
    timed |= {f"cholesky/{name}": factorise for name, factorise in factorisations.items()}
    return {name: functools.partial(seconds, once, cpu) for name, once in timed.items()}


def error(product: Product) -> float:
    """The largest error of an entry of a'b, as a share of the norms of its two columns."""
    a_KM = torch.rand(2048, 256, generator=torch.Generator().manual_seed(0))
    true_MM = plain(a_KM.double(), a_KM.double())
    norms_M = true_MM.diagonal().sqrt()
    return float(((product(a_KM, a_KM.clone()) - true_MM).abs() / torch.outer(norms_M, norms_M)).max())


def floor(taken: Mapping[str, float], n: int, d: int, p: int) -> Floor:
    """From the seconds of :func:`work`: N D P and N P**2 / 2 multiply-adds at the best rate, and the faster Cholesky."""
    side = min(SIDE, 8 * p)
    rates = {name.split("/")[1]: side**3 / t for name, t in taken.items() if name.startswith("product/")}
    best = max(rates.values())
    cholesky = min(t for name, t in taken.items() if name.startswith("cholesky/"))
    return Floor(n * d * p / best, n * p * p / 2 / best, cholesky, rates)
