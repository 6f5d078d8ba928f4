"""Gaussian clouds whose best possible accuracy is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from randfeat.data.base import AbstractData
from randfeat.data.dataset import Raw
from randfeat.errors import ConfigError
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream, stream
from randfeat.typing import Examples, Task


@register("data", "blobs")
@dataclass(frozen=True, kw_only=True)
class Blobs(AbstractData):
    """Gaussian clouds, one for each class, with a known best accuracy; built in.

    A row of class k is ``distance * e_k + z``: z standard normal in ``dim`` dimensions, e_k the k-th unit vector.
    Classes are equally frequent, to within one row. No classifier can be better than ``bayes_accuracy``; taking the
    largest of the first K coordinates is as good.

    Attributes:
        n_classes: K, the number of clouds.
        dim: D, at least K; the other D - K columns are noise.
        distance: of each centre from the origin, in standard deviations of the noise.
        rows: training rows there are.
        test_rows: test rows there are, drawn independently of the training rows.
        draw: which draw of the rows; not the data seed, so that the test rows stay the same for every seed.
    """

    n_classes: int = setting(3, ge=2)
    dim: int = setting(10, ge=2)
    distance: float = setting(2.0, ge=0)
    rows: int = setting(2000, ge=1)
    test_rows: int = setting(1000, ge=1)
    draw: int = setting(0, ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dim < self.n_classes:
            raise ConfigError(
                f"data.dim must be at least data.n_classes: {self.n_classes} clouds need {self.n_classes} dimensions,"
                f" got data.dim={self.dim}."
            )

    @property
    def bayes_accuracy(self) -> float:
        """The best accuracy that any classifier can have: ``integral phi(z - distance) Phi(z)^(K-1) dz``.

        The coordinate of the true class, normal around ``distance``, has to exceed the K - 1 others, normal around 0.
        """
        from scipy.integrate import quad
        from scipy.special import ndtr

        def integrand(z: float) -> float:
            density = math.exp(-((z - self.distance) ** 2) / 2) / math.sqrt(2 * math.pi)
            return density * float(ndtr(z)) ** (self.n_classes - 1)

        return float(quad(integrand, self.distance - 9, self.distance + 9)[0])  # beyond 9 deviations: below 1e-18

    def raw_task(self) -> Task:
        """Vectors of ``dim`` numbers."""
        return Task((self.dim,), self.n_classes)

    def read(self, folder: Path) -> Raw:
        """The rows of this draw; the folder is not looked at."""
        return Raw(
            self._drawn(self.rows, stream(self.draw, "data", "blobs", "train")),
            self._drawn(self.test_rows, stream(self.draw, "data", "blobs", "test")),
        )

    def _drawn(self, n: int, draws: Stream) -> Examples:
        y_N = np.arange(n) % self.n_classes
        x_ND = draws.standard_normal((n, self.dim))
        x_ND[np.arange(n), y_N] += self.distance
        return Examples(torch.from_numpy(x_ND.astype(np.float32)), torch.from_numpy(y_N.astype(np.int64)))
