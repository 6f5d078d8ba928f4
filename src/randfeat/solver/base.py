"""The contract of a solver: a problem in, fitted weights and how it went out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from randfeat.network import Network
from randfeat.part import Part
from randfeat.seeds import Stream
from randfeat.solver.checkpoint import NEVER, Checkpoint
from randfeat.split import Selection
from randfeat.typing import Examples, Task, Weights


@dataclass(frozen=True)
class Step:
    """How far a fit has come: ``done`` of ``total`` (epochs, or passes over the data), and the latest scores if any."""

    done: float
    total: float
    loss: float | None = None
    accuracy: float | None = None


Watch = Callable[[Step], None]

Once = Callable[[Hashable, Callable[[], Any], float], Any]
"""(name, what makes it, its bytes) -> the thing of that name, which another fit on the same rows may have made."""


def alone(name: Hashable, make: Callable[[], Any], n_bytes: float) -> Any:
    """A :data:`Once` that shares nothing."""
    return make()


@dataclass(frozen=True)
class Problem:
    """What a solver sees: tensors and functions; no data set, no architecture, no configuration.

    Attributes:
        trained: the tensors to fit, as drawn.
        train: the rows to fit them to.
        val: the rows on which every choice is made.
        n_outputs: K: classes, or numbers in an answer.
        augment: rows of ``train.x`` -> the same rows, changed at random; None where nothing is.
        prepare: rows of ``x`` -> inputs of the first unit that trains. Under a closed-form head: features (N, *answers, P).
        logits: (trained tensors, prepared inputs) -> class scores, or numbers, (N, *answers, K); differentiable in the tensors.
        train_mode: switches norm layers and dropout to training; ``score_mode`` back.
        order: the stream of the order of the rows, of augmentation and of dropout.
        watch: is told about progress.
        begins: tensor name -> share of the training before which it stays as drawn; those that are not named begin at once.
        pieces: a step passes its rows in so many, and adds up their gradients, to need less memory.
        once: computes what fits on the same rows can share, such as a Gram matrix, unless another fit has done so.
        buffers: what moves while training beside the trained tensors, in place: the statistics of norm layers.
        checkpoint: where a fit by gradient steps leaves its state and takes it up; other fits begin anew.
        test: trained tensors -> accuracy on the test rows, for the curve and nothing else; None unless it was asked for.
    """

    trained: Weights
    train: Examples
    val: Examples
    n_outputs: int
    augment: Callable[[Tensor, Stream], Tensor] | None
    prepare: Callable[[Tensor], Tensor]
    logits: Callable[[Weights, Tensor], Tensor]
    train_mode: Callable[[], None]
    score_mode: Callable[[], None]
    order: Stream
    watch: Watch
    begins: Mapping[str, float] = field(default_factory=dict)
    pieces: int = 1
    once: Once = alone
    buffers: Weights = field(default_factory=dict)
    checkpoint: Checkpoint = NEVER
    test: Callable[[Weights], float] | None = None


@dataclass(frozen=True)
class Fitted:
    """What a fit gives.

    Attributes:
        trained: the fitted tensors.
        status: ``ok``, ``non_finite`` (the loss was), ``singular`` (the system had no unique solution) or ``out_of_memory``.
        reason: what happened, where the status is not ``ok``; or that a fit which counts ended before its minimum.
        curve: one mapping per epoch, or per penalty; under ``epoch`` how often the rows had been gone through.
        chosen: what was chosen, such as the penalty or the epoch.
        metrics: scores that only the fit knows, by the names that they have in the record.
        earlier_s: seconds that went into it before an interruption.
    """

    trained: Weights
    status: str = "ok"
    reason: str = ""
    curve: list[dict[str, float]] = field(default_factory=list)
    chosen: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    earlier_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class AbstractSolver(Part):
    """A way to fit the trained tensors to the training rows."""

    def network(self, net: Network, task: Task) -> Network:
        """What of an architecture's network is run: by default all of it.

        Raises:
            ConfigError: it has no unit that a setting names; says which it has.
        """
        return net

    @abstractmethod
    def check(self, selection: Selection, begins: Mapping[str, float], subset: str) -> None:
        """Nothing, where this solver can fit what the selection trains.

        Args:
            selection: a choice for every tensor.
            begins: when tensors begin to train, see :class:`Problem`.
            subset: the policy's name, for the message.

        Raises:
            ConfigError: it cannot; says what could.
        """

    def check_task(self, task: Task) -> None:
        """Nothing, where this solver can fit what the data ask for; by default it can.

        Raises:
            ConfigError: it cannot; says what could.
        """

    @property
    @abstractmethod
    def fits_everything(self) -> bool:
        """Whether a fully trained twin can use this solver."""

    @property
    @abstractmethod
    def needs_validation(self) -> bool:
        """Whether it chooses something on validation rows."""

    @property
    def scores_test(self) -> bool:
        """Whether the test rows are scored after every epoch; by default only the finished fit is."""
        return False

    @property
    @abstractmethod
    def without_choice(self) -> str:
        """The word with which it would choose nothing."""

    @abstractmethod
    def fit(self, problem: Problem) -> Fitted:
        """The fitted tensors. Never throws for a run that diverges or a system that is singular: the status says so."""
