"""Gaussian weights whose variance is one over the fan-in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from randfeat.init.base import AbstractInit, fans
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "gaussian")
@dataclass(frozen=True, kw_only=True)
class Gaussian(AbstractInit):
    """Gaussian with mean 0 and variance gain**2 / d, d the fan-in.

    With gain 1 a linear layer keeps the variance of its input. The gain is the constant gamma that makes activations and
    gradients explode or vanish at will: a layer as wide as its input multiplies their second moment by gain**2, and by
    gain**2 / 2 where a ReLU follows, so that both grow with depth above gain 1 (with ReLU: sqrt(2)) and die out below.

    See: LeCun, Bottou, Orr and Mueller, "Efficient backprop" (1998), section 4.6.
    """

    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return stream.standard_normal(shape, dtype=np.float32) * np.float32(self.gain / math.sqrt(fans(shape).fan_in))
