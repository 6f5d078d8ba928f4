"""Which rows are kept, which are held out: stratified draws, each from a stream of its own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from randfeat.data.dataset import Raw
from randfeat.errors import DataError
from randfeat.seeds import Stream, stream
from randfeat.typing import Examples

Rows = npt.NDArray[np.int64]
"""Row numbers, or classes by row."""


def stratified(y_N: Rows, n: int, draws: Stream) -> Rows:
    """``n`` different rows, every class in proportion to within one row; in increasing order.

    Class k of N_k rows gets ``n * N_k / N`` rows, rounded by largest remainder, ties at random. What is drawn does not
    depend on ``n``: with classes of equal size, fewer rows are a subset of more rows from an equal stream.
    """
    sizes_K = np.bincount(y_N)
    quotas_K, remainders_K = np.divmod(n * sizes_K, len(y_N))
    ties_K = draws.random(len(sizes_K))
    most_left = np.lexsort((ties_K, -remainders_K))
    quotas_K[most_left[: n - quotas_K.sum()]] += 1
    order_N = draws.permutation(len(y_N))
    return np.sort(np.concatenate([order_N[y_N[order_N] == k][:quota] for k, quota in enumerate(quotas_K)]))


def rest(n: int, taken: Rows) -> Rows:
    """The rows from 0 to n - 1 that are not ``taken``, in increasing order."""
    return np.delete(np.arange(n), taken)


def take(examples: Examples, rows: Rows) -> Examples:
    """These rows of the examples, in this order."""
    index = torch.from_numpy(rows)
    return Examples(examples.x[index], examples.y_N[index])


def classes(examples: Examples) -> Rows:
    """``y_N`` as numpy has it; all rows are of one class where they have no one class each."""
    one_class = examples.y_N.ndim == 1
    return examples.y_N.numpy() if one_class else np.zeros(len(examples), np.int64)


def train_and_val(examples: Examples, val_share: float, seed: int) -> tuple[Examples, Examples]:
    """The rows that train, in a random order, and ``val_share`` of all rows, stratified; at least one row trains."""
    n = len(examples)
    held_out = stratified(classes(examples), min(round(val_share * n), n - 1), stream(seed, "data", "val"))
    shuffled = stream(seed, "data", "order").permutation(rest(n, held_out))
    return take(examples, shuffled), take(examples, held_out)


def with_fifth_held_out(examples: Examples, title: str) -> Raw:
    """A fixed stratified fifth of the rows as test set: it never depends on a seed, only on the rows and their order.

    Raises:
        DataError: fewer than five rows.
    """
    if len(examples) < 5:
        raise DataError(f"{title} has {len(examples)} rows and no test set; a fifth held out needs at least 5 rows.")
    held_out = stratified(classes(examples), round(len(examples) / 5), stream(0, "data", "fifth"))
    return Raw(take(examples, rest(len(examples), held_out)), take(examples, held_out))
