"""What recurrent networks have in common: gates in linear layers, the walk over the steps, the readout."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.base import AbstractArch
from randfeat.arch.sequences import Readout, sequence_shape
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.typing import Task

State = tuple[Tensor, ...]
"""What a layer hands from one step to the next, (N, H) each; the first is what it gives."""


@dataclass(frozen=True, kw_only=True)
class AbstractRecurrent(AbstractArch):
    """Recurrent layers over the steps of a sequence, one above the other.

    Units: ``layer1`` ... ``layer<depth>``, each the states of all steps; ``readout``, the state of the last step, or of the
    last S where the task has S answers a row. Every layer holds its weights in linear layers: ``ih`` from its input to all
    gates, with the biases, and ``hh`` from its state to all gates; a gate is a block of rows of each.

    Settings common to these architectures:
        width: H, units of every layer.
        depth: layers.
    """

    width: int = setting(64, ge=1)
    depth: int = setting(1, ge=1)

    @abstractmethod
    def layer(self, n_in: int) -> AbstractRecurrence:
        """A layer of ``width`` units for so many inputs at every step."""

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs sequences."""
        _, channels = sequence_shape(self, task)
        with torch.device("meta"):
            units: dict[str, nn.Module] = {
                f"layer{k}": self.layer(self.width if k > 1 else channels) for k in range(1, self.depth + 1)
            }
            units["readout"] = Readout(task, "last")
        return chain(units, task)


class Gates(nn.Linear):
    """A linear map to all gates of a recurrent layer, each a block of ``width`` rows; laws and policies see a linear layer.

    Attributes:
        gates: the names of the blocks, in their order.
        recurrent: whether it takes the layer's own state, without a bias, or what comes in, with one.
    """

    def __init__(self, n_in: int, width: int, gates: tuple[str, ...], recurrent: bool) -> None:
        super().__init__(n_in, width * len(gates), bias=not recurrent)
        self.gates, self.recurrent = gates, recurrent


class AbstractRecurrence(nn.Module, ABC):
    """``state_t = step(drive(x)_t, hh(h_{t-1}), state_{t-1})`` from a state of zeros, h the first part of the state.

    Where torch has a function for all steps at once, :meth:`fused`, that computes them: the same numbers up to rounding. On a
    CPU it takes a half to a quarter of the time for an LSTM without a gradient, else about the same. It cannot be transformed
    by ``torch.func``; in a stack of runs, or in a probe of the Jacobian, the steps are gone through one by one.

    The weights are read, not called as layers of the rows: laws that look at what a layer sees draw them as those of an
    attention.

    Cost: (C + H) H multiply-adds for each gate, step and row.
    """

    gates: ClassVar[tuple[str, ...]]
    n_states: ClassVar[int] = 1

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__()
        self.ih = Gates(n_in, width, self.gates, recurrent=False)
        self.hh = Gates(width, width, self.gates, recurrent=True)

    @abstractmethod
    def step(self, drive: Tensor, back: Tensor, state: State) -> State:
        """The next state, from what comes in at this step and what comes back of the state, (N, ...) each."""

    def drive(self, x: Tensor) -> Tensor:
        """(N, T, C) -> (N, T, ...): what comes in, for all steps at once; by default at the gates."""
        return F.linear(x, self.ih.weight, self.ih.bias)

    def fused(self) -> Callable[..., Any] | None:
        """Torch's function for all steps, where there is one, ``torch.lstm`` or one that is called like it."""
        return None

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> (N, T, H)."""
        function = self.fused()
        if function is not None and torch._C._functorch.peek_interpreter_stack() is None:
            return self._at_once(function, x)
        state = (x.new_zeros(len(x), self.hh.in_features),) * self.n_states
        states = []
        for drive in self.drive(x).unbind(1):
            state = self.step(drive, F.linear(state[0], self.hh.weight), state)
            states.append(state[0])
        return torch.stack(states, 1)

    def _at_once(self, function: Callable[..., Any], x: Tensor) -> Tensor:
        zero = x.new_zeros(1, len(x), self.hh.in_features)
        weights = [self.ih.weight, self.hh.weight, self.ih.bias, torch.zeros_like(self.ih.bias)]
        train = torch.is_grad_enabled()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")
            y: Tensor = function(
                x, (zero,) * self.n_states if self.n_states > 1 else zero, weights, True, 1, 0.0, train, False, True
            )[0]
        return y
