"""Cora, CiteSeer and PubMed, networks of papers that cite each other, as Planetoid published them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from scipy.sparse import csr_matrix

from randfeat.data.base import AbstractData
from randfeat.data.dataset import Raw
from randfeat.data.graph import Numbers, one_graph, sum_to_one
from randfeat.data.pickles import UNREADABLE, dense, opened, unpickled
from randfeat.errors import DataError
from randfeat.places import PLANETOID as FILES
from randfeat.places import Place, planetoid
from randfeat.registry import register
from randfeat.typing import Task

Parts = tuple[Numbers, Numbers, Numbers, dict[str, Numbers]]
"""Features, classes, edges and splits of :func:`randfeat.data.graph.one_graph`."""


@register("data", "planetoid")
@dataclass(frozen=True, kw_only=True)
class Planetoid(AbstractData):
    """Cora, CiteSeer or PubMed: a graph of papers that cite each other, each a bag of words in one of a few classes.

    Cora has 2,708 papers, 1,433 words and 7 classes; CiteSeer 3,327, 3,703 and 6; PubMed 19,717, 500 and 3. The published
    split: 20 papers of each class train, 500 are for choices, 1,000 for the test. The graph is one row, the same in every
    split; the splits differ in the nodes that are asked for, so that ``n_train``, ``n_test`` and ``val_share`` change
    nothing. Citations count once, in both directions, and none of a paper to itself. 15 papers of CiteSeer have neither words
    nor class nor neighbours; they are asked for nowhere.

    The files lie under planetoid/ in the data folder, as published (ind.cora.allx and so on; of their pickles only plain
    arrays are read) or packed (.gz); or as one file graphs/cora.npz with the arrays ``indptr indices data shape`` (sparse
    features), ``edges`` (E, 2), ``label``, ``train``, ``val`` and ``test`` (nodes). Nothing downloads them.

    Attributes:
        name: of the three.
        normalise: every paper's features are divided by their sum, as Kipf and Welling do.

    Memory: the features twice, 16 MB each for Cora, 49 MB for CiteSeer, 39 MB for PubMed.
    See: Sen et al., "Collective classification in network data", AI Magazine 29 (2008); Yang, Cohen and Salakhutdinov,
    "Revisiting semi-supervised learning with graph embeddings", ICML 2016; Kipf and Welling, ICLR 2017.
    """

    name: Literal["cora", "citeseer", "pubmed"] = "cora"
    normalise: bool = True
    scaling: Literal["standardise", "rows", "zca", "none"] = "none"

    sizes: ClassVar[dict[str, tuple[int, int, int]]] = {
        "cora": (2_708, 1_433, 7),
        "citeseer": (3_327, 3_703, 6),
        "pubmed": (19_717, 500, 3),
    }
    n_val: ClassVar[int] = 500

    def raw_task(self) -> Task:
        """One graph, as published."""
        nodes, channels, n_classes = self.sizes[self.name]
        return Task((nodes, channels), n_classes, (nodes,), is_graph=True)

    def read(self, folder: Path) -> Raw:
        """The published files where all are there, else the single one."""
        place = planetoid(self.name)
        if place.missing(folder):
            raise DataError(
                f"{self.title()} data.name={self.name} is not under {folder}, and nothing downloads it. Put {place.put} there,"
                " or use data=karate (built in)."
            )
        try:
            x, classes, edges, splits = (self._arrays if place.absent(folder, place.files) else self._published)(folder, place)
            return one_graph(sum_to_one(x) if self.normalise else x, classes, edges, splits)
        except UNREADABLE as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(
                f"{self.title()}: {place.put} under {folder} cannot be read ({reason}). Put an intact copy there."
            ) from error

    def _published(self, folder: Path, place: Place) -> Parts:
        """``allx`` holds all papers but those of the test, ``tx``, whose numbers ``test.index`` has; ``y`` those that train."""
        paths = dict(zip(FILES, (place.found(folder, file) for file in place.files), strict=True))
        allx, tx, ally, ty, y = (dense(unpickled(paths[name])) for name in ("allx", "tx", "ally", "ty", "y"))
        with opened(paths["test.index"]) as file:
            test = np.loadtxt(file, np.int64, ndmin=1)
        nodes, channels, _ = self.sizes[self.name]
        if (len(allx), nodes) != (test.min(), test.max() + 1) or len(np.unique(test)) != len(test):
            raise ValueError(f"test.index should have different numbers from {len(allx)} to {nodes - 1}")
        if {allx.shape[1], tx.shape[1]} != {channels}:
            raise ValueError(f"allx and tx should have {channels} columns")
        x, classes = np.zeros((nodes, channels), np.float32), np.full(nodes, -1)
        x[: len(allx)], x[test] = allx, tx
        classes[: len(allx)], classes[test] = ally.argmax(1), ty.argmax(1)
        splits = {"train": np.arange(len(y)), "val": len(y) + np.arange(self.n_val), "test": np.sort(test)}
        return x, classes, _pairs(unpickled(paths["graph"])), splits

    def _arrays(self, folder: Path, place: Place) -> Parts:
        with opened(place.found(folder, place.instead[0])) as file, np.load(file, allow_pickle=False) as arrays:
            words = csr_matrix(tuple(arrays[name] for name in ("data", "indices", "indptr")), shape=tuple(arrays["shape"]))
            words.check_format(full_check=True)
            splits = {name: arrays[name] for name in ("train", "val", "test")}
            return words.toarray(), arrays["label"], arrays["edges"], splits


def _pairs(graph: dict[int, list[int]]) -> Numbers:
    """The edges (E, 2) of a dictionary of neighbours."""
    return np.array([(node, other) for node, others in graph.items() for other in others]).reshape(-1, 2)
