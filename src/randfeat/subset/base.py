"""The contract of a subset policy: a network in, for every tensor what of it trains out."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from randfeat.network import HEAD, Network, norm_layers, unit_of
from randfeat.part import Part
from randfeat.seeds import stream
from randfeat.split import Choice, Selection

Switch = Literal["policy", "train", "freeze"]


@dataclass(frozen=True, kw_only=True)
class AbstractSubset(Part):
    """Which weights train. A policy chooses; two switches then overrule it for the norm layers and for the head.

    Settings common to all policies:
        norm: the gains and shifts of all norm layers train (``train``), stay as drawn (``freeze``), or the policy says.
        head: the same for the head.
        statistics: of the norm layers that record statistics. ``auto``: a norm layer in a unit where something trains
            uses the statistics of its batch while training; in a frozen unit it keeps those recorded on the training set
            at the start. ``batch``: all from the first trained unit on use the batch. ``fixed``: none does.
    """

    frozen_rows: ClassVar[Literal["random", "zero"]] = "random"

    norm: Switch = "policy"
    head: Switch = "policy"
    statistics: Literal["auto", "batch", "fixed"] = "auto"

    @abstractmethod
    def choose(self, net: Network, seed: int) -> dict[str, Choice]:
        """The policy's own choice: the tensors that train, or their rows or entries. What is left out is frozen.

        ``seed`` is seeds.subset, for policies that draw.

        Raises:
            ConfigError: the network has nothing that the policy asks for, or too little of it.
        """

    def select(self, net: Network, seed: int) -> Selection:
        """The choice for every tensor of the network, after the switches for norm layers and head."""
        chosen = self.choose(net, seed)
        names = [name for name, _ in net.named_parameters()]
        in_norm = tuple(f"{layer}." for layer in norm_layers(net))
        overruled: dict[str, bool] = {}
        if self.norm != "policy":
            overruled |= {name: self.norm == "train" for name in names if name.startswith(in_norm)}
        if self.head != "policy":
            overruled |= {name: self.head == "train" for name in names if unit_of(name) == HEAD}
        return {name: overruled.get(name, chosen.get(name, False)) for name in names}

    def begins(self, net: Network, seed: int) -> dict[str, float]:
        """Tensor name -> the share of the training, from 0 to 1, after which it starts to train; by default all at 0."""
        return {}


def whole(net: Network, units: Iterable[str]) -> dict[str, Choice]:
    """Every tensor of these units, whole."""
    wanted = set(units)
    return {name: True for name, _ in net.named_parameters() if unit_of(name) in wanted}


def kept(share: float, n: int) -> int:
    """How many of n a share keeps: the whole part of their product."""
    return int(share * n + 1e-9)


def least(n: int) -> float:
    """The smallest share, in thousandths, that keeps one of n."""
    return math.ceil(1000 / n) / 1000


def drawn(k: int, n: int, seed: int, name: str) -> Tensor:
    """Of the numbers below n, k drawn without replacement from the stream of seeds.subset and this tensor's name; rising."""
    return torch.from_numpy(np.sort(stream(seed, "subset", name).permutation(n)[:k]))
