"""The contract of an initialisation law, and the one function that draws a network's weights by it."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
import torch
from torch import nn

from randfeat.errors import ConfigError
from randfeat.network import Network, Role, Slot, slots
from randfeat.part import Part, setting
from randfeat.seeds import Stream, stream
from randfeat.typing import Examples, Weights


@dataclass(frozen=True)
class Fans:
    """How many numbers meet in one output (``fan_in``) and in how many outputs one input counts (``fan_out``)."""

    fan_in: int
    fan_out: int


def fans(shape: tuple[int, ...]) -> Fans:
    """The fans of a weight of shape (outputs, inputs, ...kernel): inputs or outputs, times the kernel's entries."""
    kernel = math.prod(shape[2:])
    return Fans(fan_in=shape[1] * kernel, fan_out=shape[0] * kernel)


@dataclass(frozen=True)
class Sources:
    """What a law may look at beside its stream.

    Attributes:
        rows: n -> the first n training rows as the network sees them, in float32 on the CPU; all of them where there are
            fewer. Their order is a draw of the data seed.
        recall: key of a run on record -> every tensor of its network as that run left it.
        folder: the data folder, where downloaded weights lie.
    """

    rows: Callable[[int], Examples]
    recall: Callable[[str], Weights]
    folder: Path


def _nothing(wanted: object) -> NoReturn:
    raise LookupError(f"this draw has no sources to take {wanted} from")


NOTHING = Sources(rows=_nothing, recall=_nothing, folder=Path())
"""For laws that look at nothing but their stream."""


@dataclass(frozen=True, kw_only=True)
class AbstractInit(Part):
    """A law for the entries of weights: matrices (outputs, inputs) and filter banks (outputs, inputs, height, width).

    Settings common to all laws:
        bias: biases are ``zero``; or independent and ``normal`` or ``uniform`` with mean 0 and standard deviation ``bias_std``.
        bias_std: see ``bias``.
        gamma: the gains of norm layers are ``one``, or ``uniform`` on [0, 1] (Frankle, Schwab and Morcos, ICLR 2021). Their
            shifts are zero.
        branches: the last layer of every residual branch follows the ``law``, or is ``zero`` (its norm's gain where the
            branch ends in a norm layer), so that every block starts as its shortcut (Goyal et al. 2017).
    """

    bias: Literal["zero", "normal", "uniform"] = "zero"
    bias_std: float = setting(0.1, gt=0)
    gamma: Literal["one", "uniform"] = "one"
    branches: Literal["law", "zero"] = "law"

    @abstractmethod
    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """One weight of this shape, drawn from the stream, in float32."""

    def fill(self, slot: Slot, stream: Stream) -> np.ndarray:
        """One tensor of any role. Laws that need more than a shape overrule this; most only give :meth:`weight`."""
        if slot.role in (Role.WEIGHT, Role.TOKEN):
            return self.weight(slot.shape, stream)
        if slot.role is Role.BIAS:
            return _biases(self.bias, self.bias_std, slot.shape, stream)
        if slot.role is Role.GAIN:
            return stream.random(slot.shape) if self.gamma == "uniform" else np.ones(slot.shape)
        return np.zeros(slot.shape)

    def check(self, net: Network, names: Collection[str]) -> None:
        """Refuse a network whose tensors ``names`` the law cannot fill; called when a spec is made, on the meta device.

        Raises:
            ConfigError: names the tensors, and says what would work.
        """
        if self.branches == "zero" and not branch_ends(net):
            raise ConfigError("init.branches=zero sets residual branches to zero, but this network has none. Use arch=resnet.")

    def adapt(self, net: Network, weights: Weights, names: list[str], seed: int, sources: Sources) -> Weights:
        """The tensors ``names`` anew, once all are drawn, for laws that look at data or at other runs; by default none.

        Args:
            net: on the meta device.
            weights: every tensor as drawn.
            names: those that this law may change.
            seed: seeds.weights.
            sources: data, runs on record and files.
        """
        return {}


def draw(law: AbstractInit, net: Network, seed: int, sources: Sources = NOTHING) -> Weights:
    """Every parameter of the network, in float32 on the CPU; each tensor from a stream named after it.

    A drawn tensor depends on the law, the seed, its name and its shape alone: not on the device, the precision, the number
    of threads, nor on any other tensor. Laws that look at data then adapt some of them.
    """
    drawn = {slot.name: _tensor(law, slot, seed) for slot in slots(net)}
    zero = {name: torch.zeros_like(drawn[name]) for name in branch_ends(net)} if law.branches == "zero" else {}
    drawn |= zero
    return drawn | law.adapt(net, drawn, [name for name in drawn if name not in zero], seed, sources)


def _tensor(law: AbstractInit, slot: Slot, seed: int) -> torch.Tensor:
    with np.errstate(over="ignore"):  # a gain beyond float32 gives infinite weights, and the run says so
        array = law.fill(slot, stream(seed, "weights", slot.name))
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def branch_ends(net: nn.Module) -> list[str]:
    """The tensors that scale the residual branches: of each block that names its ``branch_end``, that layer's weight."""
    blocks = [(path, block) for path, block in net.named_modules() if hasattr(block, "branch_end")]
    return [f"{path}.{block.branch_end}.weight" if path else f"{block.branch_end}.weight" for path, block in blocks]


def _biases(law: str, std: float, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
    if law == "zero":
        return np.zeros(shape)
    return std * (stream.standard_normal(shape) if law == "normal" else math.sqrt(3) * (2 * stream.random(shape) - 1))
