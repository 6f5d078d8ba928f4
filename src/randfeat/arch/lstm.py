"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from randfeat.arch.recurrent import AbstractRecurrence, AbstractRecurrent, State
from randfeat.registry import register


@register("arch", "lstm")
@dataclass(frozen=True, kw_only=True)
class Lstm(AbstractRecurrent):
    """Long short-term memory: ``c' = f c + i tanh(cell)``, ``h' = o tanh(c')``, the gates i, f and o sigmoids.

    Each of the gates ``input``, ``forget``, ``cell`` and ``output`` is ``W x + U h + b``. Which bias the forget gate starts
    with is a matter of the law: init=chrono. Units: see :class:`AbstractRecurrent`.

    A layer of H units and C inputs has 4 H (C + H + 1) parameters, 131,584 for H = C = 128; torch's own has a second bias.

    See: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9 (1997); Gers, Schmidhuber and Cummins,
    Neural Computation 12 (2000), for the forget gate.
    """

    def layer(self, n_in: int) -> AbstractRecurrence:
        """See :meth:`AbstractRecurrent.layer`."""
        return LstmRecurrence(n_in, self.width)


class LstmRecurrence(AbstractRecurrence):
    """The state is h and c; see :class:`Lstm`."""

    gates = ("input", "forget", "cell", "output")
    n_states = 2

    def fused(self) -> Callable[..., Any]:
        """See :meth:`AbstractRecurrence.fused`."""
        return torch.lstm

    def step(self, drive: Tensor, back: Tensor, state: State) -> State:
        """See :meth:`AbstractRecurrence.step`."""
        i, f, cell, o = (drive + back).chunk(4, -1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(cell)
        return torch.sigmoid(o) * torch.tanh(c), c
