"""Echo states: a sparse random recurrence of a given spectral radius."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from randfeat.errors import ConfigError
from randfeat.init.base import AbstractInit
from randfeat.init.gates import gates, is_recurrence
from randfeat.init.one_thread import one_thread
from randfeat.init.scaled import Lecun
from randfeat.network import Network, Role, Slot, slots
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "echo_state")
@dataclass(frozen=True, kw_only=True)
class EchoState(AbstractInit):
    """Recurrent weights sparse, uniform and scaled to a spectral radius; input weights uniform on +-input_scale.

    Each unit is fed by ``max(1, int(density * H))`` of the H units in random places, with weights uniform on [-1, 1]; the
    matrix, of every gate by itself, is then scaled so that its eigenvalue of largest modulus has the modulus ``radius``. With
    a radius below 1 and no input the state of tanh units falls to zero from near it, as fast as ``radius**t``; the eigenvalues
    of a leaky RNN there are ``1 - leak + leak * eigenvalue``. Layers without gates, the head among them, are drawn by
    init=lecun.

    Computed in float64 and in one thread. Cost: about 25 H**3 for the eigenvalues of a matrix.

    See: Jaeger, "The echo state approach to analysing and training recurrent neural networks", GMD report 148 (2001);
    Lukosevicius, "A practical guide to applying echo state networks" (2012).
    """

    radius: float = setting(0.9, gt=0)
    density: float = setting(0.1, gt=0, le=1)
    input_scale: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return Lecun().weight(shape, stream)

    def fill(self, slot: Slot, stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.fill`."""
        if not gates(slot) or slot.role is not Role.WEIGHT:
            return super().fill(slot, stream)
        if is_recurrence(slot):
            return np.concatenate([self.recurrence(slot.shape[1], stream) for _ in gates(slot)])
        return stream.uniform(-self.input_scale, self.input_scale, slot.shape)

    def recurrence(self, width: int, stream: Stream) -> np.ndarray:
        """The recurrent weights (width, width) of one gate."""
        n = max(1, math.floor(self.density * width + 1e-9))
        matrix = np.zeros((width, width))
        for row in matrix:
            row[stream.choice(width, n, replace=False)] = stream.uniform(-1, 1, n)
        with one_thread():
            found = float(np.abs(np.linalg.eigvals(matrix)).max())
        scaled: np.ndarray = matrix * (self.radius / found)
        return scaled

    def check(self, net: Network, names: Collection[str]) -> None:
        """See :meth:`AbstractInit.check`."""
        super().check(net, names)
        if not any(is_recurrence(slot) for slot in slots(net) if slot.name in names):
            raise ConfigError(
                f"init=echo_state fills recurrent layers, and none of these units is one: {', '.join(net.unit_names)}. "
                "Use arch=rnn, or another law such as init=he."
            )
