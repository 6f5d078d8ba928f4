"""Chrono initialisation: gates that remember for as long as the task lasts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from randfeat.errors import ConfigError
from randfeat.init.base import AbstractInit
from randfeat.init.gates import gates
from randfeat.init.orthogonal import Orthogonal
from randfeat.network import Network, Role, Slot, slots
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream

KEEPING = {"forget": 1, "update": 1, "rate": -1}
"""The gates that decide how much of the state is kept, and whether by being open (1) or closed (-1)."""


@register("init", "chrono")
@dataclass(frozen=True, kw_only=True)
class Chrono(AbstractInit):
    """Gate biases for memories up to t_max steps: b_f = log u, u uniform on [1, t_max - 1], and b_i = -b_f.

    For an LSTM's forget and input gates. Where one gate both keeps and admits, it is log u for the update gate of a GRU or
    of a minimal RNN, and -log u for the rate of a gated RNN. All other biases of these layers are zero. A unit with bias
    log u forgets with rate 1 / (1 + u), so the units' memories spread from 2 to t_max steps. Weights are orthogonal, other
    layers' too: a recurrent layer's as one matrix, the gates above each other.

    With a ``forget_bias`` this is the usual constant instead: every unit's gate that keeps has it (a rate has it with the
    other sign), and all other biases are zero. The weights are the same.

    See: Tallec and Ollivier, "Can recurrent neural networks warp time?", ICLR 2018, eq. 16; Gers, Schmidhuber and Cummins,
    Neural Computation 12 (2000), and Jozefowicz, Zaremba and Sutskever, ICML 2015, for a forget bias of 1.
    """

    t_max: int = setting(100, ge=3)
    forget_bias: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.forget_bias is not None and self.t_max != Chrono.t_max:
            raise ConfigError("init.forget_bias is the same for all units and has no init.t_max. Leave one of them out.")

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return Orthogonal().weight(shape, stream)

    def fill(self, slot: Slot, stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.fill`."""
        names = gates(slot)
        if not names or slot.role is not Role.BIAS:
            return super().fill(slot, stream)
        biases = np.zeros((len(names), slot.shape[0] // len(names)))
        if self.forget_bias is None:
            kept = np.log(stream.uniform(1, self.t_max - 1, biases.shape[1]))
            signs = KEEPING | {"input": -1}
        else:
            kept, signs = np.full(biases.shape[1], self.forget_bias), KEEPING
        for name, bias in zip(names, biases, strict=True):
            bias[:] = signs.get(name, 0) * kept
        return biases.reshape(slot.shape)

    def check(self, net: Network, names: Collection[str]) -> None:
        """See :meth:`AbstractInit.check`."""
        super().check(net, names)
        if not any(KEEPING.keys() & gates(slot) for slot in slots(net) if slot.name in names and slot.role is Role.BIAS):
            units = ", ".join(net.unit_names)
            raise ConfigError(
                f"init=chrono sets the biases of gates, and none of these units has any that it fills: {units}. "
                "Use arch=lstm, arch=gru, arch=minimal_rnn or arch.cell=gated of arch=rnn."
            )
