"""Cross-validation: the training rows cut into stratified folds, each predicted by a fit to the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from randfeat.errors import ConfigError
from randfeat.seeds import Stream
from randfeat.solver.base import Problem, Step, Watch
from randfeat.solver.rows import Rows


def folds(y_N: Tensor, n: int, draws: Stream) -> Tensor:
    """The fold (N,) of each row, from 0 to n - 1, drawn at random and stratified.

    All rows, and the rows of each class, lie in each fold in equal number to within one; a class may have fewer than n.

    Raises:
        ConfigError: fewer rows than folds.
    """
    if len(y_N) < n:
        raise ConfigError(
            f"solver.folds={n} needs {n} training rows or more, and there are {len(y_N)}. Use fewer folds or more data.n_train."
        )
    order_N = draws.permutation(len(y_N))
    by_class_N = order_N[np.argsort(y_N.cpu().numpy()[order_N], kind="stable")]
    fold_N = np.empty(len(y_N), np.int64)
    fold_N[by_class_N] = np.arange(len(y_N)) % n
    return torch.from_numpy(fold_N).to(y_N.device)


def without(problem: Problem, rows: Rows, is_held_N: Tensor) -> Problem:
    """The problem whose training rows are all others, and whose validation rows are those held out.

    Args:
        problem: with the training rows.
        rows: their features; where they are kept they are copied, not computed again.
        is_held_N: which rows are held out.
    """
    prepare = (lambda phi_NP: phi_NP) if rows.are_kept else problem.prepare
    return replace(problem, train=rows.part(~is_held_N), val=rows.part(is_held_N), prepare=prepare)


def mean_accuracies(by_fold: Sequence[Mapping[float, Fraction]]) -> dict[float, Fraction]:
    """For each penalty that all folds have, the mean of its accuracies; exact, so that equal ones are."""
    everywhere = [penalty for penalty in by_fold[0] if all(penalty in fold for fold in by_fold)]
    return {penalty: sum((fold[penalty] for fold in by_fold), Fraction(0)) / len(by_fold) for penalty in everywhere}


def within(watch: Watch, k: int, n: int) -> Watch:
    """What tells of a fit as the k-th of n, from 0 on."""
    return lambda step: watch(Step(k + step.done / step.total, n))
