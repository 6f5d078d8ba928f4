"""Gradient fits of several runs at once: each takes the steps that it would take alone."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from randfeat.metrics import accuracy, loss
from randfeat.solver.base import Fitted, Problem, Step
from randfeat.solver.gradient import AbstractGradient
from randfeat.solver.training import awaken, is_best, not_finite, tested
from randfeat.typing import Weights


@dataclass(frozen=True)
class StackedProblem:
    """What S runs of one structure have to fit, on the same rows.

    Attributes:
        runs: each as its solver would see it alone. Used of them: classes, streams, watches, test accuracies, and when tensors
            begin.
        trained: the tensors to fit, as drawn; (S, ...) each.
        train: numbers of training rows (S, B), those of each run -> inputs of the networks (S, B, ...).
        val: numbers of validation rows (B,) -> inputs of the networks (S, B, ...).
        logits: (trained tensors, inputs) -> class scores (S, B, K), differentiable in the tensors.
        train_mode: switches norm layers to training; ``score_mode`` back.
    """

    runs: Sequence[Problem]
    trained: Weights
    train: Callable[[Tensor], Tensor]
    val: Callable[[Tensor], Tensor]
    logits: Callable[[Weights, Tensor], Tensor]
    train_mode: Callable[[], None]
    score_mode: Callable[[], None]


class StackedTraining:
    """The fits of S runs, step by step together.

    Gradients and updates act on every run by itself, so a run that diverges leaves the others as they are. Runs with the
    same settings share an optimizer; those must be neighbours.

    Args:
        solvers: one for each run; they may differ in all but ``epochs`` and ``batch_size``.
        problem: what to fit.
    """

    def __init__(self, solvers: Sequence[AbstractGradient], problem: StackedProblem) -> None:
        self.solvers, self.problem, some = solvers, problem, problem.runs[0]
        for run in problem.runs:
            run.order.integers(2**63)  # what a run alone seeds dropout with
        self.y_N, self.n_val, device = some.train.y_N, len(some.val), some.train.x.device
        self.trained = {name: tensor.clone().requires_grad_() for name, tensor in problem.trained.items()}
        self.n_batches = solvers[0].n_batches(len(self.y_N))
        self.groups = [_Group(solver, slice(a, b), self) for solver, a, b in _neighbours(solvers)]
        smoothing = [solver.label_smoothing for solver in solvers]
        self.smoothing_S = torch.tensor(smoothing, dtype=torch.float64, device=device)
        self.loss_sum_S = torch.zeros(len(solvers), dtype=torch.float64, device=device)
        self.n_right_S = torch.zeros(len(solvers), dtype=torch.int64, device=device)
        self.curves: list[list[dict[str, float]]] = [[] for _ in solvers]
        self.best: list[Fitted] = [Fitted({}) for _ in solvers]
        self.ended: dict[int, Fitted] = {}

    def fit(self) -> list[Fitted]:
        """Train to the end. A run that stops being finite ends as it would alone, while the others go on."""
        epochs = self.solvers[0].epochs
        for epoch in range(1, epochs + 1):
            start = time.perf_counter()
            rates_S = [{"epoch": float(epoch), "lr": lr} for group in self.groups for lr in group.lr_S]
            scores_S = [a | b | c for a, b, c in zip(self._epoch(epoch), self._validate(), self._test(), strict=True)]
            each_s = (time.perf_counter() - start) / len(self.solvers)
            finite_S = torch.stack([t.isfinite().flatten(1).all(1) for t in self.trained.values()]).all(0).tolist()
            for s in self._going:
                row = rates_S[s] | scores_S[s] | {"epoch_s": each_s}
                self.curves[s].append(row)
                self.problem.runs[s].watch(Step(epoch, epochs, row["train/loss"], row.get("val/accuracy")))
                self._judge(s, not_finite(row, finite_S[s]))
            if not self._going:
                break
        return [self._fitted(s) for s in range(len(self.solvers))]

    @property
    def _going(self) -> list[int]:
        return [s for s in range(len(self.solvers)) if s not in self.ended]

    def _judge(self, s: int, reason: str) -> None:
        """End the run where there is a reason to, or keep its weights where they are the best so far."""
        if reason:
            self.ended[s] = Fitted(self._weights(s), "non_finite", reason, self.curves[s])
        elif self.solvers[s].keep == "best" and is_best(self.curves[s]):
            epoch = len(self.curves[s])
            self.best[s] = Fitted(self._weights(s), curve=self.curves[s], chosen={"epoch": epoch})

    def _fitted(self, s: int) -> Fitted:
        if s in self.ended:
            return self.ended[s]
        return self.best[s] if self.solvers[s].keep == "best" else Fitted(self._weights(s), curve=self.curves[s])

    def _weights(self, s: int) -> Weights:
        return {name: tensor[s].detach().clone() for name, tensor in self.trained.items()}

    def _epoch(self, epoch: int) -> list[dict[str, float]]:
        """A pass over the training rows, for every run in an order of its own."""
        n, epochs, runs = len(self.y_N), self.solvers[0].epochs, self.problem.runs
        order_SN = torch.from_numpy(np.stack([run.order.permutation(n) for run in runs])).to(self.y_N.device)
        self.loss_sum_S.zero_()
        self.n_right_S.zero_()
        self.problem.train_mode()
        for k, rows_SB in enumerate(order_SN.tensor_split(self.n_batches, 1)):
            awaken(self.trained, runs[0].begins, (epoch - 1 + k / self.n_batches) / epochs)
            self.step(rows_SB)
            for s in self._going:
                runs[s].watch(Step(epoch - 1 + (k + 1) / self.n_batches, epochs))
        self.problem.score_mode()
        sums = zip(self.loss_sum_S.tolist(), self.n_right_S.tolist(), strict=True)
        return [{"train/loss": loss / n, "train/accuracy": n_right / n} for loss, n_right in sums]

    def step(self, rows_SB: Tensor) -> None:
        """One step of every run on its own rows."""
        y_SB = self.y_N[rows_SB]
        scores_SBK = self.problem.logits(self.trained, self.problem.train(rows_SB))
        loss_S = self._losses(scores_SBK, y_SB)
        for tensor in self.trained.values():
            tensor.grad = None
        if loss_S.requires_grad:  # else nothing has begun yet
            loss_S.sum().backward()  # type: ignore[no-untyped-call]
        for group in self.groups:
            group.step(self.trained)
        self.loss_sum_S += loss_S.detach().double() * rows_SB.shape[1]
        self.n_right_S += (scores_SBK.argmax(2) == y_SB).sum(1)

    def _losses(self, scores_SBK: Tensor, y_SB: Tensor) -> Tensor:
        """The mean cross-entropy of every run, each with its own share of the target spread evenly over the classes."""
        log_p_SBK = F.log_softmax(scores_SBK, 2)
        loss_S = -log_p_SBK.gather(2, y_SB[:, :, None]).mean((1, 2))
        if not any(solver.label_smoothing for solver in self.solvers):
            return loss_S
        return torch.lerp(loss_S, -log_p_SBK.mean((1, 2)), self.smoothing_S.to(loss_S.dtype))

    @torch.no_grad()
    def _validate(self) -> list[dict[str, float]]:
        if not self.n_val:
            return [{} for _ in self.solvers]
        y_N = self.problem.runs[0].val.y_N
        rows = torch.split(torch.arange(self.n_val, device=y_N.device), self.solvers[0].batch_size)
        scores_SNK = torch.cat([self.problem.logits(self.trained, self.problem.val(rows_B)) for rows_B in rows], 1)
        return [{"val/loss": loss(s_NK, y_N), "val/accuracy": accuracy(s_NK, y_N)} for s_NK in scores_SNK]

    def _test(self) -> list[dict[str, float]]:
        """Each run by itself, as at the end."""
        runs = enumerate(self.problem.runs)
        return [{} if s in self.ended or run.test is None else tested(run, self._weights(s)) for s, run in runs]


class _Group:
    """Neighbours in a stack that have the same solver: one optimizer and one schedule over their slice of the tensors."""

    def __init__(self, solver: AbstractGradient, runs: slice, training: StackedTraining) -> None:
        self._runs = runs
        self._slices = {name: tensor.detach()[runs].requires_grad_() for name, tensor in training.trained.items()}
        self._optimizer = solver.optimizer(self._slices.values())
        self._rates = solver.rates(self._optimizer, training.n_batches)

    @property
    def lr_S(self) -> list[float]:
        """The learning rate of each run now."""
        return [self._optimizer.param_groups[0]["lr"]] * (self._runs.stop - self._runs.start)

    def step(self, trained: Weights) -> None:
        """Update the slices in place, by the gradients of the whole tensors."""
        for name, piece in self._slices.items():
            gradient = trained[name].grad
            piece.grad = None if gradient is None else gradient[self._runs]
        self._optimizer.step()
        self._rates.step()


def _neighbours(solvers: Sequence[AbstractGradient]) -> list[tuple[AbstractGradient, int, int]]:
    """Each solver with the first of the runs in a row that have it, and the one after the last."""
    end, found = 0, []
    for solver, same in itertools.groupby(solvers):
        begin, end = end, end + len(list(same))
        found.append((solver, begin, end))
    return found
