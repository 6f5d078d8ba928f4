"""What a layer sees, window by window, and the patches that laws make their filters of."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.linalg import vector_norm

from randfeat.init.from_inputs import Inputs
from randfeat.network import Slot
from randfeat.seeds import Stream

TRIES = 10
"""So many windows are drawn at most for each one that is wanted, since those that do not vary are passed over."""

ROUNDING = 1e-6
"""A difference that is this share of its terms, or less, counts as none."""


class Windows:
    """What a filter sees at each place of each row: d numbers, those of the channels of its group.

    A convolution has a place wherever its kernel lies within the map, whatever its stride. Along an axis on which the map is
    smaller than the kernel, the kernel reaches into the layer's padding. A linear layer has one place, or one for each token.
    Windows are numbered: ``row * n_places + place``.

    Args:
        slot: the weight of a linear or convolutional layer.
        inputs: what the layer is called with, and the classes of the rows.
        group: of its channels, where the layer has groups.
    """

    def __init__(self, slot: Slot, inputs: Inputs, group: int = 0) -> None:
        self.name, self.y_N, self.image = slot.name, inputs.y_N, inputs.image
        x = inputs.x
        if isinstance(slot.layer, nn.Conv2d):
            n_channels = slot.shape[1]
            x = x[:, group * n_channels : (group + 1) * n_channels]
            self._view, self._inside = _unfolded(slot.layer, x), _unfolded(slot.layer, torch.ones(1, *x.shape[1:]))
        else:
            tokens = x.reshape(len(x), -1, x.shape[-1]).mT[..., None, None, None]
            self._view, self._inside = tokens, torch.ones_like(tokens[:1])

    @property
    def n_places(self) -> int:
        """Places in a row."""
        return self._view.shape[2:4].numel()

    @property
    def n_numbers(self) -> int:
        """d: numbers in a window."""
        return self._view.shape[1] * self._view.shape[4:].numel()

    def __len__(self) -> int:
        return self._view.shape[0] * self.n_places

    def at(self, index: Tensor) -> Tensor:
        """(n, d): the windows of these numbers, in float64."""
        return self._taken(self._view, index)

    def inside(self, index: Tensor) -> Tensor:
        """(n, d): 1 for what lies within the map, 0 for what is padding."""
        return self._taken(self._inside, index % self.n_places)

    def _taken(self, view: Tensor, index: Tensor) -> Tensor:
        row, place, width = index // self.n_places, index % self.n_places, view.shape[3]
        return view[row, :, place // width, place % width].flatten(1).double()


def _unfolded(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """(N, C, H, W) -> a view (N, C, places down, places across, kernel height, kernel width)."""
    down, across = layer.dilation
    height, width = (dilation * (size - 1) + 1 for dilation, size in zip(layer.dilation, layer.kernel_size, strict=True))
    padding = list(layer._reversed_padding_repeated_twice)
    if x.shape[3] >= width:
        padding[:2] = 0, 0
    if x.shape[2] >= height:
        padding[2:] = 0, 0
    if any(padding):
        x = F.pad(x, padding, mode="constant" if layer.padding_mode == "zeros" else layer.padding_mode)
    return x.unfold(2, height, 1).unfold(3, width, 1)[..., ::down, ::across]


def differs(difference_nd: Tensor, term_nd: Tensor) -> Tensor:
    """(n,): whether a difference is more than rounding."""
    more_n: Tensor = vector_norm(difference_nd, dim=1) > ROUNDING * vector_norm(term_nd, dim=1)
    return more_n


def first_varying(candidates: Tensor, n: int, varies: Callable[[Tensor], Tensor]) -> Tensor:
    """The first ``n`` of the candidates that vary, or all of those where there are fewer."""
    found = candidates[:0]
    for block in torch.split(candidates, n):
        found = torch.cat([found, block[varies(block)]])
        if len(found) >= n:
            break
    return found[:n]


def patches_of(windows: Windows, n: int, stream: Stream) -> Tensor:
    """(n, d), or fewer: windows drawn without replacement, each with its mean removed and scaled to norm 1.

    The mean is that of the numbers within the map; what is padding stays zero. Windows that are constant are passed over.
    """

    def centred(index: Tensor) -> Tensor:
        seen, inside = windows.at(index), windows.inside(index)
        return inside * (seen - seen.sum(1, keepdim=True) / inside.sum(1, keepdim=True))

    def varies(index: Tensor) -> Tensor:
        return differs(centred(index), windows.at(index))

    drawn = stream.choice(len(windows), min(len(windows), TRIES * n), replace=False)
    return F.normalize(centred(first_varying(torch.from_numpy(drawn), n, varies)), dim=1)
