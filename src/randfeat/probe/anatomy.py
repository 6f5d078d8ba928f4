"""What a network is made of: unit by unit, with parameters, FLOPs and memory; tensor by tensor, with what trains of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from randfeat.network import Network, layers, outline, roles
from randfeat.split import Choice, Entries, Selection, n_trained
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
    """Every unit and the head, in order. Units that are built alike and see inputs of one shape are computed once."""
    shapes = {name: tensor.shape for name, tensor in net.named_parameters()}
    trained = n_trained(selection, shapes)
    shape = task.shape
    known: dict[tuple[str, tuple[int, ...]], tuple[tuple[int, ...], int]] = {}
    units: list[Unit] = []
    for name, module in net.named_children():
        what = _built(module), shape
        if what not in known:
            with FlopCounterMode(display=False) as counter:
                given = tuple(outline(module, shape, rows=1)[1:])
            known[what] = given, counter.get_total_flops()
        shape, flops = known[what]
        own = [tensor for inner, _ in module.named_parameters() if (tensor := f"{name}.{inner}") in shapes]
        params = sum(shapes[tensor].numel() for tensor in own)
        mib = 4 * (params + math.prod(shape)) / 2**20
        count = sum(trained[tensor] for tensor in own)
        units.append(Unit(name, shape, params, count, flops, mib))
    return units


_OWN = vars(nn.Module()).keys()


def _built(unit: nn.Module) -> str:
    """All that a module's output depends on but its numbers: of every layer its type, its settings and its tensors' shapes."""
    told = []
    for name, layer in unit.named_modules():
        settings = {word: value for word, value in vars(layer).items() if word not in _OWN}
        tensors = (*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False))
        told.append(f"{name} {type(layer)} {settings} {[(word, tuple(tensor.shape)) for word, tensor in tensors]}")
    return "\n".join(told)


@dataclass(frozen=True)
class Line:
    """One tensor of a network.

    Attributes:
        layer: the number of the layer that it is the weight of, from 1; None for other tensors.
        name: the tensor's name.
        shape: of it.
        role: what it does in its layer.
        trains: ``all``, ``rows 0-3 of 64``, ``rows 1, 7, 9 of 64``, ``12 rows of 64``, ``102 entries of 1,024``, or ``-``.
        begins: the share of the training after which it starts to train.
    """

    layer: int | None
    name: str
    shape: tuple[int, ...]
    role: str
    trains: str
    begins: float


def lines(net: Network, selection: Selection, begins: Mapping[str, float]) -> list[Line]:
    """Every tensor of the network, in its order."""
    numbers = {tensors[0]: k for k, tensors in enumerate(layers(net).values(), 1)}
    found = []
    for name, role in roles(net).items():
        shape = net.get_parameter(name).shape
        words = trains(selection[name], shape)
        found.append(Line(numbers.get(name), name, tuple(shape), role.value, words, begins.get(name, 0.0)))
    return found


def trains(choice: Choice, shape: torch.Size) -> str:
    """A choice for a tensor in words; rows are numbered from 0, and up to four are named."""
    if isinstance(choice, bool):
        return "all" if choice else "-"
    if isinstance(choice, Entries):
        return f"{len(choice):,} entries of {shape.numel():,}"
    rows: list[int] = choice.tolist()
    if len(rows) > 1 and rows == list(range(rows[0], rows[-1] + 1)):
        return f"rows {rows[0]}-{rows[-1]} of {shape[0]:,}"
    if len(rows) > 4:
        return f"{len(rows):,} rows of {shape[0]:,}"
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows))} of {shape[0]:,}"
