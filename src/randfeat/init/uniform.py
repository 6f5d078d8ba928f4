"""Uniform weights between two limits that shrink with the fan-in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from randfeat.init.base import AbstractInit, fans
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "uniform")
@dataclass(frozen=True, kw_only=True)
class Uniform(AbstractInit):
    """Uniform on [-a, a], with a = gain / sqrt(d) or gain * sqrt(3 / d), d the fan-in.

    ``limit=rsqrt``: a = gain / sqrt(d), variance gain**2 / (3 d). Often quoted as keeping the variance of a signal, which
    it does not: each linear layer divides it by three. ``limit=unit``: a = gain * sqrt(3 / d), variance gain**2 / d.

    See: LeCun, Bottou, Orr and Mueller, "Efficient backprop" (1998); Glorot and Bengio, AISTATS 2010, eq. 1.
    """

    limit: Literal["rsqrt", "unit"] = "rsqrt"
    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        limit = self.gain * math.sqrt((1 if self.limit == "rsqrt" else 3) / fans(shape).fan_in)
        return (2 * stream.random(shape, dtype=np.float32) - 1) * np.float32(limit)
