"""MLP-Mixer: perceptrons across the patches of an image, and across the channels of each patch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from randfeat.arch.activation import Activation
from randfeat.arch.base import AbstractArch
from randfeat.arch.tokens import LayerNorm, Patches, Perceptron, TokenMean, layer_norm, n_patches, share_of
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "mixer")
@dataclass(frozen=True, kw_only=True)
class Mixer(AbstractArch):
    """MLP-Mixer: blocks of two perceptrons, one across the patches of an image, one across the channels of each patch.

    Units: ``patches`` (a linear map of every square of ``patch`` pixels a side to ``width`` channels), ``block1`` ...
    ``block<depth>``, ``norm`` (the last layer norm), ``pool`` (mean over the patches). The hidden layers have the whole part of
    ``token_ratio`` and ``channel_ratio`` times the width; norms are layer norms, which record no statistics.

    The ratios are the published ones. Published sizes, depth and width: S 8, 512; B 12, 768; L 24, 1024; H 32, 1280.
    Mixer-B/16 (patch 16) at 224x224 and 1000 classes has 59,880,472 parameters.

    See: Tolstikhin et al., "MLP-Mixer: an all-MLP architecture for vision", NeurIPS 2021.
    """

    patch: int = setting(4, ge=1)
    depth: int = setting(4, ge=1)
    width: int = setting(64, ge=2)
    token_ratio: float = setting(0.5, gt=0, le=1000)
    channel_ratio: float = setting(4.0, gt=0, le=1000)
    activation: Activation = "gelu"
    norm: LayerNorm = "layer"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs images whose sides the patch divides."""
        channels, height, width = self.image_shape(task)
        n = n_patches(height, width, self.patch)
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"patches": Patches(channels, self.width, self.patch)}
            for k in range(1, self.depth + 1):
                units[f"block{k}"] = MixerBlock(
                    Perceptron(n, share_of(self.token_ratio, self.width), self.activation),
                    Perceptron(self.width, share_of(self.channel_ratio, self.width), self.activation),
                    [layer_norm(self.width, self.norm) for _ in range(2)],
                )
            units["norm"] = layer_norm(self.width, self.norm)
            units["pool"] = TokenMean()
        return chain(units, task)


class MixerBlock(nn.Module):
    """``y + channels(norm2(y))`` with ``y = x + tokens(norm1(x)^T)^T``: mixing across tokens, then within each."""

    def __init__(self, tokens: Perceptron, channels: Perceptron, norms: list[nn.Module]) -> None:
        super().__init__()
        self.norm1, self.norm2 = norms
        self.tokens, self.channels = tokens, channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> the same shape."""
        y: Tensor = x + self.tokens(self.norm1(x).mT).mT
        mixed: Tensor = y + self.channels(self.norm2(y))
        return mixed
