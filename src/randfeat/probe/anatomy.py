"""What a network is made of, unit by unit: output shape, parameters, what trains, FLOPs and memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from randfeat.network import Network, outline, unit_of
from randfeat.split import Selection, n_trained
from randfeat.typing import Task


@dataclass(frozen=True)
class Unit:
    """One unit of a network, for one input.

    Attributes:
        name: the unit's name.
        shape: of its output.
        params: numbers in its weights.
        trained: how many of them train.
        flops: of a forward pass of one input; a multiply-add counts as two.
        mib: its weights and its output, in float32.
    """

    name: str
    shape: tuple[int, ...]
    params: int
    trained: int
    flops: int
    mib: float


def anatomy(net: Network, task: Task, selection: Selection) -> list[Unit]:
    """Every unit and the head, in order. Counted on the meta device: nothing is computed."""
    shapes = {name: tensor.shape for name, tensor in net.named_parameters()}
    trained = n_trained(selection, shapes)
    x = torch.empty(1, *task.shape, device="meta")
    units: list[Unit] = []
    for name, module in net.named_children():
        with FlopCounterMode(display=False) as counter:
            x = outline(module, x)
        own = [tensor for tensor in shapes if unit_of(tensor) == name]
        params = sum(shapes[tensor].numel() for tensor in own)
        mib = 4 * (params + x.numel()) / 2**20
        count = sum(trained[tensor] for tensor in own)
        units.append(Unit(name, tuple(x.shape[1:]), params, count, counter.get_total_flops(), mib))
    return units
