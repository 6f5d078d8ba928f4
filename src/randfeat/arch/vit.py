"""Vision transformer: the patches of an image as tokens that attend to each other."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from randfeat.arch.activation import Activation
from randfeat.arch.attention import Attention, AttentionBlock, Positions, check_heads
from randfeat.arch.base import AbstractArch
from randfeat.arch.tokens import LayerNorm, Patches, TokenMean, layer_norm, n_patches
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "vit")
@dataclass(frozen=True, kw_only=True)
class Vit(AbstractArch):
    """Vision transformer: blocks of attention among the patches of an image and a perceptron on each, normed in front.

    Units: ``patches`` (a linear map of every square of ``patch`` pixels a side to ``width`` numbers; then the class token and
    the table of positions, which is added), ``block1`` ... ``block<depth>``, ``norm`` (the last layer norm), ``pool`` (the
    class token, or with ``pool=mean``, which has none, the mean over the patches). ``scale`` divides the products of queries
    and keys by the root of width / heads. Norms are layer norms, which record no statistics.

    Class token and table are neither weights nor biases: a law draws each as one row, so that one which divides by the fan-in
    makes the table small (init=mixed gives it a law of its own); subset=fraction leaves them as drawn.

    Published sizes, depth, width and heads: B 12, 768, 12; L 24, 1024, 16; H 32, 1280, 16. ViT-B/16 (patch 16) at 224x224 and
    1000 classes has 86,567,656 parameters.

    See: Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021; Vaswani et al., "Attention is all you need", NIPS 2017.
    """

    patch: int = setting(4, ge=1)
    depth: int = setting(4, ge=1)
    width: int = setting(64, ge=2)
    heads: int = setting(4, ge=1)
    mlp_ratio: float = setting(4.0, gt=0, le=1000)
    pool: Literal["class", "mean"] = "class"
    positions: Literal["learned", "none"] = "learned"
    scale: bool = True
    activation: Activation = "gelu"
    norm: LayerNorm = "layer"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs images whose sides the patch divides."""
        check_heads(self.part, self.width, self.heads)
        channels, height, width = self.image_shape(task)
        n = n_patches(height, width, self.patch)
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"patches": self._patches(channels, n)}
            for k in range(1, self.depth + 1):
                attention = Attention(self.width, self.heads, self.scale)
                units[f"block{k}"] = AttentionBlock(attention, self.mlp_ratio, self.activation, self.norm)
            units["norm"] = layer_norm(self.width, self.norm)
            units["pool"] = FirstToken() if self.pool == "class" else TokenMean()
        return chain(units, task)

    def _patches(self, channels: int, n: int) -> nn.Sequential:
        layers = dict(Patches(channels, self.width, self.patch).named_children())
        if self.pool == "class":
            layers["class_token"] = ClassToken(self.width)
        if self.positions == "learned":
            layers["positions"] = Positions(n + (self.pool == "class"), self.width)
        return nn.Sequential(OrderedDict(layers))


class ClassToken(nn.Module):
    """A token, the same for every row, in front of the others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.empty(1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> (N, 1 + T, C)."""
        return torch.cat([self.token.expand(len(x), -1, -1), x], 1)


class FirstToken(nn.Module):
    """The first token alone."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> (N, C)."""
        return x[:, 0]
