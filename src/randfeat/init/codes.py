"""Sums of products over rows and their codes, with all threads, and yet the same to the last bit whatever their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

NUMBERS = 2**24
"""Numbers of a block of codes, 128 MiB in float64."""

TILE = 1024
"""Codes of a panel; the Gram matrix is formed in tiles of so many rows and columns, each by one thread."""

Encoder = Callable[[np.ndarray, slice], np.ndarray]
"""Rows (n, D) and the numbers of some codes -> those codes (n, fewer than P)."""


@dataclass(frozen=True)
class Sums:
    """Over N rows x and their codes h.

    Attributes:
        gram_PP: of h h', in the upper triangle and the tiles on the diagonal; empty where it was not asked for.
        cross_PD: of h x'.
        h_P: of h.
        x_D: of x.
    """

    gram_PP: np.ndarray
    cross_PD: np.ndarray
    h_P: np.ndarray
    x_D: np.ndarray


def summed(x_ND: np.ndarray, n_codes: int, encode: Encoder, threads: int, *, gram: bool) -> Sums:
    """The sums over all rows, a block of them at a time, in float64.

    The numerical libraries have to be set to one thread each. Whatever ``threads`` is, a tile is one thread's, and its
    products are formed and added up in the same order.

    Cost: N P (D + P / 2) multiply-adds with the Gram matrix. Memory: that matrix and one block of codes.
    """
    panels = [slice(start, min(start + TILE, n_codes)) for start in range(0, n_codes, TILE)]
    tiles = [(rows, columns) for k, rows in enumerate(panels) for columns in panels[k:]] if gram else []
    gram_PP = np.zeros((n_codes, n_codes) if gram else (0, 0))
    cross_PD, h_P, x_D = np.zeros((n_codes, x_ND.shape[1])), np.zeros(n_codes), np.zeros(x_ND.shape[1])
    with ThreadPoolExecutor(threads) as pool:
        for x_BD in _blocks(x_ND, n_codes):
            h_BP = np.empty((len(x_BD), n_codes))

            def panel(codes: slice, x_BD: np.ndarray = x_BD, h_BP: np.ndarray = h_BP) -> None:
                h_BP[:, codes] = encode(x_BD, codes)
                cross_PD[codes] += h_BP[:, codes].T @ x_BD
                h_P[codes] += h_BP[:, codes].sum(0)

            def tile(where: tuple[slice, slice], h_BP: np.ndarray = h_BP) -> None:
                gram_PP[where] += h_BP[:, where[0]].T @ h_BP[:, where[1]]

            list(pool.map(panel, panels))
            list(pool.map(tile, tiles))
            x_D += x_BD.sum(0)
    return Sums(gram_PP, cross_PD, h_P, x_D)


def _blocks(x_ND: np.ndarray, n_codes: int) -> Iterator[np.ndarray]:
    """The rows in float64, as many at a time as fill a block of codes."""
    n_blocks = -(-len(x_ND) // max(1, NUMBERS // n_codes))
    return (block.astype(np.float64) for block in np.array_split(x_ND, n_blocks))
