"""Filters that point from what one class shows to what another shows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from randfeat.errors import ConfigError
from randfeat.init.filters import AbstractFilters
from randfeat.init.windows import TRIES, Windows, differs, first_varying
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "class_differences")
@dataclass(frozen=True, kw_only=True)
class ClassDifferences(AbstractFilters):
    """Filters are differences of two rows of different classes, or of their windows at one place, scaled to norm gain.

    ``w = gain (a - b) / |a - b|``, where a is drawn from all windows and b from those at the same place in the rows of other
    classes; pairs that do not differ are passed over. Biases follow their own law: the papers' thresholds half way between a
    and b are not set.

    See: McDonnell, Tissera, Vladusich, van Schaik and Tapson, PLoS ONE 10 (2015); Zhu, Miao and Qing, "Constrained extreme
    learning machine", IJCNN 2014.
    """

    def filters(self, windows: Windows, n: int, stream: Stream) -> Tensor:
        """See :meth:`AbstractFilters.filters`."""
        place = torch.from_numpy(stream.integers(windows.n_places, size=TRIES * n))
        candidates = _rows(windows.y_N, TRIES * n, stream) * windows.n_places + place[:, None]

        def difference(pair: Tensor) -> Tensor:
            return windows.at(pair[:, 0]) - windows.at(pair[:, 1])

        def varies(pair: Tensor) -> Tensor:
            return differs(difference(pair), windows.at(pair[:, 0]))

        return difference(first_varying(candidates, n, varies))


def _rows(y_N: Tensor, n: int, stream: Stream) -> Tensor:
    """(n, 2): a row drawn uniformly, and one drawn uniformly from those of the other classes."""
    by_class = y_N.argsort(stable=True)
    y_sorted = y_N[by_class].contiguous()
    a = torch.from_numpy(stream.integers(len(y_N), size=n))
    first, end = (torch.searchsorted(y_sorted, y_sorted[a], right=right) for right in (False, True))
    others = len(y_N) - (end - first)
    if not bool(others.all()):
        raise ConfigError(
            f"init=class_differences needs rows of two classes, but the {len(y_N)} training rows that it looks at are all of "
            f"class {int(y_N[0])}. Use a larger init.rows, or init=patches."
        )
    b = torch.from_numpy(stream.integers(others.numpy()))
    return by_class[torch.stack([a, torch.where(b < first, b, b + end - first)], dim=1)]
