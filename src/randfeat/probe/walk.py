"""One pass through a network, unit by unit: what every unit gives for some rows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from randfeat.model import fresh_buffers
from randfeat.network import INPUT, Network, Role, norm_layers, slots, unit_of
from randfeat.typing import Weights

Readings = dict[str, float]
"""Numbers by ``measure/unit``, or ``measure@place/unit`` for each point of a curve."""


def walk(net: Network, weights: Weights, x: Tensor, buffers: Weights | None = None) -> Iterator[tuple[str, Tensor]]:
    """(unit, its output) from the first unit to the head, ``("input", x)`` before them; one forward pass in all.

    Norm layers use the statistics of the rows, as in a first step of training, and record them in ``buffers``; dropout does
    not act. A unit is called when its output is asked for, so that a pass holds two outputs and not all of them.

    Args:
        net: on the meta device.
        weights: every tensor, on one device and of one precision.
        x: the rows as the network sees them, (N, ...).
        buffers: what :func:`randfeat.model.fresh_buffers` gives, where the recorded statistics are wanted afterwards.
    """
    if buffers is None:
        buffers = fresh_buffers(net, x.device, x.dtype)
    yield INPUT, x
    with _statistics_of_rows(net):
        for name, unit in units(net, weights, buffers).items():
            x = unit(x)
            yield name, x


def units(net: Network, weights: Weights, buffers: Weights) -> dict[str, Callable[[Tensor], Tensor]]:
    """Every unit as a function of its input alone, in order, the head last."""
    tensors = {**weights, **buffers}
    return {name: _bound(name, unit, tensors) for name, unit in net.named_children()}


def _bound(name: str, unit: nn.Module, tensors: Weights) -> Callable[[Tensor], Tensor]:
    own = {path: tensors[f"{name}.{path}"] for path, _ in (*unit.named_parameters(), *unit.named_buffers())}

    def call(x: Tensor) -> Tensor:
        y: Tensor = functional_call(unit, own, (x.clone(),))  # some of torchvision's units work in place
        return y

    return call


@contextlib.contextmanager
def _statistics_of_rows(net: Network) -> Iterator[None]:
    """Norm layers use their batch and record it as it is; everything else as when scoring."""
    recorders: dict[str, Any] = {name: layer for name, layer in norm_layers(net).items() if hasattr(layer, "momentum")}
    momenta = {name: layer.momentum for name, layer in recorders.items()}
    net.eval()
    for layer in recorders.values():
        layer.train()
        layer.momentum = None  # the plain average over one batch
    try:
        yield
    finally:
        for name, layer in recorders.items():
            layer.momentum = momenta[name]
        net.eval()


def layout(net: Network) -> Readings:
    """Where every unit stands: ``place``, 0 for the input, 1 for the first unit; ``depth``, the layers up to it.

    A unit with weights counts as one layer, whatever lies inside it; one without, such as a pool, adds none.
    """
    with_weights = {unit_of(slot.name) for slot in slots(net) if slot.role is Role.WEIGHT}
    readings = {f"place/{INPUT}": 0.0, f"depth/{INPUT}": 0.0}
    depth = 0
    for place, (name, _) in enumerate(net.named_children(), start=1):
        depth += name in with_weights
        readings |= {f"place/{name}": float(place), f"depth/{name}": float(depth)}
    return readings


def named(unit: str, values: dict[str, float]) -> Readings:
    """The values of one unit's measures, by ``measure/unit``."""
    return {f"{measure}/{unit}": value for measure, value in values.items()}
