"""Every tensor, or some rows or entries of it, on exactly one side: trained or frozen.

A trained row is a parameter of its own, so no optimizer, weight decay or momentum ever sees a frozen one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from randfeat.partial import PartlyTrained
from randfeat.row_gradients import Rows, as_rows
from randfeat.typing import Weights


@dataclass(frozen=True, eq=False)
class Entries:
    """Some entries of a tensor, by their places in it once it is flattened."""

    index: Tensor

    def __len__(self) -> int:
        return len(self.index)


Choice = bool | Tensor | Entries
"""Of one tensor: True, all of it trains; False, nothing does; whole numbers, the rows (first axis); or single entries."""

Selection = Mapping[str, Choice]
"""A choice for every tensor of the network."""


def union(choices: Iterable[Choice], shape: torch.Size) -> Choice:
    """What trains of a tensor by any of these choices."""
    return _from_mask(torch.stack([_mask(choice, shape) for choice in choices]).any(0))


def intersection(choices: Iterable[Choice], shape: torch.Size) -> Choice:
    """What trains of a tensor by all of these choices."""
    return _from_mask(torch.stack([_mask(choice, shape) for choice in choices]).all(0))


def _mask(choice: Choice, shape: torch.Size) -> Tensor:
    """True where an entry trains."""
    if isinstance(choice, bool):
        return torch.full(shape, choice)
    mask = torch.zeros(shape, dtype=torch.bool)
    if isinstance(choice, Entries):
        mask.view(-1)[choice.index] = True
    else:
        mask[choice] = True
    return mask


def _from_mask(mask: Tensor) -> Choice:
    """The plainest choice that says it: all or nothing, else rows, else entries."""
    if mask.all() or not mask.any():
        return bool(mask.all())
    rows = mask.flatten(1) if mask.ndim > 1 else mask[:, None]
    if torch.equal(rows.any(1), rows.all(1)):
        return rows.all(1).nonzero()[:, 0]
    return Entries(mask.view(-1).nonzero()[:, 0])


class Place(NamedTuple):
    """How a tensor trained in part is put together again.

    Attributes:
        base: the tensor with its frozen part in place; flat where it is trained by entries.
        where: in it the trained rows, or entries, go.
        rows: the same, where they are rows; None for entries.
        shape: of the tensor.
    """

    base: Tensor
    where: Tensor
    rows: Rows | None
    shape: torch.Size

    def filled(self, trained: Tensor) -> Tensor:
        """The tensor, differentiable in what trains of it."""
        return self.base.index_copy(0, self.where, trained).view(self.shape)


@dataclass(frozen=True)
class Split:
    """The two sides of a network's weights. :meth:`merge` undoes :func:`split`.

    Attributes:
        trained: whole tensors, and the trained rows (or entries, as a vector) of the tensors in ``places``.
        frozen: whole tensors, and the remaining rows or entries of the tensors in ``places``.
        places: for each tensor trained in part, how to put it together.
    """

    trained: Weights
    frozen: Weights
    places: Mapping[str, Place]

    def merge(self, trained: Weights | None = None) -> Weights:
        """All tensors whole again, with ``trained`` (default: as drawn) on the trained side; differentiable in it."""
        trained = self.trained if trained is None else trained
        return {**self.frozen, **trained, **{name: place.filled(trained[name]) for name, place in self.places.items()}}

    def merge_for_layers(self, trained: Weights) -> Weights:
        """The same for layers to compute with: for tensors trained by rows, they form the gradient of these rows alone."""
        weights = self.merge(trained)
        for name, place in self.places.items():
            if place.rows is not None and weights[name].requires_grad:
                weights[name] = PartlyTrained.of(weights[name], trained[name], place.rows)
        return weights


def split(weights: Weights, selection: Selection, *, frozen_rows: str = "random") -> Split:
    """The weights on their two sides.

    Args:
        weights: every tensor as drawn.
        selection: a choice for each of them.
        frozen_rows: ``random`` keeps what is frozen of a partly trained tensor as drawn; ``zero`` sets it to zero.
    """
    trained: Weights = {}
    frozen: Weights = {}
    places: dict[str, Place] = {}
    for name, tensor in weights.items():
        choice = selection[name]
        if isinstance(choice, bool):
            (trained if choice else frozen)[name] = tensor
            continue
        pieces, index = (tensor.flatten(), choice.index) if isinstance(choice, Entries) else (tensor, choice)
        rows = None if isinstance(choice, Entries) else as_rows(index, tensor.device)
        index = index.to(tensor.device)
        base = torch.zeros_like(pieces) if frozen_rows == "zero" else pieces
        rest = torch.ones(len(pieces), dtype=torch.bool, device=tensor.device).index_fill(0, index, False)
        trained[name], frozen[name] = pieces[index], base[rest]
        places[name] = Place(base, index, rows, tensor.shape)
    return Split(trained, frozen, places)


def n_trained(selection: Selection, shapes: Mapping[str, torch.Size]) -> dict[str, int]:
    """How many entries of each tensor train."""
    return {name: _count(selection[name], shape) for name, shape in shapes.items()}


def _count(choice: Choice, shape: torch.Size) -> int:
    if isinstance(choice, Entries):
        return len(choice)
    if isinstance(choice, Tensor):
        return len(choice) * shape[1:].numel()
    return shape.numel() if choice else 0
