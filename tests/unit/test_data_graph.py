"""Graphs as data: the karate club, Planetoid's files as published and as one, and what is no plain array in a pickle."""

from __future__ import annotations

import os
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from randfeat.data import Karate, Planetoid
from randfeat.data.graph import one_graph
from randfeat.errors import DataError
from randfeat.places import planetoid, whereabouts
from randfeat.typing import Task

REAL = os.environ.get("RANDFEAT_DATA")
CPU = torch.device("cpu")
X = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 1]], np.float32)
CLASSES = np.array([0, 1, 1, 0, -1, 1, 0])  # node 4 is nobody, as some are in CiteSeer
GRAPH = defaultdict(list, {0: [1, 1, 2], 1: [0], 2: [0, 2], 3: [6], 6: [3, 5]})
EDGES = [(0, 1), (0, 2), (1, 0), (2, 0), (3, 6), (5, 6), (6, 3), (6, 5)]
ORDER = [6, 3, 5]
"""The test nodes as test.index has them: the first three papers are in allx."""


def asked(examples):
    (nodes,) = np.nonzero(examples.y_N[0].numpy() >= 0)
    return dict(zip(nodes.tolist(), examples.y_N[0, nodes].tolist(), strict=True))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(Planetoid, "sizes", {"cora": (7, 3, 2)})
    monkeypatch.setattr(Planetoid, "n_val", 1)


def write(folder, protocol=2, **changed):
    one_hot = np.eye(2, dtype=np.int32)[np.maximum(CLASSES, 0)]
    held = {
        "y": one_hot[:2],
        "tx": csr_matrix(X[ORDER]),
        "ty": one_hot[ORDER],
        "allx": csr_matrix(X[:3]),
        "ally": one_hot[:3],
        "graph": GRAPH,
    }
    (folder / "planetoid").mkdir(exist_ok=True)
    for name, value in (held | changed).items():
        (folder / f"planetoid/ind.cora.{name}").write_bytes(pickle.dumps(value, protocol))
    (folder / "planetoid/ind.cora.test.index").write_text("".join(f"{node}\n" for node in ORDER))


def write_one(folder, **changed):
    words = csr_matrix(X)
    held = {"indptr": words.indptr, "indices": words.indices, "data": words.data, "shape": np.array(X.shape), "label": CLASSES}
    splits = {"train": np.arange(2), "val": np.array([2]), "test": np.array([3, 5, 6])}
    (folder / "graphs").mkdir()
    np.savez(folder / "graphs/cora.npz", **(held | splits | {"edges": np.array(EDGES[:3] + EDGES[4:6])} | changed))


def test_the_club_has_its_members_friendships_and_sides():
    data = Karate().load(3, Path("nowhere"), CPU)
    assert data.task == Task((34, 34), 2, (34,), is_graph=True)
    degrees = torch.bincount(data.edges[1], minlength=34)
    assert data.edges.shape == (2, 2 * 78)
    assert (degrees[0], degrees[33], degrees[11]) == (16, 17, 1)
    train, val, test = (asked(examples) for examples in (data.train, data.val, data.test))
    assert train == {0: 0, 33: 1}
    assert [(list(part.values()).count(0), list(part.values()).count(1)) for part in (val, test)] == [(8, 8), (8, 8)]
    assert sorted([*train, *val, *test]) == list(range(34))
    assert torch.equal(data.scale(data.test.x)[0], torch.eye(34))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_the_published_files_say_where_test_rows_belong(tmp_path, small, protocol):
    write(tmp_path, protocol)
    raw = Planetoid(normalise=False).read(tmp_path)
    np.testing.assert_array_equal(raw.train.x[0], X)
    assert [asked(split) for split in (raw.train, raw.val, raw.test)] == [{0: 0, 1: 1}, {2: 1}, {3: 0, 5: 1, 6: 0}]
    assert raw.edges.T.tolist() == [list(edge) for edge in EDGES]
    assert whereabouts("planetoid", tmp_path) == "on disk"


def test_one_file_is_the_same_graph(tmp_path, small):
    write(tmp_path)
    (tmp_path / "one").mkdir()
    write_one(tmp_path / "one")
    first, second = Planetoid().read(tmp_path), Planetoid().read(tmp_path / "one")
    for one, other in zip((first.train, first.val, first.test), (second.train, second.val, second.test), strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.y_N, other.y_N)
    assert torch.equal(first.edges, second.edges)
    assert whereabouts("planetoid", tmp_path / "one") == "on disk"


