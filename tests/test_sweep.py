"""A sweep: what its plan holds, how often each thing is computed, and that its numbers are those of runs alone."""

import functools
from collections import Counter

import torch

from randfeat.data import AbstractData
from randfeat.model import Model
from randfeat.places import data_folder
from randfeat.plan import plan, specs_of, with_twins
from randfeat.record import Status
from randfeat.run import run_one
from randfeat.solver import Adam, Sgd
from randfeat.store import Store
from randfeat.sweep import View, run_missing
from tests.making import a_record

CPU = torch.device("cpu")
NETWORKS = [
    *["arch=mlp", "arch.width=12", "arch.depth=3", "init=he,glorot", "seeds.weights=0,1", "data.n_train=150", "data.n_test=50"],
    *["twin=adam", "twin.epochs=2"],
]
N_NETWORKS, N_ROWS = 4, 200
RIDGE = [*NETWORKS, "solver.penalty=1,10,100,1000"]
LOGISTIC = [*NETWORKS, "solver=logistic"]
PINV = [*NETWORKS, "solver=pinv", "solver.cutoff=1e-4"]
MIDDLE = [*NETWORKS, "subset=middle", "solver=sgd", "solver.epochs=2"]
N_EACH = 4 + 1 + 1 + 1  # runs of one network; its twin is one more


@functools.cache
def all_specs():
    return [spec for words in (RIDGE, LOGISTIC, PINV, MIDDLE) for spec in specs_of(words)]


class Started(View):
    def __init__(self):
        self.keys = []

    def started(self, spec):
        self.keys.append(spec.key)


def swept(specs, folder):
    """The records, and the keys of the runs that were begun."""
    view = Started()
    records = run_missing(with_twins(specs), Store(folder), CPU, data_folder(None), view=view)
    return records, view.keys


def counting(monkeypatch, owner, name, count):
    """Call ``count`` with what ``owner.name`` is called with, before it."""
    original = getattr(owner, name)

    def counted(*args, **settings):
        count(*args, **settings)
        return original(*args, **settings)

    monkeypatch.setattr(owner, name, counted)


def test_shared_work_is_done_once_and_each_twin_is_fitted_once(tmp_path, monkeypatch):
    import randfeat.run
    from randfeat.solver import squares

    n, rows = Counter(), Counter()
    counting(monkeypatch, AbstractData, "load", lambda *args: n.update(["loads"]))
    counting(monkeypatch, randfeat.run, "draw", lambda init, net, seed, *args: n.update([(init, seed)]))
    counting(monkeypatch, squares, "_gathered", lambda problem, product, *args: n.update([product.__name__]))
    counting(monkeypatch, Adam, "fit", lambda *args: n.update(["twins"]))
    counting(monkeypatch, Sgd, "fit", lambda *args: n.update(["parts"]))

    def passed(model, x, done=0):
        if len(x) > 1:  # one row alone tells how much memory all need
            rows.update(dict.fromkeys(model.units_below[done:], len(x)))

    counting(monkeypatch, Model, "prefix", passed)
    specs = all_specs()
    assert len(specs) == N_NETWORKS * N_EACH
    records, begun = swept(specs, tmp_path)
    assert {record.status for record in records.values()} == {Status.OK}
    assert len(begun) == len(set(begun)) == len(records) == N_NETWORKS * (N_EACH + 1)
    assert n["loads"] == 1
    assert {n[spec.init, spec.seeds.weights] for spec in specs} == {1}
    assert n["twins"] == n["parts"] == N_NETWORKS
    assert n["plain"] == n["double"] == N_NETWORKS  # Gram matrices: one for all; pinv looks at small singular values in float64
    assert {rows[f"hidden{k}"] for k in (1, 2, 3)} == {N_NETWORKS * N_ROWS}


def test_the_numbers_are_those_of_runs_alone_to_the_last_digit(tmp_path):
    specs = all_specs()
    records, _ = swept(specs, tmp_path)
    for spec in with_twins(specs):
        assert records[spec.key].metrics == run_one(spec, CPU, data_folder(None)).record.metrics


