"""Products of float32 matrices: of those that the device offers the fastest that is still a float32 product."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

ERROR = 1e-6
"""No entry of a'b may be further from the true one than this share of the norms of its two columns."""

FASTER = 0.8
"""Another product is taken where it needs less than this share of the plain one's time."""

Product = Callable[[Tensor, Tensor], Tensor]
"""(K, M) and (K, Q) in float32 or float64 -> a'b (M, Q)."""


def plain(a_KM: Tensor, b_KQ: Tensor) -> Tensor:
    """The product in the matrices' own precision, as torch forms it by default: on a CPU by MKL."""
    return a_KM.T @ b_KQ


def double(a_KM: Tensor, b_KQ: Tensor) -> Tensor:
    """The product in float64. On a GPU with float64 tensor cores as fast as the plain one."""
    return a_KM.double().T @ b_KQ.double()


def one_dnn(a_KM: Tensor, b_KQ: Tensor) -> Tensor:
    """The product that torch's matrix precision ``medium`` stands for on a CPU: by oneDNN, in float32 unless the CPU rounds.

    On AMD processors twice as fast as MKL; on one with AMX it may be a product of bfloat16, which :func:`fastest` refuses.
    """
    with matrix_precision("medium"):
        return a_KM.T @ b_KQ


def split_tf32(a_KM: Tensor, b_KQ: Tensor) -> Tensor:
    """The product by tensor cores: each matrix is the sum of two that TF32 holds exactly; three of the four products.

    See: Ootomo and Yokota, "Recovering single precision accuracy from tensor cores while surpassing the FP32 theoretical
    peak performance", IJHPCA 36 (2022).
    """
    (a_high, a_low), (b_high, b_low) = _halves(a_KM), _halves(b_KQ)
    with matrix_precision("high"):
        return a_high.T @ b_high + (a_high.T @ b_low + a_low.T @ b_high)


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """The leading 11 bits of each number's 24, and the rest."""
    high = (x.contiguous().view(torch.int32) & -(2**13)).view(torch.float32)
    return high, x - high


@contextlib.contextmanager
def matrix_precision(name: str) -> Iterator[None]:
    """Torch's precision of float32 products, for as long as the context lasts."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def layers_by(product: Product) -> contextlib.AbstractContextManager[None]:
    """A context in which layers, too, multiply as ``product`` does, where torch has a switch for it."""
    return matrix_precision("medium") if product is one_dnn else contextlib.nullcontext()


@functools.cache
def fastest(device: torch.device) -> Product:
    """The fastest product on this device whose error, measured against float64, is at most ``ERROR``; costs about 0.1 s.

    Another than the plain one is taken only where it is clearly faster.
    """
    stream = torch.Generator().manual_seed(0)
    a_KM = torch.rand(2048, 1024, generator=stream).to(device)
    true_MM = plain(a_KM.double(), a_KM.double())
    norms_M = true_MM.diagonal().sqrt()
    best, least = plain, FASTER * _seconds(plain, a_KM)
    for product in (one_dnn,) if device.type == "cpu" else (split_tf32, double):
        error_MM = (product(a_KM, a_KM) - true_MM).abs() / torch.outer(norms_M, norms_M)
        if error_MM.max() <= ERROR and (seconds := _seconds(product, a_KM)) < least:
            best, least = product, seconds
    return best


def _seconds(product: Product, a_KM: Tensor) -> float:
    """The least of three times, after one for warming up."""

    def once() -> float:
        start = time.perf_counter()
        product(a_KM, a_KM)[0, 0].item()  # waits for a GPU
        return time.perf_counter() - start

    once()
    return min(once() for _ in range(3))
