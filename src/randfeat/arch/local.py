"""A convolution without shared weights: a filter of its own at every place of every map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from randfeat.arch.conv_pool import in_blocks
from randfeat.arch.pool import Pool


class LocalConv2d(nn.Conv2d):
    """``z[m, i, j] = <w[m, i, j], window of x at (i, j)>`` without bias or padding, its code and its pool.

    The weight has a row for each map and place, (maps * places, channels, kernel, kernel), map by map and within a map from
    the top left, so that a law sees the fan-in of one filter, channels * kernel**2, and a policy may train single filters.
    A law with relations between filters (orthogonal ones) makes them between all of them.

    Args:
        channels: of the input.
        maps: how many filters every place has.
        kernel: side of a filter.
        stride: from a place to the next.
        places: of a map, down and across.

    Cost: multiply-adds as a convolution of this size; its windows exist as copies, for a block of rows at a time.
    """

    code: nn.Module
    pool: Pool

    def __init__(self, channels: int, maps: int, kernel: int, stride: int, places: tuple[int, int]) -> None:
        super().__init__(channels, maps * places[0] * places[1], kernel, stride, bias=False)
        self.places = places

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, maps, windows down, windows across)."""
        n_places, (n_filters, *window) = self.places[0] * self.places[1], self.weight.shape
        maps, d = n_filters // n_places, torch.Size(window).numel()
        w_LdM = self.weight.reshape(maps, n_places, d).permute(1, 2, 0)
        return in_blocks(lambda block: self.pool(self.code(self.responses(block, w_LdM))), x, n_places * max(maps, d))

    def responses(self, x: Tensor, w_LdM: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, maps, places down, places across), for filters (places, d, maps)."""
        down, across = self.kernel_size
        seen = x.unfold(2, down, self.stride[0]).unfold(3, across, self.stride[1])
        windows_LNd = seen.permute(2, 3, 0, 1, 4, 5).reshape(len(w_LdM), len(x), -1)
        return torch.bmm(windows_LNd, w_LdM).permute(1, 2, 0).reshape(len(x), -1, *self.places)
