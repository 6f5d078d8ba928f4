"""The laws of LeCun, Glorot and He: a variance from the fans, a uniform or normal shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from randfeat.init.base import AbstractInit, fans
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream

Shape = Literal["normal", "uniform"]


def centred(stream: Stream, shape: tuple[int, ...], law: Shape, std: float) -> np.ndarray:
    """Independent entries of mean 0 and standard deviation ``std``: normal, or uniform on +-sqrt(3) std."""
    if law == "normal":
        return stream.standard_normal(shape, dtype=np.float32) * np.float32(std)
    return (2 * stream.random(shape, dtype=np.float32) - 1) * np.float32(math.sqrt(3) * std)


@register("init", "lecun")
@dataclass(frozen=True, kw_only=True)
class Lecun(AbstractInit):
    """LeCun's law: variance gain**2 / fan-in, normal or uniform.

    With gain 1 a linear layer keeps the variance of its input. ``normal`` is init=gaussian, ``uniform`` is init=uniform
    init.limit=unit.

    See: LeCun, Bottou, Orr and Mueller, "Efficient backprop" (1998), section 4.6; Klambauer, Unterthiner, Mayr and
    Hochreiter, "Self-normalizing neural networks", NIPS 2017, who need it.
    """

    distribution: Shape = "normal"
    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return centred(stream, shape, self.distribution, self.gain / math.sqrt(fans(shape).fan_in))


@register("init", "glorot")
@dataclass(frozen=True, kw_only=True)
class Glorot(AbstractInit):
    """Glorot's law: variance 2 gain**2 / (fan-in + fan-out), uniform or normal.

    A compromise between keeping the variance of activations (1 / fan-in) and of gradients (1 / fan-out).

    See: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, eq. 16.
    """

    distribution: Shape = "uniform"
    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        both = fans(shape)
        return centred(stream, shape, self.distribution, self.gain * math.sqrt(2 / (both.fan_in + both.fan_out)))


@register("init", "he")
@dataclass(frozen=True, kw_only=True)
class He(AbstractInit):
    """He's law: variance gain**2 / fan, normal or uniform; gain sqrt(2) makes up for what a ReLU takes away.

    ``fan=in`` keeps the second moment of activations, ``fan=out`` that of gradients.

    See: He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, eq. 10 and 14.
    """

    distribution: Shape = "normal"
    fan: Literal["in", "out"] = "in"
    gain: float = setting(math.sqrt(2), gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        fan = fans(shape).fan_in if self.fan == "in" else fans(shape).fan_out
        return centred(stream, shape, self.distribution, self.gain / math.sqrt(fan))
