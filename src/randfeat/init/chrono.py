"""Chrono initialisation: gates that remember for as long as the task lasts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from torch import nn

from randfeat.errors import ConfigError
from randfeat.init.base import AbstractInit
from randfeat.init.orthogonal import Orthogonal
from randfeat.network import Network, Role, Slot, slots
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream

_FORGET = {nn.LSTM: 1, nn.LSTMCell: 1, nn.GRU: 1, nn.GRUCell: 1}
"""Layer -> the place of the gate that keeps the state, among its gates: LSTM i, f, g, o; GRU r, z, n."""


@register("init", "chrono")
@dataclass(frozen=True, kw_only=True)
class Chrono(AbstractInit):
    """Gate biases for memories up to t_max steps: b_f = log u, u uniform on [1, t_max - 1], and b_i = -b_f.

    For an LSTM's forget and input gates; of a GRU, whose one gate both keeps and admits, b_z = log u. The input-to-hidden
    bias carries it, all other biases of these layers are zero. A unit with bias log u forgets with rate 1 / (1 + u), so
    the units' memories spread from 2 to t_max steps. Weights are orthogonal, other layers' too.

    See: Tallec and Ollivier, "Can recurrent neural networks warp time?", ICLR 2018, eq. 16.
    """

    t_max: int = setting(100, ge=3)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return Orthogonal().weight(shape, stream)

    def fill(self, slot: Slot, stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.fill`."""
        if type(slot.layer) not in _FORGET or slot.role is not Role.BIAS:
            return super().fill(slot, stream)
        bias = np.zeros(slot.shape)
        if "bias_ih" in slot.name:
            lstm = isinstance(slot.layer, nn.LSTM | nn.LSTMCell)
            gates = bias.reshape(4 if lstm else 3, -1)
            gates[_FORGET[type(slot.layer)]] = np.log(stream.uniform(1, self.t_max - 1, gates.shape[1]))
            if lstm:
                gates[0] = -gates[1]
        return bias

    def check(self, net: Network, names: Collection[str]) -> None:
        """See :meth:`AbstractInit.check`."""
        super().check(net, names)
        if not any(type(slot.layer) in _FORGET for slot in slots(net) if slot.name in names):
            units = ", ".join(net.unit_names)
            raise ConfigError(
                f"init=chrono sets the biases of gates, and none of these units has any: {units}. Use an LSTM or GRU."
            )
