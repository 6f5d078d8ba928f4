"""Attention among tokens, and what architectures of attention have in common."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.activation import Activation
from randfeat.arch.tokens import LayerNorm, Perceptron, layer_norm, share_of
from randfeat.errors import ConfigError


def check_heads(name: str, width: int, heads: int) -> None:
    """Refuse a width that the heads do not divide.

    Raises:
        ConfigError: names the architecture; says fewer heads that would, and the nearest width.
    """
    if width % heads:
        fewer = max(k for k in range(1, heads) if width % k == 0)
        near = heads * max(1, round(width / heads))
        raise ConfigError(
            f"arch.width of a {name} must be a multiple of arch.heads, got {width} and {heads}. "
            f"Use arch.heads={fewer}, or arch.width={near}."
        )


class Positions(nn.Module):
    """``x + table``, the table the same for every row."""

    def __init__(self, n_tokens: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(1, n_tokens, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> the same shape."""
        return x + self.table


class Attention(nn.Module):
    """``out(softmax(q k^T * scale) v)``, in each of the heads apart, with q, k and v linear maps of x.

    Args:
        width: C, a multiple of ``heads``.
        heads: each has d = width / heads neighbouring outputs of q, k and v.
        scale: whether the products are divided by sqrt(d), which gives them the variance 1 where q and k have it.
        causal: whether a token attends to itself and those before it alone.

    Cost: 4 C**2 multiply-adds a token, and 2 C T for the T tokens that it attends to.
    """

    branch_end = "out"

    def __init__(self, width: int, heads: int, scale: bool, causal: bool = False) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.heads, self.scale, self.causal = heads, None if scale else 1.0, causal

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> the same shape."""
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal, scale=self.scale)
        attended: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return attended


class AttentionBlock(nn.Module):
    """``y + mlp(norm2(y))`` with ``y = x + attention(norm1(x))``.

    Args:
        attention: among the tokens; its width is the block's.
        mlp_ratio: the perceptron on each token has the whole part of ``mlp_ratio * width`` hidden outputs.
        activation: of the perceptron.
        norm: layer norms, or none.
    """

    def __init__(self, attention: Attention, mlp_ratio: float, activation: Activation, norm: LayerNorm) -> None:
        super().__init__()
        width = attention.out.out_features
        self.norm1, self.norm2 = (layer_norm(width, norm) for _ in range(2))
        self.attention = attention
        self.mlp = Perceptron(width, share_of(mlp_ratio, width), activation)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> the same shape."""
        y: Tensor = x + self.attention(self.norm1(x))
        mixed: Tensor = y + self.mlp(self.norm2(y))
        return mixed
