"""What runs of one process share, computed once: a data set, a network's weights as drawn, what its units give."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

from randfeat.data import AbstractData, Dataset
from randfeat.machine import fits
from randfeat.model import Model
from randfeat.network import Network
from randfeat.solver import Once
from randfeat.typing import Weights, row_blocks

Outputs = Mapping[str, Tensor]
"""What a unit gives for the rows of each split."""


class Shelf:
    """Of a data set the rows; of a network as drawn its weights, the statistics of its norm layers, the outputs of its units
    and what heads compute of them.

    It holds things of one data set and of one network at a time, and of a network only where several runs have it.
    """

    def __init__(self, shared: Collection[str] = ()) -> None:
        self.share(shared)
        self.clear()

    def share(self, networks: Collection[str]) -> None:
        """From now on these networks are those that several runs have; their keys, see :attr:`RunSpec.network_key`."""
        self._shared = frozenset(networks)

    def clear(self) -> None:
        """Let go of everything."""
        self._data: tuple[Hashable, Dataset | None] = ((), None)
        self._network = ""
        self._forget()

    def _forget(self) -> None:
        self._drawn: dict[Hashable, tuple[Network, Weights]] = {}
        self._statistics: Weights = {}
        self._outputs: dict[tuple[str, ...], Outputs] = {}
        self._made: dict[Hashable, Any] = {}

    def data(self, data: AbstractData, seed: int, device: torch.device, load: Callable[[], Dataset]) -> Dataset:
        """The data set of this seed."""
        wanted = (data, seed, device)
        held, found = self._data
        if found is None or held != wanted:
            self._data = ((), None)  # before the next one is loaded
            found = load()
            self._data = (wanted, found)
        return found

    def open(self, network: str) -> bool:
        """Whether runs share this network. What is held of another goes."""
        if network != self._network:
            self._network = network
            self._forget()
        return network in self._shared

    def drawn(self, network: str, tensors: Hashable, draw: Callable[[], tuple[Network, Weights]]) -> tuple[Network, Weights]:
        """A network and its weights as drawn; ``tensors`` tells apart networks that were cut at different units."""
        if not self.open(network):
            return draw()
        if tensors not in self._drawn:
            self._drawn[tensors] = draw()
        return self._drawn[tensors]

    def record_statistics(self, model: Model, x: Tensor) -> None:
        """Those of a network as drawn on the training rows; computed, unless another run has done so."""
        names = set(model.statistics)
        if not names <= self._statistics.keys():
            model.record_statistics(model.weights.trained, map(model.prefix, row_blocks(x)), list(model.recorders))
            self._statistics = {name: model.buffers[name].clone() for name in names}
        model.buffers |= {name: self._statistics[name].clone() for name in names}

    def nearest(self, units: tuple[str, ...]) -> tuple[int, Outputs]:
        """How many of these units, from the first on, have been computed, and the output of the last of them."""
        found = max((held for held in self._outputs if held == units[: len(held)]), key=len, default=())
        return len(found), self._outputs.get(found, {})

    def hold(self, units: tuple[str, ...], outputs: Outputs) -> None:
        """Keep the output of these units for other runs."""
        self._outputs[units] = outputs

    def once(self, units: tuple[str, ...], device: torch.device) -> Once:
        """What computes things of the outputs of these units, or gives what another run has computed of them."""

        def once(name: Hashable, make: Callable[[], Any], n_bytes: float) -> Any:
            if (units, name) in self._made:
                return self._made[units, name]
            made = make()
            if fits(n_bytes, device):
                self._made[units, name] = made
            return made

        return once
