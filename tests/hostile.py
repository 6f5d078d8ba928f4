"""A part from outside the package whose layer does harm: to itself, to its process, to the memory."""

import os
import signal
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from randfeat.arch import AbstractArch
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task

MOST_ROWS = 300
"""A crowd is more."""


class Harmful(nn.Module):
    def __init__(self, does: str) -> None:
        super().__init__()
        self.does = does

    def forward(self, x: Tensor) -> Tensor:
        if len(x) <= 2:  # while the network is built, and its shapes are looked at
            return x
        if self.does == "raises":
            raise ValueError("this layer is broken,\nin two lines")
        if self.does == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.does == "allocates":
            torch.empty(10**13)
        if self.does == "crowds" and len(x) > MOST_ROWS:
            raise torch.OutOfMemoryError("too many rows for this device")
        return x * float("inf") if self.does == "overflows" else x


@register("arch", "hostile")
@dataclass(frozen=True, kw_only=True)
class Hostile(AbstractArch):
    """One hidden layer, and one that does harm."""

    width: int = setting(8, ge=1)
    does: Literal["nothing", "raises", "kills", "allocates", "crowds", "overflows"] = "nothing"

    def build(self, task: Task) -> Network:
        with torch.device("meta"):
            hidden = nn.Sequential(nn.Flatten(), nn.Linear(task.n_inputs, self.width), nn.ReLU())
        return chain({"hidden": hidden, "harm": Harmful(self.does)}, task)
