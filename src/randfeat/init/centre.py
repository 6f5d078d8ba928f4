"""Laws that look at one pixel at a time: every tap of a kernel is zero but the centre, which is a matrix."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from randfeat.init.base import AbstractInit
from randfeat.network import Role, Slot
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


@dataclass(frozen=True, kw_only=True)
class AbstractCentre(AbstractInit):
    """A law for one matrix, which is a linear layer's weight and a convolution's centre tap; its other taps are zero.

    The centre of a side of even length n is entry n // 2, from 0. In a convolution with groups each group has a matrix of
    its own; a token is a matrix with one row.

    Settings common to these laws:
        gain: factor on every matrix.
    """

    gain: float = setting(1.0, gt=0)

    @abstractmethod
    def matrix(self, outputs: int, inputs: int, stream: Stream) -> np.ndarray:
        """The matrix of this shape, before the gain."""

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`. A convolution of this shape has one group."""
        return self._taps(shape, 1, stream)

    def fill(self, slot: Slot, stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.fill`."""
        if slot.role is Role.WEIGHT:
            return self._taps(slot.shape, getattr(slot.layer, "groups", 1), stream)
        if slot.role is Role.TOKEN:
            return self._taps((1, math.prod(slot.shape)), 1, stream).reshape(slot.shape)
        return super().fill(slot, stream)

    def _taps(self, shape: tuple[int, ...], groups: int, stream: Stream) -> np.ndarray:
        weight = np.zeros(shape, np.float32)
        centre = tuple(side // 2 for side in shape[2:])
        matrices = [self.matrix(shape[0] // groups, shape[1], stream) for _ in range(groups)]
        np.moveaxis(weight, (0, 1), (-2, -1))[centre] = self.gain * np.concatenate(matrices)
        return weight


@register("init", "identity")
@dataclass(frozen=True, kw_only=True)
class Identity(AbstractCentre):
    """Identity matrices, and kernels that pass their centre pixel on (Dirac), times gain; nothing is drawn.

    Output i is gain times input i of its group. Outputs beyond the number of inputs are zero, and inputs beyond the number
    of outputs are dropped. The weights are the same for every seed; seeds.weights changes biases and gammas alone, where
    those are drawn.

    See: Le, Jaitly and Hinton, "A simple way to initialize recurrent networks of rectified linear units" (2015); Zagoruyko
    and Komodakis, "DiracNets" (2017).
    """

    def matrix(self, outputs: int, inputs: int, stream: Stream) -> np.ndarray:
        """See :meth:`AbstractCentre.matrix`."""
        return np.eye(outputs, inputs)