def test_the_same_words_run_nothing_and_longer_lists_what_is_new(tmp_path):
    words = [*NETWORKS[:-2], "twin=adam", "twin.epochs=1"]
    first, begun = swept(specs_of([*words, "solver.penalty=1"]), tmp_path)
    assert len(begun) == 2 * N_NETWORKS
    again, begun = swept(specs_of([*words, "solver.penalty=1"]), tmp_path)
    assert (again, begun) == (first, [])
    wider = specs_of([*words, "solver.penalty=1,2"])
    records, begun = swept(wider, tmp_path)
    assert set(begun) == {spec.key for spec in wider} - first.keys()
    assert len(begun) == N_NETWORKS
    assert {key: records[key] for key in first} == first


def test_workers_give_what_one_process_gives_to_the_last_digit(nursery, tmp_path):
    found = []
    for name, workers in (("one", []), ("two", ["--workers", "2"])):
        (tmp_path / name).mkdir()
        for words in (RIDGE, MIDDLE):
            done = nursery.run(tmp_path / name, "sweep", *words, "--results", "r", "-q", *workers)
            assert done.code == 0, done.stderr
        found.append({record.key: record.metrics for record in Store(tmp_path / name / "r").records()})
    assert len(found[0]) == N_NETWORKS * (4 + 1 + 1)
    assert found[0] == found[1]


def test_a_plan_has_every_run_once_less_what_is_finished_and_keeps_networks_together():
    specs = all_specs()
    on_record = a_record(key=specs[0].key)
    made = plan(with_twins(specs + specs), {on_record.key: on_record, "0" * 12: a_record(key="0" * 12)})
    assert len(made.wanted) == N_NETWORKS * (N_EACH + 1)
    assert made.done == {on_record.key: on_record}
    assert {spec.key for spec in made.missing} == {spec.key for spec in made.wanted} - {on_record.key}
    assert len(made.missing) == len(made.wanted) - 1
    assert len(made.groups) == N_NETWORKS
    for group in made.groups:
        (network,) = {spec.network_key for spec in group.specs}
        assert group.shared == [network]
        assert [spec.n_frozen for spec in group.specs] == [2, *[4] * (len(group.specs) - 2), 1]
        assert group.specs[-1] == group.specs[0].twin


def test_a_run_alone_with_its_twin_shares_nothing():
    (group,) = plan(with_twins(specs_of(["conf=elm"])), {}).groups
    assert (len(group.specs), group.shared) == (2, [])


def test_for_several_workers_a_plan_is_cut_and_what_takes_longest_comes_first():
    """One network: 4 heads, 16 parts by gradients, the twin. 17 fits for 2 workers make pieces of 17 // (4 * 2)."""
    base = ["arch=mlp", "arch.width=12", "arch.depth=2", "twin=adam"]
    heads = specs_of([*base, "solver.penalty=1,2,3,4"])
    parts = specs_of([*base, "subset=fraction", "subset.fraction=0.5", "solver=sgd", "seeds.subset=range(0,16)"])
    groups = plan(with_twins(heads + parts), {}, places=2).groups
    assert [len(group.specs) for group in groups] == [1, *[2] * 8, 4]
    assert groups[0].specs == (heads[0].twin,)
    assert [spec for group in groups[1:-1] for spec in group.specs] == parts
    assert list(groups[-1].specs) == heads
    few = plan(with_twins(heads + parts[:5]), {}, places=4).groups
    assert [len(group.specs) for group in few] == [1, 1, 1, 1, 1, 1, 4]


def test_runs_of_one_data_set_come_after_each_other():
    words = ["conf=elm", "arch.width=8", "seeds.weights=0,1", "seeds.data=0,1"]
    assert [spec.seeds.data for spec in plan(specs_of(words), {}).missing] == [0, 0, 1, 1]
