"""Laws whose weights take two values or three: a sign times a constant, or zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from randfeat.init.base import AbstractInit, fans
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


def _signs(shape: tuple[int, ...], stream: Stream) -> np.ndarray:
    return 2 * stream.integers(0, 2, shape, dtype=np.int8) - 1


@register("init", "rademacher")
@dataclass(frozen=True, kw_only=True)
class Rademacher(AbstractInit):
    """A fair coin: +gain / sqrt(d) or -gain / sqrt(d), d the fan-in; variance gain**2 / d.

    See: Achlioptas, "Database-friendly random projections", Journal of Computer and System Sciences 66 (2003).
    """

    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return _signs(shape, stream) * np.float32(self.gain / math.sqrt(fans(shape).fan_in))


@register("init", "signed_constant")
@dataclass(frozen=True, kw_only=True)
class SignedConstant(AbstractInit):
    """A fair coin: +sigma or -sigma, sigma = gain / sqrt(fan) the standard deviation of He's law.

    Variance gain**2 / fan. ``fan=in`` keeps the second moment of activations, ``fan=out`` that of gradients; gain sqrt(2)
    makes up for what a ReLU takes away.

    See: Ramanujan, Wortsman, Kembhavi, Farhadi and Rastegari, "What's hidden in a randomly weighted neural network?",
    CVPR 2020.
    """

    fan: Literal["in", "out"] = "in"
    gain: float = setting(math.sqrt(2), gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        fan = fans(shape).fan_in if self.fan == "in" else fans(shape).fan_out
        return _signs(shape, stream) * np.float32(self.gain / math.sqrt(fan))


@register("init", "ternary")
@dataclass(frozen=True, kw_only=True)
class Ternary(AbstractInit):
    """Zero with a set probability, else +-gain / sqrt(d (1 - zeros)) by a fair coin: variance gain**2 / d, d the fan-in.

    ``zeros`` is that probability.

    See: Achlioptas, "Database-friendly random projections", Journal of Computer and System Sciences 66 (2003), who takes
    two thirds of zeros.
    """

    zeros: float = setting(2 / 3, ge=0, lt=1)
    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        value = np.float32(self.gain / math.sqrt(fans(shape).fan_in * (1 - self.zeros)))
        return np.where(stream.random(shape) < self.zeros, 0, _signs(shape, stream)) * value
