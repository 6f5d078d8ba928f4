"""Networks of one structure, each with weights of its own, computed at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from randfeat.model import Model, complaints_in_words, tensor_names
from randfeat.network import Network
from randfeat.split import Place
from randfeat.typing import Weights

ATTENTION = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""The ways to compute attention that a stack can take; the one that a CPU prefers goes run by run there."""


class Stacked:
    """S models of one structure: their tensors stacked, and every operation done for all of them (``torch.func.vmap``).

    Nothing mixes one run with another, and nothing random may happen inside. The models differ in their numbers alone, and
    in which rows of a tensor train, not in how many.

    Args:
        models: of the runs, their statistics recorded.
        net: the network of these models built anew; theirs orders the channels of images, which a stack has no way to do.
        done: how many units are computed already of what :meth:`logits` will take.

    Attributes:
        trained: the trained tensors as drawn, (S, ...) each.
    """

    def __init__(self, models: Sequence[Model], net: Network, done: int = 0) -> None:
        self._model, self._net = models[0], _pooling_by_means(net[done:])
        names, halves = tensor_names(self._net), [model.weights for model in models]
        places, recorded = halves[0].places, set(self._model.statistics)
        self.trained = {name: _stack([half.trained[name] for half in halves]) for name in halves[0].trained}
        self._places = {name: _Places.of([half.places[name] for half in halves]) for name in places}
        self._frozen = {
            name: _stack([half.frozen[name] for half in halves])
            for name in names
            if name in halves[0].frozen and name not in places
        }
        self._statistics = {name: _stack([model.buffers[name] for model in models]) for name in names if name in recorded}
        self._constants = {name: self._model.buffers[name] for name in names if name in self._model.buffers.keys() - recorded}
        self._all: Callable[..., Tensor] = vmap(self._one, in_dims=(0, None, 0), randomness="error")

    def logits(self, trained: Weights, z: Tensor) -> Tensor:
        """Inputs (S, N, ...) -> class scores (S, N, K), differentiable in ``trained``."""
        whole = {name: place.filled(trained[name]) for name, place in self._places.items()}
        with complaints_in_words(), sdpa_kernel(ATTENTION):
            return self._all({**self._frozen, **trained, **whole, **self._statistics}, self._constants, z)

    def _one(self, tensors: Weights, constants: Weights, z: Tensor) -> Tensor:
        y: Tensor = functional_call(self._net, {**tensors, **constants}, (z,))
        return y

    def train_mode(self) -> None:
        """See :meth:`Model.train_mode`."""
        self._model.train_mode()
        for name, layer in self._net.named_modules():
            layer.training = self._model.net.get_submodule(name).training
        self._model.score_mode()

    def score_mode(self) -> None:
        """See :meth:`Model.score_mode`."""
        self._net.eval()


class _Mean(nn.Module):
    """The mean of every map, as ``nn.AdaptiveAvgPool2d(1)`` has it; that cannot be stacked in every layout of memory."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 1, 1)."""
        return x.mean((-2, -1), keepdim=True)


def _pooling_by_means(net: nn.Module) -> nn.Module:
    for name, layer in [*net.named_modules()]:
        if isinstance(layer, nn.AdaptiveAvgPool2d) and layer.output_size in (1, (1, 1)):
            net.set_submodule(name, _Mean())
    return net


@dataclass(frozen=True)
class _Places:
    """How S tensors trained in part are put together again, see :class:`randfeat.split.Place`."""

    base: Tensor
    where: tuple[Tensor, Tensor]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, places: Sequence[Place]) -> _Places:
        base, where_SR = _stack([place.base for place in places]), _stack([place.where for place in places])
        return cls(base, (torch.arange(len(places), device=base.device)[:, None], where_SR), (len(places), *places[0].shape))

    def filled(self, trained: Tensor) -> Tensor:
        """The whole tensors, (S, ...), differentiable in what trains of them."""
        return self.base.index_put(self.where, trained).view(self.shape)


def _stack(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(tuple(tensors))
