"""Vision transformer: the patches of an image as tokens that attend to each other."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.activation import Activation
from randfeat.arch.base import AbstractArch
from randfeat.arch.tokens import LayerNorm, Patches, Perceptron, TokenMean, layer_norm, n_patches, share_of
from randfeat.errors import ConfigError
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
    mlp_ratio: float = setting(4.0, gt=0)
    pool: Literal["class", "mean"] = "class"
    positions: Literal["learned", "none"] = "learned"
    scale: bool = True
    activation: Activation = "gelu"
    norm: LayerNorm = "layer"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs images whose sides the patch divides."""
        self._check_heads()
        channels, height, width = self.image_shape(task)
        n = n_patches(height, width, self.patch)
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"patches": self._patches(channels, n)}
            for k in range(1, self.depth + 1):
                units[f"block{k}"] = VitBlock(
                    Attention(self.width, self.heads, self.scale),
                    Perceptron(self.width, share_of(self.mlp_ratio, self.width), self.activation),
                    [layer_norm(self.width, self.norm) for _ in range(2)],
                )
            units["norm"] = layer_norm(self.width, self.norm)
            units["pool"] = FirstToken() if self.pool == "class" else TokenMean()
        return chain(units, task)

    def _check_heads(self) -> None:
        if self.width % self.heads:
            fewer = max(k for k in range(1, self.heads) if self.width % k == 0)
            near = self.heads * max(1, round(self.width / self.heads))
            raise ConfigError(
                f"arch.width of a vit must be a multiple of arch.heads, got {self.width} and {self.heads}. "
                f"Use arch.heads={fewer}, or arch.width={near}."
            )

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


class Positions(nn.Module):
    """``x + table``, the table the same for every row."""

    def __init__(self, n_tokens: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(1, n_tokens, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> the same shape."""
        return x + self.table


class FirstToken(nn.Module):
    """The first token alone."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> (N, C)."""
        return x[:, 0]


class Attention(nn.Module):
    """``out(softmax(q k^T * scale) v)``, in each of the heads apart, with q, k and v linear maps of x.

    Args:
        width: C, a multiple of ``heads``.
        heads: each has d = width / heads neighbouring outputs of q, k and v.
        scale: whether the products are divided by sqrt(d), which gives them the variance 1 where q and k have it.

    Cost: 4 C**2 multiply-adds a token, and 2 C T for the T tokens that it attends to.
    """

    branch_end = "out"

    def __init__(self, width: int, heads: int, scale: bool) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.heads, self.scale = heads, None if scale else 1.0

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> the same shape."""
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        attended: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return attended


class VitBlock(nn.Module):
    """``y + mlp(norm2(y))`` with ``y = x + attention(norm1(x))``."""

    def __init__(self, attention: Attention, mlp: Perceptron, norms: list[nn.Module]) -> None:
        super().__init__()
        self.norm1, self.norm2 = norms
        self.attention, self.mlp = attention, mlp

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> the same shape."""
        y: Tensor = x + self.attention(self.norm1(x))
        mixed: Tensor = y + self.mlp(self.norm2(y))
        return mixed
