"""Filters that are patches of what their layer sees."""

from __future__ import annotations

from dataclasses import dataclass

from randfeat.init.filters import AbstractFilters, Bank
from randfeat.init.windows import Windows, patches_of
from randfeat.registry import register
from randfeat.seeds import Stream


@register("init", "patches")
@dataclass(frozen=True, kw_only=True)
class Patches(AbstractFilters):
    """Filters are patches of what the layer sees, mean removed, scaled to norm gain: mean square gain**2 / d.

    A patch of a convolution's input is a window of it at a place drawn uniformly, within the map wherever the map is large
    enough; a patch of a linear layer's input is a row. No window comes twice, unless a layer has more filters than there are
    windows that vary: then they come again in turn.

    See: Coates and Ng, "The importance of encoding versus training with sparse coding and vector quantization", ICML 2011.
    """

    def filters(self, windows: Windows, n: int, stream: Stream) -> Bank:
        """See :meth:`AbstractFilters.filters`."""
        return Bank(patches_of(windows, n, stream))
