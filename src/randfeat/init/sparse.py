"""Outputs that are connected to a few of their inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from randfeat.init.base import AbstractInit, fans
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "sparse")
@dataclass(frozen=True, kw_only=True)
class Sparse(AbstractInit):
    """A few Gaussian weights for each output, in random places, and zeros elsewhere: variance gain**2 / d, d the fan-in.

    Each output has n = min(connections, d) weights that are not zero, of variance gain**2 / n; so the squared norm of its d
    weights is gain**2 in the mean, whatever n. Martens takes variance 1: gain = sqrt(connections).

    Cost: at most d steps for each output.

    See: Martens, "Deep learning via Hessian-free optimization", ICML 2010.
    """

    connections: int = setting(15, ge=1)
    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        d = fans(shape).fan_in
        n = min(self.connections, d)
        rows = np.zeros((shape[0], d), np.float32)
        for row in rows:
            row[stream.choice(d, n, replace=False)] = stream.standard_normal(n) * (self.gain / math.sqrt(n))
        return rows.reshape(shape)
