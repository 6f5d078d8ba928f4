"""What becomes of a convolution's responses at a place before they are pooled: codes that are no plain activations."""

from __future__ import annotations

from torch import Tensor, nn

from randfeat.arch.activation import straight_through


class SoftThreshold(nn.Module):
    """``max(0, z - threshold)``.

    See: Coates and Ng, "The importance of encoding versus training with sparse coding and vector quantization", ICML 2011.
    """

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, z: Tensor) -> Tensor:
        """Elementwise."""
        return (z - self.threshold).relu_()


class Nearest(nn.Module):
    """1 for the m largest responses among the maps at each place, 0 for the others; m is the whole part of share * maps, or 1.

    What equals the m-th largest counts as well. Where all filters have one norm, and responses are products with them, the
    largest are those of the filters nearest to the window. Backwards the code passes for z itself, so that a twin's filters
    train. Cost: one selection of the m-th largest at each place.

    See: Thiry, Arbel, Belilovsky and Oyallon, "The unreasonable effectiveness of patches in deep convolutional kernels
    methods", ICLR 2021.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, z: Tensor) -> Tensor:
        """(N, maps, H, W) -> the same shape, of zeros and ones."""
        m = max(1, int(self.share * z.shape[1] + 1e-9))
        least = z.movedim(1, -1).contiguous().topk(m, sorted=False).values.amin(-1)[:, None]
        return straight_through((z >= least).to(z.dtype), z)
