"""Training by gradient steps on the cross-entropy: the settings that sgd and adam share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from randfeat.errors import ConfigError
from randfeat.part import setting
from randfeat.solver.base import AbstractSolver, Fitted, Problem
from randfeat.solver.schedule import ScheduleName, schedule
from randfeat.solver.training import Training
from randfeat.split import Selection


@dataclass(frozen=True, kw_only=True)
class AbstractGradient(AbstractSolver):
    """Minimises the mean cross-entropy over batches of rows in a new random order every epoch.

    Settings common to both:
        epochs: passes over the training rows.
        batch_size: rows in a step; an epoch is cut into batches of nearly this size, none left over.
        lr: the largest learning rate of the schedule.
        weight_decay: acts on trained entries only.
        schedule, milestones, decay: see :func:`randfeat.solver.schedule.schedule`.
        label_smoothing: share of the target spread evenly over the classes.
        keep: the weights after the ``last`` epoch, or after the ``best`` one on the validation rows.
        best_epoch: also score the test rows after every epoch and report the best accuracy, as some papers do. It chooses
            nothing: all else is the same to the bit. Costs a pass over the test rows an epoch, and where norm layers use
            their batch while training one over the training rows, which they record their statistics on.
    """

    epochs: int = setting(15, ge=1)
    batch_size: int = setting(128, ge=1)
    lr: float = setting(0.1, gt=0)
    weight_decay: float = setting(0.0, ge=0)
    schedule: ScheduleName = "one_cycle"
    milestones: tuple[float, ...] = setting((0.3, 0.6, 0.8), gt=0, lt=1)
    decay: float = setting(0.2, gt=0, lt=1)
    label_smoothing: float = setting(0.0, ge=0, lt=1)
    keep: Literal["last", "best"] = "last"
    best_epoch: bool = False

    @abstractmethod
    def optimizer(self, tensors: Iterable[Tensor]) -> Optimizer:
        """The optimizer over the trained tensors."""

    def check(self, selection: Selection, begins: Mapping[str, float], subset: str) -> None:
        """See :meth:`AbstractSolver.check`."""
        if subset != "none" and not any(choice is not False for choice in selection.values()):
            raise ConfigError(
                f"subset={subset} with these switches trains nothing. Use subset=none to score the network as drawn."
            )

    @property
    def fits_everything(self) -> bool:
        """See :class:`AbstractSolver`."""
        return True

    @property
    def needs_validation(self) -> bool:
        """See :class:`AbstractSolver`."""
        return self.keep == "best"

    @property
    def scores_test(self) -> bool:
        """See :class:`AbstractSolver`."""
        return self.best_epoch

    @property
    def without_choice(self) -> str:
        """See :class:`AbstractSolver`."""
        return "solver.keep=last"

    def n_batches(self, n: int) -> int:
        """Batches in an epoch of n rows; none has a single row unless that was asked for, for a batch norm needs two."""
        n_batches = math.ceil(n / self.batch_size)
        return n_batches if self.batch_size == 1 else min(n_batches, max(1, n // 2))

    def rates(self, optimizer: Optimizer, n_batches: int) -> LRScheduler:
        """The schedule of the optimizer's learning rates, for epochs of so many batches."""
        return schedule(self.schedule, optimizer, self.lr, self.epochs * n_batches, self.milestones, self.decay)

    def fit(self, problem: Problem) -> Fitted:
        """See :meth:`AbstractSolver.fit`. Goes on from the problem's checkpoint, where that holds a state of this fit."""
        if not problem.trained:
            return Fitted({})
        training = Training(self, problem)
        if (state := problem.checkpoint.load()) is not None:
            training.load(state)
        return training.fit()
