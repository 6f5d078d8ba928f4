"""Filters that point from what one class shows to what another shows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from randfeat.init.between_classes import AbstractBetweenClasses
from randfeat.init.filters import Bank
from randfeat.init.windows import TRIES, Windows, differs, first_varying
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "class_differences")
@dataclass(frozen=True, kw_only=True)
class ClassDifferences(AbstractBetweenClasses):
    """Filters are differences of two rows of different classes, or of their windows at one place, scaled to norm gain.

    ``w = gain (a - b) / |a - b|``, where a is drawn from all windows and b from those at the same place in the rows of other
    classes; pairs that do not differ are passed over. With ``thresholds=half_way`` a filter gives gain |a - b| / 2 for a,
    and the opposite for b.

    See: McDonnell, Tissera, Vladusich, van Schaik and Tapson, PLoS ONE 10 (2015); Zhu, Miao and Qing, "Constrained extreme
    learning machine", IJCNN 2014.
    """

    def filters(self, windows: Windows, n: int, stream: Stream) -> Bank:
        """See :meth:`AbstractFilters.filters`."""
        place = torch.from_numpy(stream.integers(windows.n_places, size=TRIES * n))
        candidates = self.pairs(windows.y_N, TRIES * n, stream) * windows.n_places + place[:, None]

        def varies(pair: Tensor) -> Tensor:
            return differs(windows.at(pair[:, 0]) - windows.at(pair[:, 1]), windows.at(pair[:, 0]))

        a, b = first_varying(candidates, n, varies).unbind(1)
        a_nd, b_nd = windows.at(a), windows.at(b)
        return Bank(a_nd - b_nd, self.zeros_of(a_nd, b_nd))
