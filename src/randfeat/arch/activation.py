"""Activations by name: torch's own, and those of the random-feature literature that torch has no module for."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal[
    "relu",
    "tanh",
    "sigmoid",
    "gelu",
    "identity",
    "leaky_relu",
    "elu",
    "selu",
    "silu",
    "softplus",
    "hard_tanh",
    "sin",
    "cos",
    "sign",
    "gaussian",
    "square",
    "abs",
]
"""The names, for the setting ``activation`` of an architecture; a test keeps them equal to those of ``ACTIVATIONS``."""


def straight_through(value: Tensor, slope_of: Tensor) -> Tensor:
    """``value``, with the gradient of ``slope_of`` in place of its own (Bengio, Leonard and Courville 2013)."""
    return value.detach() + (slope_of - slope_of.detach()) if torch.is_grad_enabled() else value


class Sin(nn.Module):
    """``sin(x)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return torch.sin(x)


class Cos(nn.Module):
    """``cos(x)``.

    With Gaussian weights of standard deviation g and biases uniform on a whole period, the mean of the products of two rows'
    features tends to ``exp(-g**2 |x - x'|**2 / 2) / 2`` (Rahimi and Recht, "Random features for large-scale kernel machines",
    NIPS 2007).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return torch.cos(x)


class Sign(nn.Module):
    """``sign(x)``: the hard limit, -1 or 1, and 0 at 0.

    Its gradient is that of hard_tanh, 1 where ``|x| < 1`` and 0 elsewhere, so that what lies below can train (Hubara et al.,
    "Binarized neural networks", NIPS 2016).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return straight_through(torch.sign(x), F.hardtanh(x))


class Gaussian(nn.Module):
    """``exp(-x**2)``: with a bias, a radial basis along the filter's direction."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return torch.exp(-x.square())


class Square(nn.Module):
    """``x**2``."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return x.square()


class Abs(nn.Module):
    """``|x|``."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return x.abs()


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "hard_tanh": nn.Hardtanh,
    "sin": Sin,
    "cos": Cos,
    "sign": Sign,
    "gaussian": Gaussian,
    "square": Square,
    "abs": Abs,
}
