"""A gradient fit in progress: its steps, and all that the rest of it depends on, to be saved and taken up again."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from randfeat.metrics import accuracy, loss, mean_loss, n_answers, n_right
from randfeat.solver.base import Fitted, Problem, Step
from randfeat.solver.checkpoint import State
from randfeat.typing import Weights

if TYPE_CHECKING:
    from randfeat.solver.gradient import AbstractGradient


class Training:
    """The fit of one problem, from its first step to its last.

    :meth:`state` and :meth:`load` carry it over an interruption: what goes on from a state ends in the same numbers, to the
    bit, on the same machine. Where in the training it is: ``len(curve)`` epochs are done, and ``batch`` batches of the next.

    Args:
        solver: its settings.
        problem: what to fit. Its stream, its buffers and torch's own random numbers move along.
    """

    def __init__(self, solver: AbstractGradient, problem: Problem) -> None:
        torch.manual_seed(int(problem.order.integers(2**63)))  # dropout is the one draw that torch makes itself
        self.solver, self.problem = solver, problem
        self.device = problem.train.x.device
        self.trained = {name: tensor.clone().requires_grad_() for name, tensor in problem.trained.items()}
        self.optimizer = solver.optimizer(self.trained.values())
        self.n_batches, self.n_answers = solver.n_batches(len(problem.train)), n_answers(problem.train.y_N)
        self.rates = solver.rates(self.optimizer, self.n_batches)
        self.curve: list[dict[str, float]] = []
        self.best: Weights = {}
        self.best_epoch, self.batch, self.lr = 0, 0, 0.0
        self.permutation = np.empty(0, np.int64)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self.n_right = torch.zeros((), dtype=torch.int64, device=self.device)
        self.earlier_s, self.epoch_s, self.start = 0.0, 0.0, time.perf_counter()

    def fit(self) -> Fitted:
        """Train to the end, or to the epoch in which something stops being finite."""
        while len(self.curve) < self.solver.epochs:
            start = time.perf_counter() - self.epoch_s
            row = self._epoch(start) | validate(self.problem, self.trained) | tested(self.problem, self.trained)
            self.curve.append(row | {"epoch_s": time.perf_counter() - start})
            self.batch, self.epoch_s = 0, 0.0
            self.problem.watch(Step(row["epoch"], self.solver.epochs, row["train/loss"], row.get("val/accuracy")))
            if reason := not_finite(row, all(tensor.isfinite().all() for tensor in self.trained.values())):
                return Fitted(detached(self.trained), "non_finite", reason, self.curve, earlier_s=self.earlier_s)
            if self.solver.keep == "best" and is_best(self.curve):
                self.best, self.best_epoch = detached(self.trained), len(self.curve)
        if self.solver.keep == "best":
            return Fitted(self.best, curve=self.curve, chosen={"epoch": self.best_epoch}, earlier_s=self.earlier_s)
        return Fitted(detached(self.trained), curve=self.curve, earlier_s=self.earlier_s)

    def _epoch(self, start: float) -> dict[str, float]:
        """The rest of a pass over the training rows; its loss and accuracy are those of the steps themselves."""
        n, done, checkpoint = len(self.problem.train), len(self.curve), self.problem.checkpoint
        if self.batch == 0:
            self.permutation, self.lr = self.problem.order.permutation(n), self.optimizer.param_groups[0]["lr"]
            self.loss_sum.zero_()
            self.n_right.zero_()
        self.problem.train_mode()
        for batch in np.array_split(self.permutation, self.n_batches)[self.batch :]:
            awaken(self.trained, self.problem.begins, (done + self.batch / self.n_batches) / self.solver.epochs)
            self._step(batch)
            self.batch += 1
            if checkpoint.due():
                self.epoch_s = time.perf_counter() - start
                checkpoint.save(self.state())
            self.problem.watch(Step(done + self.batch / self.n_batches, self.solver.epochs))
        self.problem.score_mode()
        scores = {"train/loss": self.loss_sum.item() / n, "train/accuracy": self.n_right.item() / self.n_answers}
        return {"epoch": float(done + 1), "lr": self.lr} | scores

    def _step(self, batch: np.ndarray) -> None:
        problem, rows = self.problem, torch.from_numpy(batch).to(self.device)
        x, y_N = problem.train.x[rows], problem.train.y_N[rows]
        if problem.augment is not None:
            x = problem.augment(x, problem.order)
        self.optimizer.zero_grad()  # a tensor without a gradient is passed over: no decay, no momentum
        n_pieces = min(problem.pieces, len(batch))
        for x_rows, y_rows in zip(x.tensor_split(n_pieces), y_N.tensor_split(n_pieces), strict=True):
            outputs = problem.logits(self.trained, problem.prepare(x_rows))
            mean = mean_loss(outputs, y_rows, self.solver.label_smoothing)
            share = len(y_rows) / len(batch)
            if mean.requires_grad:  # else nothing has begun yet
                (mean * share if share < 1 else mean).backward()  # type: ignore[no-untyped-call]
            self.loss_sum += mean.detach().double() * len(y_rows)
            self.n_right += n_right(outputs, y_rows)
        self.optimizer.step()
        self.rates.step()

    def state(self) -> State:
        """All that the rest of the fit depends on, copied, so that later steps do not change it."""
        on_cuda = self.device.type == "cuda"
        return copy.deepcopy(
            {
                "of": self._identity(),
                "trained": {name: tensor.detach() for name, tensor in self.trained.items()},
                "buffers": dict(self.problem.buffers),
                "optimizer": self.optimizer.state_dict(),
                "rates": self.rates.state_dict(),
                "order": self.problem.order.bit_generator.state,
                "torch": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state(self.device) if on_cuda else None,
                "permutation": torch.from_numpy(self.permutation),
                "sums": [self.loss_sum, self.n_right],
                "fit_s": self.earlier_s + time.perf_counter() - self.start,
                **{name: getattr(self, name) for name in _PLAIN},
            }
        )

    def load(self, state: State) -> None:
        """Go on from here. A state of another fit, or of another torch, changes nothing."""
        if state.get("of") != self._identity():
            return
        now = self.state()
        try:
            self._load(state)
        except (LookupError, TypeError, ValueError, RuntimeError):
            self._load(now)

    @torch.no_grad()
    def _load(self, state: State) -> None:
        for name, tensor in self.trained.items():
            tensor.copy_(state["trained"][name])
        for name, tensor in self.problem.buffers.items():
            tensor.copy_(state["buffers"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rates.load_state_dict(state["rates"])
        self.problem.order.bit_generator.state = state["order"]
        torch.set_rng_state(state["torch"])
        if state["cuda"] is not None:
            torch.cuda.set_rng_state(state["cuda"], self.device)
        self.permutation = state["permutation"].numpy()
        self.loss_sum, self.n_right = (total.to(self.device) for total in state["sums"])
        for name in _PLAIN:
            setattr(self, name, state[name])
        self.best = {name: tensor.to(self.device) for name, tensor in self.best.items()}
        self.earlier_s = state["fit_s"]

    def _identity(self) -> dict[str, Any]:
        """What a state has to have in common with the fit that takes it up."""
        return {
            "torch": str(torch.__version__),
            "device": self.device.type,
            "solver": self.solver.settings(),
            "n_rows": len(self.problem.train),
            "tensors": {name: [str(tensor.dtype), *tensor.shape] for name, tensor in self.problem.trained.items()},
        }


_PLAIN = ("curve", "best", "best_epoch", "batch", "lr", "epoch_s")
"""What of a training is saved as it is."""


def awaken(trained: Weights, begins: Mapping[str, float], done: float) -> None:
    """Gradients for the tensors whose time has come, ``done`` being the share of the training so far; none for others."""
    for name, begin in begins.items():
        if name in trained:
            trained[name].requires_grad_(done >= begin)


@torch.no_grad()
def validate(problem: Problem, trained: Weights) -> dict[str, float]:
    """Loss and accuracy on the validation rows; nothing where there are none."""
    if not len(problem.val):
        return {}
    outputs = torch.cat([problem.logits(trained, problem.prepare(block.x)) for block in problem.val.blocks()])
    return {"val/loss": loss(outputs, problem.val.y_N), "val/accuracy": accuracy(outputs, problem.val.y_N)}


def tested(problem: Problem, trained: Weights) -> dict[str, float]:
    """Accuracy on the test rows, where it was asked for."""
    return {} if problem.test is None else {"test/accuracy": problem.test(trained)}


def not_finite(row: Mapping[str, float], weights_are: bool) -> str:
    """What stopped being finite in the epoch of this row of the curve; empty where its loss and the weights are."""
    if math.isfinite(row["train/loss"]) and weights_are:
        return ""
    return f"a weight or the loss ({row['train/loss']:g}) was not finite in epoch {row['epoch']:g}"


def is_best(curve: list[dict[str, float]]) -> bool:
    """Whether the last epoch is better than all before it on the validation rows."""
    return curve[-1]["val/accuracy"] > max((row["val/accuracy"] for row in curve[:-1]), default=-1.0)


def detached(trained: Weights) -> dict[str, Tensor]:
    """The tensors as they are now."""
    return {name: tensor.detach().clone() for name, tensor in trained.items()}
