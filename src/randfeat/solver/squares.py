"""The training rows of a head as a least-squares system on one-hot classes, or on numbers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from randfeat.least_squares import AbstractSystem, Dual, Primal, Rows
from randfeat.machine import memory_left
from randfeat.metrics import n_answers, truth
from randfeat.network import HEAD
from randfeat.products import Product, double, fastest, plain
from randfeat.solver.base import Problem
from randfeat.solver.head import features, n_features

LARGE = 2e10
"""A Gram matrix of fewer multiply-adds is formed as torch does by default; to look for a faster way would cost more."""


def products(problem: Problem) -> list[Product]:
    """What to multiply features by: the fastest way in their own precision, then float64 where that is another."""
    x = problem.train.x
    if problem.prepare(x[:1]).dtype == torch.float64:
        return [plain]
    n, p = n_answers(problem.train.y_N), n_features(problem)
    return [fastest(x.device) if n * p * min(n, p) > LARGE else plain, double]


def rows(problem: Problem) -> Rows:
    """Features and targets of the training rows, block by block: one-hot classes, or the numbers that are to be answered."""
    for phi_NP, y in features(problem, problem.train):
        yield phi_NP, y if y.is_floating_point() else F.one_hot(y, problem.n_outputs)


def beside(outputs: Iterator[Tensor], y_N: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """What heads give for all answers (n, S, K), block by block, and the truth."""
    true = truth(y_N)
    for outputs_NSK in outputs:
        n = len(outputs_NSK)
        yield outputs_NSK, true[:n]
        true = true[n:]


def gathered(problem: Problem, product: Product, block: int | None = None) -> AbstractSystem:
    """The training rows as a system to solve, formed once for all fits on them: primal while P <= N, else dual."""
    n, p = n_answers(problem.train.y_N), n_features(problem)
    n_bytes = 8 * min(n, p) ** 2 + (8 * n * p if p > n else 0)
    system: AbstractSystem = problem.once((gathered, product, block), lambda: _gathered(problem, product, block), n_bytes)
    return system


def _gathered(problem: Problem, product: Product, block: int | None) -> AbstractSystem:
    n, p = n_answers(problem.train.y_N), n_features(problem)
    if p <= n:
        system = Primal(product, None if block is None else min(block, n))
        for phi_NP, y_NK in rows(problem):
            system.partial_fit(phi_NP, y_NK)
        return system
    first = problem.prepare(problem.train.x[:1])
    all_NP, all_NK = first.new_empty(n, p), first.new_empty(n, problem.n_outputs)
    done = 0
    for phi_NP, y_NK in rows(problem):
        all_NP[done : done + len(phi_NP)], all_NK[done : done + len(phi_NP)] = phi_NP, y_NK
        done += len(phi_NP)
    return Dual(all_NP, all_NK, product)


def shortage(problem: Problem, matrices: int, block: int | None = None) -> str:
    """What the memory does not suffice for, or nothing. ``matrices``: how many of M x M there are at once in float64."""
    n, p = n_answers(problem.train.y_N), n_features(problem)
    kept = n if p > n else min(n, block or 0)
    needed = matrices * 8 * min(n, p) ** 2 + kept * p * problem.trained[f"{HEAD}.weight"].element_size()
    left = memory_left(problem.train.x.device)
    if needed <= left:
        return ""
    return f"{p:,} features of {n:,} rows need {_gib(needed)} GiB, and {_gib(left)} are free"


def _gib(n_bytes: float) -> str:
    return f"{n_bytes / 2**30:.1f}"
