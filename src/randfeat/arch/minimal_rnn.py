"""Minimal recurrent network: the input is embedded, then one gate mixes it into the state."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.recurrent import AbstractRecurrence, AbstractRecurrent, State
from randfeat.registry import register


@register("arch", "minimal_rnn")
@dataclass(frozen=True, kw_only=True)
class MinimalRnn(AbstractRecurrent):
    """Minimal recurrent network: ``h' = u h + (1 - u) z`` with ``z = activation(W x + b)``, u a sigmoid of h and z.

    The gate ``update`` is ``u = sigmoid(U_z z + U_h h + b_u)``: ``ih`` holds U_z and b_u, ``hh`` U_h, and ``embed`` the layer
    of z. The state meets a matrix in the gate alone, and each unit of it stays between the least and the greatest of zero and
    its own z so far. Units: see :class:`AbstractRecurrent`.

    A layer of H units and C inputs has H (C + 2 H + 2) parameters.

    See: Chen, "MinimalRNN: toward more interpretable and trainable recurrent neural networks", arXiv 1711.06788 (2017).
    """

    activation: Activation = "tanh"

    def layer(self, n_in: int) -> AbstractRecurrence:
        """See :meth:`AbstractRecurrent.layer`."""
        return MinimalRecurrence(n_in, self.width, self.activation)


class MinimalRecurrence(AbstractRecurrence):
    """See :class:`MinimalRnn`."""

    gates = ("update",)

    def __init__(self, n_in: int, width: int, activation: Activation) -> None:
        super().__init__(width, width)
        self.embed, self.activation = nn.Linear(n_in, width), ACTIVATIONS[activation]()

    def drive(self, x: Tensor) -> Tensor:
        """See :meth:`AbstractRecurrence.drive`: z, and what it gives to the gate, side by side."""
        z = self.activation(self.embed(x))
        return torch.cat([z, F.linear(z, self.ih.weight, self.ih.bias)], -1)

    def step(self, drive: Tensor, back: Tensor, state: State) -> State:
        """See :meth:`AbstractRecurrence.step`."""
        z, gate = drive.chunk(2, -1)
        return (z + torch.sigmoid(gate + back) * (state[0] - z),)
