"""Temporal convolutional networks: chains of dilated causal convolutions, with gates or without."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.arch.base import AbstractArch, Norm, normalisation
from randfeat.arch.sequences import Readout, Steps, sequence_shape
from randfeat.errors import ConfigError
from randfeat.network import Network, chain
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Task


@register("arch", "tcn")
@dataclass(frozen=True, kw_only=True)
class Tcn(AbstractArch):
    """Temporal convolutional network: residual blocks of dilated causal convolutions, gated as in WaveNet or not.

    Units: ``stem`` (a linear map of the channels of every step to ``width``), ``block1`` ... ``block<depth>``, with ``skip``
    ``skips``, and ``readout`` (the last step, the last S where a row has S answers, or with ``readout=mean`` the mean over the
    steps). Block k has the dilation ``2**((k - 1) % cycle)``: 1, 2, 4, ..., and 1 again after ``cycle`` blocks. The output at
    a step depends on that step and those before it alone; a batch norm, over rows and steps, makes an exception in training.

    With ``gates`` a block is ``x + out(tanh(filter * x) sigmoid(gate * x))``, ``out`` a linear map of each step. ``skip=r``
    adds r channels in which the blocks' outputs sum up and which no block reads; ``skips`` is ``relu(linear(relu(s)))`` of
    the sum s, and the head sees that alone. Without gates a block is
    ``activation(x + activation(conv2 * activation(conv1 * x)))``.

    Receptive field: ``1 + (kernel - 1) * n * sum of the dilations`` steps, n = 1 convolution along each path through a block
    with gates and 2 without; ``1 + n (kernel - 1) (2**depth - 1)`` within one cycle. Kernel 2 and cycle 10 give 1024 for each
    cycle of WaveNet. What lies before the first step is zero.

    With gates=false, depth 8, width 25 and kernel 7 it has 70,710 parameters on one channel and ten classes. Bai et al.'s
    network of these sizes has weight norm and dropout, and its first block sees the channels: there is no stem.

    Cost: multiply-adds a step and block: ``(2 kernel + 1) C**2 + C skip`` with gates, ``2 kernel C**2`` without, C the width.
    See: van den Oord et al., "WaveNet: a generative model for raw audio", 2016; Bai, Kolter and Koltun, "An empirical
    evaluation of generic convolutional and recurrent networks for sequence modeling", 2018.
    """

    depth: int = setting(8, ge=1)
    width: int = setting(32, ge=1)
    kernel: int = setting(2, ge=1)
    cycle: int = setting(10, ge=1)
    gates: bool = True
    skip: int = setting(0, ge=0)
    readout: Steps = "last"
    activation: Activation = "relu"
    norm: Norm = "none"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`. Needs sequences."""
        steps, channels = sequence_shape(self, task)
        if self.skip and not self.gates:
            raise ConfigError("arch.skip sums up gated blocks, but arch.gates=false. Use arch.skip=0, or arch.gates=true.")
        with torch.device("meta"):
            units: dict[str, nn.Module] = {"stem": self._stem(channels)}
            for k in range(self.depth):
                dilation = min(2 ** (k % self.cycle), steps)  # beyond, it reads the same zeros
                units[f"block{k + 1}"] = self._block(dilation)
            if self.skip:
                units["skips"] = Skips(self.width, self.skip)
            units["readout"] = Readout(task, self.readout)
        return chain(units, task)

    def _stem(self, channels: int) -> nn.Sequential:
        layers: dict[str, nn.Module] = {"linear": nn.Linear(channels, self.width)}
        if self.skip:
            layers["skip"] = nn.ZeroPad1d((0, self.skip))
        return nn.Sequential(OrderedDict(layers))

    def _block(self, dilation: int) -> nn.Module:
        convs = [CausalConvolution(self.width, self.kernel, dilation, self.norm) for _ in range(2)]
        return GatedBlock(convs, self.skip) if self.gates else ResidualBlock(convs, self.activation)


class CausalConvolution(nn.Module):
    """``norm(y)`` with ``y_t = b + sum over j < kernel of W_j x_(t - (kernel - 1 - j) dilation)``: the last W_j sees step t.

    What lies before the first step is zero. The convolution is one of two dimensions along a map of height 1, as laws and
    subsets know it.
    """

    def __init__(self, width: int, kernel: int, dilation: int, norm: Norm) -> None:
        super().__init__()
        self.before = (kernel - 1) * dilation
        self.conv = nn.Conv2d(width, width, (1, kernel), dilation=(1, dilation), bias=norm == "none")
        self.norm = normalisation(width, norm)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> the same shape."""
        y: Tensor = self.norm(self.conv(F.pad(x.mT[:, :, None], (self.before, 0))))
        return y[:, :, 0].mT


class GatedBlock(nn.Module):
    """``x + out(tanh(filter(x')) sigmoid(gate(x')))``, x' the first C channels of x, without those that sum up skips."""

    branch_end = "out"

    def __init__(self, convs: list[CausalConvolution], skip: int) -> None:
        super().__init__()
        self.filter, self.gate = convs
        self.width = self.filter.conv.out_channels
        self.out = nn.Linear(self.width, self.width + skip)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C + skip) -> the same shape."""
        seen = x[..., : self.width]
        y: Tensor = x + self.out(torch.tanh(self.filter(seen)) * torch.sigmoid(self.gate(seen)))
        return y


class ResidualBlock(nn.Module):
    """``activation(x + activation(conv2(activation(conv1(x)))))``."""

    def __init__(self, convs: list[CausalConvolution], activation: Activation) -> None:
        super().__init__()
        self.conv1, self.conv2 = convs
        self.activation = ACTIVATIONS[activation]()
        self.branch_end = "conv2.conv" if isinstance(self.conv2.norm, nn.Identity) else "conv2.norm"

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) -> the same shape."""
        branch = self.activation(self.conv2(self.activation(self.conv1(x))))
        y: Tensor = self.activation(x + branch)
        return y


class Skips(nn.Module):
    """``relu(linear(relu(s)))`` of the channels s after the first ``width``."""

    def __init__(self, width: int, skip: int) -> None:
        super().__init__()
        self.width, self.linear = width, nn.Linear(skip, skip)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, width + skip) -> (N, T, skip)."""
        return F.relu(self.linear(F.relu(x[..., self.width :])))
