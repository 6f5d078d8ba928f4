"""Recurrent layers without a memory cell: basic, leaky, and leaky with a learned rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.recurrent import AbstractRecurrence, AbstractRecurrent, State
from randfeat.errors import ConfigError
from randfeat.part import setting
from randfeat.registry import register

FUSED: dict[Activation, Callable[..., Any]] = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}


@register("arch", "rnn")
@dataclass(frozen=True, kw_only=True)
class Rnn(AbstractRecurrent):
    """Recurrent network ``h' = h + rate (activation(W x + U h + b) - h)``, the rate 1, a constant, or learned.

    ``cell=basic``: the rate is 1. ``cell=leaky``: it is ``leak``, the same for all units, which makes the state a moving
    average over about 1 / leak steps. ``cell=gated``: each unit has its own at every step, ``sigmoid(W_r x + U_r h + b_r)``;
    ``ih`` and ``hh`` then have two gates, ``cell`` and ``rate``. Units: see :class:`AbstractRecurrent`.

    A layer of H units and C inputs has H (C + H + 1) parameters, twice that with ``cell=gated``.

    See: Elman, "Finding structure in time", Cognitive Science 14 (1990); Jaeger, Lukosevicius, Popovici and Siewert, Neural
    Networks 20 (2007), for the leak; Tallec and Ollivier, "Can recurrent neural networks warp time?", ICLR 2018, for all three.
    """

    cell: Literal["basic", "leaky", "gated"] = "basic"
    leak: float = setting(0.1, gt=0, le=1)
    activation: Activation = "tanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cell != "leaky" and self.leak != Rnn.leak:
            raise ConfigError("arch.leak acts in arch.cell=leaky. Leave it out, or use that cell.")

    def layer(self, n_in: int) -> AbstractRecurrence:
        """See :meth:`AbstractRecurrent.layer`."""
        if self.cell == "gated":
            return GatedRecurrence(n_in, self.width, self.activation)
        return Recurrence(n_in, self.width, self.activation, 1.0 if self.cell == "basic" else self.leak)


class Recurrence(AbstractRecurrence):
    """``h' = h + leak (activation(W x + U h + b) - h)``."""

    gates = ("cell",)

    def __init__(self, n_in: int, width: int, activation: Activation, leak: float) -> None:
        super().__init__(n_in, width)
        self.activation, self.leak = ACTIVATIONS[activation](), leak
        self._fused = FUSED.get(activation) if leak == 1 else None

    def fused(self) -> Callable[..., Any] | None:
        """See :meth:`AbstractRecurrence.fused`."""
        return self._fused

    def step(self, drive: Tensor, back: Tensor, state: State) -> State:
        """See :meth:`AbstractRecurrence.step`."""
        h: Tensor = self.activation(drive + back)
        return (h if self.leak == 1 else torch.lerp(state[0], h.to(state[0].dtype), self.leak),)


class GatedRecurrence(AbstractRecurrence):
    """``h' = h + rate (activation(W x + U h + b) - h)`` with ``rate = sigmoid(W_r x + U_r h + b_r)``."""

    gates = ("cell", "rate")

    def __init__(self, n_in: int, width: int, activation: Activation) -> None:
        super().__init__(n_in, width)
        self.activation = ACTIVATIONS[activation]()

    def step(self, drive: Tensor, back: Tensor, state: State) -> State:
        """See :meth:`AbstractRecurrence.step`."""
        (h,), (cell, rate) = state, (drive + back).chunk(2, -1)
        return (h + torch.sigmoid(rate) * (self.activation(cell) - h),)
