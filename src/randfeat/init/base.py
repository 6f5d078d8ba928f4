"""The contract of an initialisation law, and the one function that draws a network's weights by it."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from randfeat.network import Role, roles
from randfeat.part import Part
from randfeat.seeds import Stream, stream
from randfeat.typing import Weights


@dataclass(frozen=True)
class Fans:
    """How many numbers meet in one output (``fan_in``) and in how many outputs one input counts (``fan_out``)."""

    fan_in: int
    fan_out: int


def fans(shape: tuple[int, ...]) -> Fans:
    """The fans of a weight of shape (outputs, inputs, ...kernel): inputs or outputs, times the kernel's entries."""
    kernel = math.prod(shape[2:])
    return Fans(fan_in=shape[1] * kernel, fan_out=shape[0] * kernel)


@dataclass(frozen=True, kw_only=True)
class AbstractInit(Part):
    """A law for the entries of weights: matrices (outputs, inputs) and filter banks (outputs, inputs, height, width).

    Biases are zero, norm layers start as the identity (gain 1, shift 0).
    """

    @abstractmethod
    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """One weight of this shape, drawn from the stream, in float32."""


def draw(law: AbstractInit, net: nn.Module, seed: int) -> Weights:
    """Every parameter of the network, in float32 on the CPU; each weight from a stream named after it.

    A tensor depends on the law, the seed, its name and its shape alone: not on the device, the precision, the number of
    threads, nor on any other tensor.
    """
    role_of = roles(net)
    return {name: _tensor(law, name, tensor, role_of[name], seed) for name, tensor in net.named_parameters()}


def _tensor(law: AbstractInit, name: str, like: Tensor, role: Role, seed: int) -> Tensor:
    if role in (Role.WEIGHT, Role.TOKEN):
        return torch.from_numpy(law.weight(tuple(like.shape), stream(seed, "weights", name)).astype(np.float32))
    return torch.full(like.shape, 1.0 if role is Role.GAIN else 0.0)
