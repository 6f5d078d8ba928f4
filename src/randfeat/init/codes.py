"""Sums of products over rows and their codes, with all threads, and yet the same to the last bit whatever their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

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
    shapes = (n_codes, n_codes) if gram else (0, 0), (n_codes, x_ND.shape[1]), n_codes, x_ND.shape[1]
    sums = Sums(*map(np.zeros, shapes))
    with ThreadPoolExecutor(threads) as pool:
        for x_BD in _blocks(x_ND, n_codes):
            h_BP = np.empty((len(x_BD), n_codes))
            list(pool.map(partial(_add_panel, sums, encode, x_BD, h_BP), panels))
            list(pool.map(partial(_add_tile, sums, h_BP), tiles))
            sums.x_D[...] += x_BD.sum(0)
    return sums


def _add_panel(sums: Sums, encode: Encoder, x_BD: np.ndarray, h_BP: np.ndarray, codes: slice) -> None:
    """Fill in these codes, and add what is theirs alone."""
    h_BP[:, codes] = encode(x_BD, codes)
    sums.cross_PD[codes] += h_BP[:, codes].T @ x_BD
    sums.h_P[codes] += h_BP[:, codes].sum(0)


def _add_tile(sums: Sums, h_BP: np.ndarray, where: tuple[slice, slice]) -> None:
    rows, columns = where
    sums.gram_PP[where] += h_BP[:, rows].T @ h_BP[:, columns]


def _blocks(x_ND: np.ndarray, n_codes: int) -> Iterator[np.ndarray]:
    """The rows in float64, as many at a time as fill a block of codes."""
    n_blocks = -(-len(x_ND) // max(1, NUMBERS // n_codes))
    return (block.astype(np.float64) for block in np.array_split(x_ND, n_blocks))
