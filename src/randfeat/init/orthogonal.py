"""Random orthonormal rows or columns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr

from randfeat.init.base import AbstractInit
from randfeat.init.one_thread import one_thread
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream


def frame(rows: int, columns: int, stream: Stream) -> np.ndarray:
    """A matrix with orthonormal rows, or columns where those are fewer, drawn uniformly; in float64 and one thread."""
    gaussian = stream.standard_normal((max(rows, columns), min(rows, columns)))
    with one_thread():
        q, r = qr(gaussian, mode="economic")
    q *= np.sign(np.diag(r))
    return q if rows >= columns else q.T


@register("init", "orthogonal")
@dataclass(frozen=True, kw_only=True)
class Orthogonal(AbstractInit):
    """Orthonormal rows (or columns, where those are fewer) times gain, drawn uniformly.

    The weight as a matrix (outputs, everything else) is gain * Q, with Q the factor of a Gaussian matrix whose R has a
    positive diagonal, hence Haar-distributed. Its entries have variance gain**2 / max(outputs, everything else).

    Computed in float64 and in one thread, so that the number of threads does not show. Cost: one QR factorisation.

    See: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", ICLR 2014; Mezzadri, Notices of the AMS 54 (2007), for the signs.
    """

    gain: float = setting(1.0, gt=0)

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        weight = self.gain * frame(shape[0], math.prod(shape[1:]), stream)
        return weight.reshape(shape).astype(np.float32, order="C")
