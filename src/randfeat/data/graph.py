"""One graph as a data set: a single row, whose nodes are asked for their classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from randfeat.data.dataset import Raw
from randfeat.typing import Examples

Numbers = npt.NDArray[Any]


def one_graph(x: Numbers, classes: Numbers, edges: Numbers, splits: dict[str, Numbers]) -> Raw:
    """The graph as the one row of every split, which differ in the nodes that are asked for.

    Args:
        x: features (nodes, C).
        classes: of the nodes, whole numbers; those of nodes in no split are not looked at.
        edges: pairs of nodes (E, 2), in any direction and as often as they come.
        splits: the nodes of ``train``, ``val`` and ``test``.

    Raises:
        ValueError: edges of another shape; nodes or classes that are no whole numbers; an edge or a split names a node that
            is not there; a node is in two splits.
    """
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise ValueError(f"the edges should have shape (E, 2), got {edges.shape}")
    for name, numbers in {"edges": edges, "classes": classes, **splits}.items():
        if numbers.dtype.kind not in "iu":
            raise ValueError(f"{name} should be whole numbers, got {numbers.dtype}")
    if len(np.unique(all_nodes := np.concatenate([*splits.values()]))) < len(all_nodes):
        raise ValueError(f"a node is twice among {', '.join(splits)}")
    for name, named in {"an edge": edges, **splits}.items():
        if named.size and not 0 <= named.min() <= named.max() < len(x):
            raise ValueError(f"{name} has a node that is none of 0 to {len(x) - 1}")
    row = torch.from_numpy(x.astype(np.float32))[None]
    asked = {name: Examples(row, _asked(classes, nodes)) for name, nodes in splits.items()}
    return Raw(asked["train"], asked["test"], asked["val"], both_ways(edges))


def both_ways(edges: Numbers) -> Tensor:
    """(2, E) in order: each pair of nodes once in either direction, however often it comes; loops are left out."""
    pairs = edges.astype(np.int64)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    each = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    return torch.from_numpy(each.T.copy())


def sum_to_one(x: Numbers) -> Numbers:
    """Each row divided by its sum; a row whose sum is zero stays as it is."""
    sums = x.sum(1, keepdims=True, dtype=np.float64)
    scaled: Numbers = x / np.where(sums == 0, 1, sums)
    return scaled


def _asked(classes: Numbers, nodes: Numbers) -> Tensor:
    y = torch.full((1, len(classes)), -1, dtype=torch.int64)
    y[0, nodes] = torch.from_numpy(classes[nodes].astype(np.int64))
    return y
