"""Hidden units that see a random rectangle of the image each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from randfeat.errors import ConfigError
from randfeat.init.base import Sources
from randfeat.init.between_classes import AbstractBetweenClasses
from randfeat.init.filters import Bank
from randfeat.init.from_inputs import Inputs
from randfeat.init.rectangles import rectangles
from randfeat.init.windows import TRIES, Windows, differs
from randfeat.network import Network, Slot
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream
from randfeat.typing import Weights


@register("init", "receptive_fields")
@dataclass(frozen=True, kw_only=True)
class ReceptiveFields(AbstractBetweenClasses):
    """Filters are zero outside a random rectangle of the image, one for each filter, and have norm gain.

    A rectangle is drawn uniformly from all that keep ``border`` pixels from each edge and hold ``min_area`` pixels or more;
    all channels are seen. By default the border is that of the paper, 3 of 28 pixels, in proportion to the side and rounded
    down: none for images below 10 pixels. Inside the rectangle, and before the scaling to norm gain, w is

    - ``class_differences``: a - b, two rows of different classes as ``init=class_differences`` draws them;
    - ``class_images``: the sum of all rows of one class, each with a random sign; a class is as likely as it has rows;
    - ``gaussian``: independent Gaussian numbers.

    A rectangle in which that is zero is drawn anew, with what it holds. ``thresholds`` go with all three: where there is
    no a nor b yet, they are drawn in the same way.

    The network's first layer has to be linear, on the flattened images. Linear layers above it see no image: there the field
    is the whole input. Convolutions and layers of tokens are Gaussian.

    Cost: ``class_images`` takes rows * filters * d / classes multiply-adds in float64.

    See: McDonnell, Tissera, Vladusich, van Schaik and Tapson, PLoS ONE 10 (2015): "RF", "C" and "CIW" weights.
    """

    inside: Literal["class_differences", "class_images", "gaussian"] = "class_differences"
    border: int | None = setting(None, ge=0)
    min_area: int = setting(10, ge=1)

    def check(self, net: Network, names: Collection[str]) -> None:
        """See :meth:`AbstractInit.check`."""
        super().check(net, names)
        first = next(iter(self.wanted(net, dict(net.named_parameters()))), None)
        if first is None or not isinstance(first.layer, nn.Linear) or first.name not in names:
            raise ConfigError(
                "init=receptive_fields is for the first layer of the network, which has to be a linear one on the image. "
                "Use arch=mlp; for convolutions init=class_differences or init=patches."
            )

    def adapt(self, net: Network, weights: Weights, names: list[str], seed: int, sources: Sources) -> Weights:
        """See :meth:`AbstractInit.adapt`."""
        shape = tuple(sources.rows(1).x.shape[1:])
        if len(shape) != 3:
            raise ConfigError(
                f"init=receptive_fields needs images, but a row of these data has {' x '.join(map(str, shape))} numbers. "
                "Use init=class_differences."
            )
        return super().adapt(net, weights, names, seed, sources)

    def refill(self, slot: Slot, drawn: Weights, inputs: Inputs, stream: Stream) -> Weights:
        """See :meth:`AbstractFromInputs.refill`."""
        return super().refill(slot, drawn, inputs, stream) if inputs.x.ndim == 2 else {}

    def filters(self, windows: Windows, n: int, stream: Stream) -> Bank:
        """See :meth:`AbstractFilters.filters`."""
        found: list[Bank] = []
        while n and len(found) < TRIES:
            found.append(self._varying(windows, n, stream))
            n -= len(found[-1].w_nd)
        zeros = [bank.zero_nd for bank in found if bank.zero_nd is not None]
        return Bank(torch.cat([bank.w_nd for bank in found]), torch.cat(zeros) if zeros else None)

    def _varying(self, windows: Windows, n: int, stream: Stream) -> Bank:
        """Of n filters drawn, those that are not zero inside their rectangles."""
        a_nd, b_nd = (windows.at(row) for row in self.pairs(windows.y_N, n, stream).unbind(1))
        if self.inside == "class_differences":
            w_nd = a_nd - b_nd
        elif self.inside == "class_images":
            w_nd = signed_sums(windows, n, stream)
        else:
            w_nd = torch.from_numpy(stream.standard_normal(a_nd.shape))
        w_nd = w_nd * self._fields(windows, n, stream)
        some_n = differs(w_nd, a_nd)
        return Bank(w_nd[some_n], self.zeros_of(a_nd[some_n], b_nd[some_n]))

    def _fields(self, windows: Windows, n: int, stream: Stream) -> Tensor:
        """(n, d): 1 inside, 0 outside; (n, 1) of ones where the layer sees no image."""
        if windows.image is None:
            return torch.ones(n, 1)
        n_channels, *sides = windows.image
        borders = [side * 3 // 28 if self.border is None else self.border for side in sides]
        if 2 * max(borders) >= min(sides):
            raise ConfigError(
                f"init.border={self.border} leaves nothing of the {sides[0]}x{sides[1]} images that the layer of "
                f"{windows.name!r} sees. Use init.border={(min(sides) - 1) // 2} or less."
            )
        inside = rectangles((sides[0], sides[1]), (borders[0], borders[1]), self.min_area, n, stream)
        return inside[:, None].expand(-1, n_channels, -1, -1).flatten(1).double()


def signed_sums(windows: Windows, n: int, stream: Stream) -> Tensor:
    """(n, d): each the sum of the rows of one class, every row with a sign of its own; the class that of a row drawn."""
    class_n = windows.y_N[torch.from_numpy(stream.integers(len(windows.y_N), size=n))]
    w_nd = torch.empty(n, windows.n_numbers, dtype=torch.float64)
    for k in sorted(set(class_n.tolist())):
        rows, which = (windows.y_N == k).nonzero()[:, 0], class_n == k
        heads = stream.integers(2, size=(int(which.sum()), len(rows)), dtype=np.int8)
        w_nd[which] = (2.0 * torch.from_numpy(heads) - 1).double() @ windows.at(rows)
    return w_nd
