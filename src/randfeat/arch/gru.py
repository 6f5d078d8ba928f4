"""Gated recurrent units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from randfeat.arch.recurrent import AbstractRecurrence, AbstractRecurrent, State
from randfeat.registry import register


@register("arch", "gru")
@dataclass(frozen=True, kw_only=True)
class Gru(AbstractRecurrent):
    """Gated recurrent units: ``h' = z h + (1 - z) n`` with ``n = tanh(W_n x + b_n + r U_n h)``, r and z sigmoids.

    Each of the gates ``reset`` (r) and ``update`` (z, which keeps the state) is ``W x + U h + b``; the third is ``cell``. The
    reset gate acts behind the product with U_n, as in torch; in the paper before it. Units: see :class:`AbstractRecurrent`.

    A layer of H units and C inputs has 3 H (C + H + 1) parameters; torch's own has a second bias.

    See: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.
    """

    def layer(self, n_in: int) -> AbstractRecurrence:
        """See :meth:`AbstractRecurrent.layer`."""
        return GruRecurrence(n_in, self.width)


class GruRecurrence(AbstractRecurrence):
    """See :class:`Gru`."""

    gates = ("reset", "update", "cell")

    def fused(self) -> Callable[..., Any]:
        """See :meth:`AbstractRecurrence.fused`."""
        return torch.gru

    def step(self, drive: Tensor, back: Tensor, state: State) -> State:
        """See :meth:`AbstractRecurrence.step`."""
        (h,), (r_in, z_in, n_in), (r_back, z_back, n_back) = state, drive.chunk(3, -1), back.chunk(3, -1)
        n = torch.tanh(n_in + torch.sigmoid(r_in + r_back) * n_back)
        return (n + torch.sigmoid(z_in + z_back) * (h - n),)
