"""What architectures of sequences have in common: the shape that they take, and the steps that the head sees."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from randfeat.arch.base import AbstractArch, described
from randfeat.errors import ConfigError
from randfeat.network import fitting
from randfeat.typing import Task

Steps = Literal["last", "mean"]
"""The setting ``readout``: the last step, or as many of the last as have an answer; or the mean over all steps."""


def sequence_shape(arch: AbstractArch, task: Task, data: str = "sequential_digits") -> tuple[int, int]:
    """(steps, channels) of the task's sequences; ``data`` are some that would do.

    Raises:
        ConfigError: the rows are no sequences.
    """
    if task.kind != "sequences":
        raise ConfigError(
            f"{arch.title()} needs sequences, but the data are {described(task)}. Use data={data}, or {fitting(task)}."
        )
    steps, channels = task.shape
    return steps, channels


class Readout(nn.Module):
    """What the head sees of T steps: the last of them, the last S where a row has S answers, or with ``mean`` their mean.

    Args:
        task: a row has one answer, or S of them along one axis.
        steps: ``last`` or ``mean``.

    Raises:
        ConfigError: a mean, and a row has several answers.
    """

    def __init__(self, task: Task, steps: Steps) -> None:
        super().__init__()
        if task.answers and steps == "mean":
            raise ConfigError(
                f"arch.readout=mean gives one answer, but the data ask for {task.answers[0]} for each row. "
                "Use arch.readout=last."
            )
        self.answers, self.steps = task.answers, steps

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> (N, C), or (N, S, C)."""
        if self.steps == "mean":
            return x.mean(1)
        return x[:, -self.answers[0] :] if self.answers else x[:, -1]
