"""Independent weights with heavier tails than the Gaussian's, at the same variance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from randfeat.init.base import AbstractInit, fans
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "laplace")
@dataclass(frozen=True, kw_only=True)
class Laplace(AbstractInit):
    """Laplace: density exp(-|w| / b) / (2 b) with b = gain / sqrt(2 d), d the fan-in; variance gain**2 / d, kurtosis 6.

    See: Saxe et al., "On random weights and unsupervised feature learning", ICML 2011, where it does as well as any other
    centred law.
    """

    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return stream.laplace(0, self.gain / math.sqrt(2 * fans(shape).fan_in), shape).astype(np.float32)


@register("init", "student_t")
@dataclass(frozen=True, kw_only=True)
class StudentT(AbstractInit):
    """Student's t with df degrees of freedom, scaled to variance gain**2 / d, d the fan-in.

    The density falls as |w|**-(df + 1): moments of order df and above are infinite. The kurtosis is 3 + 6 / (df - 4) for
    df > 4 and infinite else; large df gives the Gaussian.

    See: Martin and Mahoney, "Implicit self-regularization in deep neural networks", JMLR 22 (2021), for such tails in
    trained networks.
    """

    df: float = setting(3.0, gt=2)
    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        scale = self.gain * math.sqrt((self.df - 2) / (self.df * fans(shape).fan_in))
        return (stream.standard_t(self.df, shape) * scale).astype(np.float32)
