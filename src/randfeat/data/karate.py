"""The karate club that fell apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from randfeat.data.base import AbstractData
from randfeat.data.dataset import Raw
from randfeat.data.graph import one_graph
from randfeat.registry import register
from randfeat.typing import Task

LEADERS = (0, 33)
"""The instructor, called Mr. Hi, and the officer."""


@register("data", "karate")
@dataclass(frozen=True, kw_only=True)
class Karate(AbstractData):
    """Zachary's karate club, a graph of 34 members and 78 friendships in 2 classes; built in.

    The class is the side that a member took when the club split: Mr. Hi's (0) or the officer's (1), 17 each. The features are
    the identity. The two leaders alone train, one labelled node in each class as in Kipf and Welling's appendix (which has
    four classes, not held here). The others of each side, in the order of their numbers, are in turn for choices and for the
    test: 16 nodes each.

    The graph is one row, the same in every split; the splits differ in the nodes that are asked for, so that ``n_train``,
    ``n_test`` and ``val_share`` change nothing.

    See: Zachary, "An information flow model for conflict and fission in small groups", Journal of Anthropological Research 33
    (1977); networkx has the friendships.
    """

    scaling: Literal["standardise", "rows", "zca", "none"] = "none"

    def raw_task(self) -> Task:
        """One graph of 34 nodes and as many features."""
        return Task((34, 34), 2, (34,), is_graph=True)

    def read(self, folder: Path) -> Raw:
        """The club as networkx has it; the folder is not looked at."""
        from networkx import karate_club_graph

        club = karate_club_graph()
        classes = np.array([club.nodes[member]["club"] == "Officer" for member in range(34)]).astype(np.int64)
        others = [np.setdiff1d(np.flatnonzero(classes == side), LEADERS) for side in (0, 1)]
        held = {name: np.concatenate([side[start::2] for side in others]) for start, name in enumerate(("val", "test"))}
        return one_graph(np.eye(34), classes, np.array(club.edges()), {"train": np.array(LEADERS), **held})
