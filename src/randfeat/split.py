"""Every tensor, or some rows of it, on exactly one side: trained or frozen.

A trained row is a parameter of its own, so no optimizer, weight decay or momentum ever sees a frozen one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from randfeat.typing import Weights

Choice = bool | Tensor
"""Of one tensor: True, all of it trains; False, nothing does; whole numbers, the rows (first axis) that train."""

Selection = Mapping[str, Choice]
"""A choice for every tensor of the network."""


@dataclass(frozen=True)
class Split:
    """The two sides of a network's weights. :meth:`merge` undoes :func:`split`.

    Attributes:
        trained: whole tensors, and the trained rows of the tensors in ``places``.
        frozen: whole tensors, and the remaining rows of the tensors in ``places``.
        places: for a tensor trained in part, where each of its rows lies in [trained rows; frozen rows].
    """

    trained: Weights
    frozen: Weights
    places: Weights

    def merge(self, trained: Weights | None = None) -> Weights:
        """All tensors whole again, with ``trained`` (default: as drawn) on the trained side; differentiable in it."""
        trained = self.trained if trained is None else trained
        weights = {**self.frozen, **trained}
        for name, place in self.places.items():
            weights[name] = torch.cat([trained[name], self.frozen[name]]).index_select(0, place)
        return weights


def split(weights: Weights, selection: Selection, *, frozen_rows: str = "random") -> Split:
    """The weights on their two sides.

    Args:
        weights: every tensor as drawn.
        selection: a choice for each of them.
        frozen_rows: ``random`` keeps the frozen rows of a partly trained tensor as drawn; ``zero`` sets them to zero.
    """
    trained: Weights = {}
    frozen: Weights = {}
    places: Weights = {}
    for name, tensor in weights.items():
        choice = selection[name]
        if isinstance(choice, Tensor):
            rows = choice.to(tensor.device)
            rest = torch.ones(len(tensor), dtype=torch.bool, device=tensor.device).index_fill(0, rows, False)
            others = rest.nonzero()[:, 0]
            trained[name], frozen[name] = tensor[rows], tensor[others]
            if frozen_rows == "zero":
                frozen[name] = torch.zeros_like(frozen[name])
            places[name] = torch.cat([rows, others]).argsort()
        else:
            (trained if choice else frozen)[name] = tensor
    return Split(trained, frozen, places)


def n_trained(selection: Selection, shapes: Mapping[str, torch.Size]) -> dict[str, int]:
    """How many entries of each tensor train."""
    return {name: _count(selection[name], shape) for name, shape in shapes.items()}


def _count(choice: Choice, shape: torch.Size) -> int:
    if isinstance(choice, Tensor):
        return len(choice) * shape[1:].numel()
    return shape.numel() if choice else 0
