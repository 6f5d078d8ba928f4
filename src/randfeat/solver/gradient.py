"""Training by gradient steps on the cross-entropy: the loop that sgd and adam share."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from randfeat.errors import ConfigError
from randfeat.metrics import accuracy, cross_entropy
from randfeat.part import setting
from randfeat.solver.base import AbstractSolver, Fitted, Problem, Step
from randfeat.solver.schedule import ScheduleName, schedule
from randfeat.split import Selection
from randfeat.typing import Examples, Weights


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
    def without_choice(self) -> str:
        """See :class:`AbstractSolver`."""
        return "solver.keep=last"

    def fit(self, problem: Problem) -> Fitted:
        """See :meth:`AbstractSolver.fit`."""
        if not problem.trained:
            return Fitted({})
        torch.manual_seed(int(problem.order.integers(2**63)))  # dropout is the one draw that torch makes itself
        trained = {name: tensor.clone().requires_grad_() for name, tensor in problem.trained.items()}
        optimizer = self.optimizer(trained.values())
        n_batches = self._n_batches(len(problem.train))
        rates = schedule(self.schedule, optimizer, self.lr, self.epochs * n_batches, self.milestones, self.decay)
        curve: list[dict[str, float]] = []
        best, best_epoch = problem.trained, 0
        for epoch in range(1, self.epochs + 1):
            start = time.perf_counter()
            batches = np.array_split(problem.order.permutation(len(problem.train)), n_batches)
            row = {"epoch": float(epoch), "lr": optimizer.param_groups[0]["lr"]}
            row |= self._epoch(problem, trained, optimizer, rates, batches, epoch)
            row |= _validate(problem, trained)
            curve.append(row | {"epoch_s": time.perf_counter() - start})
            problem.watch(Step(epoch, self.epochs, row["train/loss"], row.get("val/accuracy")))
            if not (math.isfinite(row["train/loss"]) and all(tensor.isfinite().all() for tensor in trained.values())):
                reason = f"a weight or the loss ({row['train/loss']:g}) was not finite in epoch {epoch}"
                return Fitted(_detached(trained), "non_finite", reason, curve)
            if self.keep == "best" and row["val/accuracy"] > max((r["val/accuracy"] for r in curve[:-1]), default=-1.0):
                best, best_epoch = _detached(trained), epoch
        if self.keep == "best":
            return Fitted(best, curve=curve, chosen={"epoch": best_epoch})
        return Fitted(_detached(trained), curve=curve)

    def _n_batches(self, n: int) -> int:
        """Batches in an epoch of n rows; none has a single row unless that was asked for, for a batch norm needs two."""
        n_batches = math.ceil(n / self.batch_size)
        return n_batches if self.batch_size == 1 else min(n_batches, max(1, n // 2))

    def _epoch(
        self,
        problem: Problem,
        trained: Weights,
        optimizer: Optimizer,
        rates: torch.optim.lr_scheduler.LRScheduler,
        batches: list[np.ndarray],
        epoch: int,
    ) -> dict[str, float]:
        """One pass over the training rows; the loss and accuracy are those of the steps themselves."""
        problem.train_mode()
        x, y_N = problem.train.x, problem.train.y_N
        loss_sum = torch.zeros((), dtype=torch.float64, device=x.device)
        n_right = torch.zeros((), dtype=torch.int64, device=x.device)
        for k, batch in enumerate(batches):
            _awaken(trained, problem.begins, (epoch - 1 + k / len(batches)) / self.epochs)
            rows = torch.from_numpy(batch).to(x.device)
            x_rows = x[rows] if problem.augment is None else problem.augment(x[rows], problem.order)
            scores_NK = problem.logits(trained, problem.prepare(x_rows))
            loss = F.cross_entropy(scores_NK, y_N[rows], label_smoothing=self.label_smoothing)
            optimizer.zero_grad()  # a tensor without a gradient is passed over: no decay, no momentum
            if loss.requires_grad:  # else nothing has begun yet
                loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rates.step()
            loss_sum += loss.detach().double() * len(batch)
            n_right += (scores_NK.argmax(1) == y_N[rows]).sum()
            problem.watch(Step(epoch - 1 + (k + 1) / len(batches), self.epochs))
        problem.score_mode()
        n = len(problem.train)
        return {"train/loss": loss_sum.item() / n, "train/accuracy": n_right.item() / n}


def _awaken(trained: Weights, begins: Mapping[str, float], done: float) -> None:
    """Gradients for the tensors whose time has come, ``done`` being the share of the training so far; none for others."""
    for name, begin in begins.items():
        if name in trained:
            trained[name].requires_grad_(done >= begin)


@torch.no_grad()
def _validate(problem: Problem, trained: Weights) -> dict[str, float]:
    if not len(problem.val):
        return {}
    val: Examples = problem.val
    scores_NK = torch.cat([problem.logits(trained, problem.prepare(block.x)) for block in val.blocks()])
    return {"val/loss": cross_entropy(scores_NK, val.y_N), "val/accuracy": accuracy(scores_NK, val.y_N)}


def _detached(trained: Weights) -> Weights:
    return {name: tensor.detach().clone() for name, tensor in trained.items()}
