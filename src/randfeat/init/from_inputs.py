"""Laws that look at what a layer sees: each layer in its turn, during one forward pass of training rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.func import functional_call

from randfeat.errors import ConfigError
from randfeat.init.base import AbstractInit, Sources
from randfeat.network import HEAD, Network, Role, Slot, norm_layers, slots, unit_of
from randfeat.part import setting
from randfeat.seeds import Stream, stream
from randfeat.typing import Examples, Weights


@dataclass(frozen=True)
class Inputs(Examples):
    """What a layer sees of the training rows, (N, ..., D) or (N, C, H, W), and their classes.

    Attributes:
        image: (C, H, W) where the layer sees the images of the data as rows of C H W numbers; else None.
        threads: how many may work side by side, each on what is its own; every library has one.
    """

    image: tuple[int, ...] | None = None
    threads: int = 1


class _NothingLeft(Exception):  # noqa: N818
    """Ends a forward pass of which no layer is wanted any more."""


@dataclass(frozen=True, kw_only=True)
class AbstractFromInputs(AbstractInit):
    """A law whose weights depend on the inputs of their layer, over the first ``rows`` training rows.

    Linear and convolutional layers are filled as a forward pass of the rows comes to them, so that each sees what the
    layers before it make of the rows once they are filled. Norm layers use the statistics of the rows; dropout is off. The
    head (unless ``fills_head``) and weights that are not called as layers of the rows, as in attention, are drawn by
    :meth:`weight`.

    Computed in float32 on the CPU in one thread: neither the device nor the number of threads shows. A processor of
    another make may round the sums of a convolution otherwise, and so change the last digits.

    Settings common to these laws:
        rows: training rows that are looked at; all of them where there are fewer.
        layers: ``all``, or the ``first`` alone and the others by :meth:`weight`.

    Cost: one forward pass. Memory: the activations of all ``rows`` at once.
    """

    rows: int = setting(1000, ge=2)
    layers: Literal["all", "first"] = "all"

    fills_head: ClassVar[bool] = False

    @abstractmethod
    def refill(self, slot: Slot, drawn: Weights, inputs: Inputs, stream: Stream) -> Weights:
        """A layer's tensors anew: its ``weight``, its ``bias``, both, or none; what is left out stays as drawn.

        Args:
            slot: the weight of a linear or convolutional layer.
            drawn: the layer's ``weight``, and its ``bias`` where it has one, as :meth:`fill` drew them.
            inputs: what the layer sees, not the same in all rows; and the classes of the rows.
            stream: of this weight, another than the one that it was drawn from.

        Raises:
            ConfigError: the inputs do not suffice; names the tensor.
        """

    def adapt(self, net: Network, weights: Weights, names: list[str], seed: int, sources: Sources) -> Weights:
        """See :meth:`AbstractInit.adapt`."""
        examples = sources.rows(self.rows)
        if len(examples) < 2:
            raise ConfigError(f"{self.title()} looks at two training rows or more, and there is {len(examples)}. Use init=he.")

        threads = torch.get_num_threads()

        def refill(slot: Slot, x: Tensor) -> Weights:
            self._check_inputs(slot, x)
            layer = slot.name.removesuffix("weight")
            drawn = {leaf: weights[layer + leaf] for leaf, _ in slot.layer.named_parameters()}
            inputs = Inputs(x, examples.y_N, image=_image(x, examples.x), threads=threads)
            fresh = self.refill(slot, drawn, inputs, stream(seed, "weights", slot.name, "inputs"))
            return {layer + leaf: tensor for leaf, tensor in fresh.items() if layer + leaf in names}

        with one_thread():
            return refilled(net, weights, self.wanted(net, names), examples.x, refill)

    def wanted(self, net: nn.Module, names: Collection[str]) -> list[Slot]:
        """The weights that this law fills where their layers are called with the rows, out of ``names``."""
        found = [slot for slot in _layers(net) if slot.name in names and (self.fills_head or unit_of(slot.name) != HEAD)]
        return found[:1] if self.layers == "first" else found

    def _check_inputs(self, slot: Slot, x: Tensor) -> None:
        same = bool((x == x[:1]).all())
        if same or not bool(x.isfinite().all()):
            seen = f"the same in all {len(x)} rows" if same else "numbers that are not finite"
            raise ConfigError(
                f"the layer of {slot.name!r} sees {seen}, so {self.title()} cannot fill it. Use init.layers=first, or init=he."
            )


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch and the numerical libraries loaded by now, so that the order of a sum is always the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def refilled(
    net: nn.Sequential, weights: Weights, wanted: list[Slot], x: Tensor, refill: Callable[[Slot, Tensor], Weights]
) -> Weights:
    """What ``refill`` makes of each ``wanted`` layer, from what the layer is called with while the network computes ``x``.

    The network goes on with what was made, as far as the last of these layers. A layer that is called again keeps its
    tensors, and one that is called with something that has not the rows of ``x`` is left out. Norm layers use the
    statistics of ``x`` alone.
    """
    children = [name for name, _ in net.named_children()]
    reached = net[: max((children.index(unit_of(slot.name)) for slot in wanted), default=-1) + 1]
    live = {name: weights[name].clone() for name, _ in reached.named_parameters()}
    done: Weights = {}

    def visit(slot: Slot, layer: nn.Module, args: tuple[Any, ...]) -> None:
        visits.pop(slot.name).remove()
        if len(args[0]) == len(x):
            done.update({name: live[name].copy_(tensor) for name, tensor in refill(slot, args[0]).items()})
        if not visits:
            raise _NothingLeft

    visits = {slot.name: slot.layer.register_forward_pre_hook(partial(visit, slot)) for slot in wanted}
    net.eval()
    for norm in norm_layers(reached).values():
        norm.train()
    try:
        with suppress(_NothingLeft):
            functional_call(reached, {**live, **_buffers(reached)}, (x,))
    finally:
        for handle in visits.values():
            handle.remove()
        net.eval()
    return done


def _image(x: Tensor, rows: Tensor) -> tuple[int, ...] | None:
    flattened = rows.ndim == 4 and torch.equal(x, rows.flatten(1))
    return tuple(rows.shape[1:]) if flattened else None


def _layers(net: nn.Module) -> list[Slot]:
    """The weights of linear and convolutional layers."""
    return [slot for slot in slots(net) if slot.role is Role.WEIGHT and isinstance(slot.layer, nn.Linear | nn.Conv2d)]


def _buffers(net: nn.Module) -> Weights:
    """Constants as they are; statistics, which norm layers record and here do not use, as zeros."""
    return {name: torch.zeros_like(t, device="cpu") if t.is_meta else t.clone() for name, t in net.named_buffers()}
