"""Laws that look at what a layer sees: one layer after another, from the first to the last."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from randfeat.init.base import AbstractInit, Sources
from randfeat.network import HEAD, Network, Role, norm_layers, slots, unit_of
from randfeat.part import setting
from randfeat.seeds import Stream, stream
from randfeat.typing import Examples, Weights


@dataclass(frozen=True, kw_only=True)
class AbstractFromInputs(AbstractInit):
    """A law whose weights depend on the inputs of their layer, over the first ``rows`` training rows.

    The layers below the head are filled in the order in which the network computes them, each on what the ones before it
    make of the rows; the head is drawn by :meth:`weight`. Norm layers use the statistics of the rows. Computed in float32 on
    the CPU whatever the device.

    Settings common to these laws:
        rows: training rows that are looked at; all of them where there are fewer.
        layers: ``all``, or the ``first`` alone and the others by :meth:`weight`.

    Cost: a forward pass of the rows for every layer.
    """

    rows: int = setting(1000, ge=2)
    layers: Literal["all", "first"] = "all"

    @abstractmethod
    def refill(self, layer: nn.Module, weight: Tensor, inputs: Examples, stream: Stream) -> Tensor:
        """A layer's weight anew.

        Args:
            layer: linear or convolutional, on the meta device.
            weight: as drawn by :meth:`weight`.
            inputs: what the layer sees, (N, D) or (N, C, H, W), and the classes of the rows.
            stream: of this tensor, another than the one that it was drawn from.
        """

    def adapt(self, net: Network, weights: Weights, names: list[str], seed: int, sources: Sources) -> Weights:
        """See :meth:`AbstractInit.adapt`."""
        examples = sources.rows(self.rows)
        wanted = [slot for slot in slots(net) if slot.name in names and slot.role is Role.WEIGHT and unit_of(slot.name) != HEAD]
        done: Weights = {}
        for slot in wanted[:1] if self.layers == "first" else wanted:
            seen = inputs_of(slot.layer, net, weights | done, examples.x)
            fresh = self.refill(
                slot.layer, weights[slot.name], Examples(seen, examples.y_N), stream(seed, "weights", slot.name, "inputs")
            )
            done[slot.name] = fresh.float().contiguous()
        return done


class _SeenError(Exception):
    """Carries what a layer was called with out of a forward pass that need not go on."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.x = x


@torch.no_grad()
def inputs_of(layer: nn.Module, net: Network, weights: Weights, x: Tensor) -> Tensor:
    """What ``layer`` is called with when the network with these weights computes ``x``; norm layers see the rows alone."""

    def look(module: nn.Module, args: tuple[Any, ...]) -> None:
        raise _SeenError(args[0])

    handle = layer.register_forward_pre_hook(look)
    net.eval()
    for norm in norm_layers(net).values():
        norm.train()
    try:
        functional_call(net, {**weights, **_buffers(net)}, (x,))
    except _SeenError as seen:
        return seen.x
    finally:
        handle.remove()
        net.eval()
    raise AssertionError("the layer is not called")


def _buffers(net: Network) -> Weights:
    """Constants as they are; statistics, which norm layers record and here do not use, as zeros."""
    return {name: torch.zeros_like(t, device="cpu") if t.is_meta else t.clone() for name, t in net.named_buffers()}