def test_normalised_features_sum_to_one_but_those_of_nobody(tmp_path, small):
    write(tmp_path)
    np.testing.assert_allclose(Planetoid().read(tmp_path).test.x[0].sum(1), [1, 1, 1, 1, 0, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(Planetoid().read(tmp_path).test.x[0, 0], [0.5, 0.5, 0])


class Evil:
    def __reduce__(self):
        return (os.system, ("touch evil",))


def out_of_range():
    matrix = csr_matrix(X[:3])
    matrix.indices[0] = 10**6
    return matrix


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"graph": Evil()}, f"it names {os.system.__module__}.system, which is no plain array"),
        ({"allx": out_of_range()}, "indices"),
        ({"allx": [1, 2]}, "no matrix of numbers"),
        ({"tx": csr_matrix(X[ORDER][:, :2])}, "allx and tx should have 3 columns"),
        ({"allx": csr_matrix(X[:2])}, "test.index should have different numbers from 2 to 6"),
        ({"graph": {0: [7]}}, "an edge has a node that is none of 0 to 6"),
        ({"graph": [0, 1]}, "has no attribute 'items'"),
    ],
)
def test_files_that_are_not_plain_or_do_not_fit_are_one_line(tmp_path, small, monkeypatch, changed, text):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, **changed)
    with pytest.raises(DataError) as error:
        Planetoid().read(tmp_path)
    line = str(error.value)
    assert line.startswith(f"data=planetoid: planetoid/ind.cora.* or graphs/cora.npz under {tmp_path} cannot be read (")
    assert text in line
    assert "\n" not in line
    assert not (tmp_path / "evil").exists()


def test_a_torn_file_and_one_that_names_absent_nodes_are_one_line(tmp_path, small):
    write_one(tmp_path, edges=np.array([(0, -1)]))
    with pytest.raises(DataError, match="an edge has a node that is none of 0 to 6"):
        Planetoid().read(tmp_path)
    write(tmp_path)
    file = tmp_path / "planetoid/ind.cora.ally"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        Planetoid().read(tmp_path)


def test_files_that_are_not_there_are_named(tmp_path):
    with pytest.raises(DataError) as error:
        Planetoid(name="pubmed").read(tmp_path)
    assert str(error.value) == (
        f"data=planetoid data.name=pubmed is not under {tmp_path}, and nothing downloads it. Put planetoid/ind.pubmed.* or "
        "graphs/pubmed.npz there, or use data=karate (built in)."
    )


@pytest.mark.parametrize(
    ("name", "edges", "split", "nobody"),
    [("cora", 5_278, (140, 500, 1000), 0), ("citeseer", 4_552, (120, 500, 1000), 15)],
)
def test_the_real_graphs(name, edges, split, nobody):
    if not REAL or planetoid(name).missing(Path(REAL)):
        pytest.skip(f"needs {planetoid(name).put} under $RANDFEAT_DATA")
    raw = Planetoid(name=name).read(Path(REAL))
    assert raw.edges.shape == (2, 2 * edges)
    assert tuple(len(asked(examples)) for examples in (raw.train, raw.val, raw.test)) == split
    assert raw.train.y_N[raw.train.y_N >= 0].bincount().unique().tolist() == [20]
    assert int((raw.train.x[0].sum(1) == 0).sum()) == nobody


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"edges": np.array(EDGES).T}, r"shape \(E, 2\), got \(2, 8\)"),
        ({"edges": np.array(EDGES) + 0.7}, "edges should be whole numbers, got float64"),
        ({"classes": CLASSES + 0.5}, "classes should be whole numbers, got float64"),
        (
            {"splits": {"train": np.array([0, 1]), "val": np.array([2]), "test": np.array([1])}},
            "a node is twice among train, val, t",
        ),
    ],
)
def test_a_graph_that_cannot_be_meant_is_refused(changed, message):
    splits = {"train": np.array([0, 1]), "val": np.array([2]), "test": np.array([3])}
    right = {"x": X, "classes": CLASSES, "edges": np.array(EDGES), "splits": splits}
    assert one_graph(**right).edges.T.tolist() == [list(pair) for pair in EDGES]
    with pytest.raises(ValueError, match=message):
        one_graph(**right | changed)
