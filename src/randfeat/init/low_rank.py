"""The product of two thin Gaussian factors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from randfeat.init.base import AbstractInit, fans
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "low_rank")
@dataclass(frozen=True, kw_only=True)
class LowRank(AbstractInit):
    """A product of two thin Gaussian factors: low rank, and variance gain**2 / d, d the fan-in.

    The weight as a matrix (outputs, d) is gain / sqrt(rank d) * A B with standard normal A (outputs, rank) and B (rank, d).
    Its rank is ``rank``, or its shorter side. Its entries are uncorrelated but not independent, with kurtosis 3 + 6 / rank.

    Computed in float64 and in one thread, so that the number of threads does not show. Cost: outputs * rank * d multiply-adds.

    See: Denil, Shakibi, Dinh, Ranzato and de Freitas, "Predicting parameters in deep learning", NIPS 2013.
    """

    rank: int = setting(8, ge=1)
    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        d = fans(shape).fan_in
        left, right = stream.standard_normal((shape[0], self.rank)), stream.standard_normal((self.rank, d))
        product: np.ndarray = np.einsum("or,rd->od", left, right)
        return (product * (self.gain / math.sqrt(self.rank * d))).reshape(shape).astype(np.float32)
