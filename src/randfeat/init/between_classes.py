"""Laws that set rows of two classes against each other, and thresholds between them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from randfeat.errors import ConfigError, some
from randfeat.init.filters import AbstractFilters
from randfeat.network import Network, bias_of
from randfeat.seeds import Stream


@dataclass(frozen=True, kw_only=True)
class AbstractBetweenClasses(AbstractFilters):
    """A law that draws pairs of rows of different classes.

    Settings common to these laws:
        thresholds: ``half_way`` sets the bias of a filter w to ``-w . (a + b) / 2``, a and b the two windows of its pair, so
            that it gives w . (a - b) / 2 for a and the opposite for b. ``published`` is what the authors of "C" weights add
            in their code instead, ``w . (a + b) / (2 gain)``: with the other sign, and of the filter at norm 1. It depends
            on where the data have their zero. ``none`` leaves all biases as drawn. Filters that are left as drawn keep their
            biases too, and a layer without biases gets none.
    """

    thresholds: Literal["none", "half_way", "published"] = "none"

    def check(self, net: Network, names: Collection[str]) -> None:
        """See :meth:`AbstractInit.check`."""
        super().check(net, names)
        weights = [slot.name for slot in self.wanted(net, names)]
        if self.thresholds != "none" and weights and not any(bias_of(weight) in names for weight in weights):
            raise ConfigError(
                f"init.thresholds={self.thresholds} sets biases, but there is none for it beside {some(weights)}. "
                "Use init.thresholds=none."
            )

    def zeros_of(self, a_nd: Tensor, b_nd: Tensor) -> Tensor | None:
        """(n, d): where the filters of these pairs are to give zero; None without thresholds."""
        if self.thresholds == "none":
            return None
        return (a_nd + b_nd) / (2 if self.thresholds == "half_way" else -2 * self.gain)

    def pairs(self, y_N: Tensor, n: int, stream: Stream) -> Tensor:
        """(n, 2): a row drawn uniformly, and one drawn uniformly from those of the other classes.

        Raises:
            ConfigError: there is one class alone.
        """
        if y_N.ndim > 1:
            raise ConfigError(f"{self.title()} needs rows of one class each, and these have other answers. Use init=patches.")
        by_class = y_N.argsort(stable=True)
        y_sorted = y_N[by_class].contiguous()
        a = torch.from_numpy(stream.integers(len(y_N), size=n))
        first, end = (torch.searchsorted(y_sorted, y_sorted[a], right=right) for right in (False, True))
        others = len(y_N) - (end - first)
        if not bool(others.all()):
            raise ConfigError(
                f"{self.title()} needs rows of two classes, but the {len(y_N)} training rows that it looks at are all of "
                f"class {int(y_N[0])}. Use a larger init.rows, or init=patches."
            )
        b = torch.from_numpy(stream.integers(others.numpy()))
        return by_class[torch.stack([a, torch.where(b < first, b, b + end - first)], dim=1)]
