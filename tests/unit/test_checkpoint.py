"""A fit that is stopped and goes on from its checkpoint, against one that is not: to the bit."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from randfeat.config import compose
from randfeat.places import data_folder
from randfeat.run import run_one
from randfeat.solver.checkpoint import NEVER, Timed, packed, unpacked
from randfeat.spec import RunSpec

CPU = torch.device("cpu")
WORDS = ["data.n_train=120", "data.n_test=20", "data.val_share=0.25", "solver.batch_size=20", "solver.epochs=3"]  # 5 batches
CASES = {
    "sgd": [
        *["arch=wrn", "arch.depth=10", "arch.dropout=0.3", "subset=fraction", "subset.fraction=0.4", "subset.norm=train"],
        *["data.flip=true", "data.crop_pad=1", "solver=sgd", "solver.weight_decay=0.01", "solver.keep=best"],
        "solver.best_epoch=true",
    ],
    "adam": [
        *["arch=mlp", "arch.width=9", "arch.depth=2", "arch.norm=batch", "subset=order"],
        *["solver=adam", "solver.schedule=step"],
    ],
    "entries": [
        *["arch=lenet", "arch.width=2", "data.resize=12", "subset=weights", "subset.share=0.3"],
        *["solver=sgd", "solver.nesterov=false", "solver.momentum=0.5"],
    ],
}


class KilledError(Exception):
    """Stands for whatever ends a process."""


class Disk:
    """Bytes that outlive a fit. Every ``every``-th write is kept; ``lost`` says at which write, counted from 1, all ends."""

    def __init__(self, every=1, lost=0):
        self.kept, self.every, self.lost, self.writes = None, every, lost, 0

    def write(self, data):
        self.writes += 1
        if self.writes == self.lost:
            raise KilledError
        if self.writes % self.every == 0:
            self.kept = data


def spec_of(*words):
    return RunSpec.from_mapping(compose([*WORDS, *words]))


def fit(spec, disk=None, stop=None):
    """The run, killed after ``stop`` steps; with the steps that it took."""
    steps = []

    def watch(step):
        if step.loss is None:
            steps.append(step.done)
        if len(steps) == stop:
            raise KilledError

    checkpoint = NEVER if disk is None else Timed(0, lambda: disk.kept, disk.write)
    return run_one(spec, CPU, data_folder(None), watch, checkpoint=checkpoint), steps


@functools.cache
def whole(case):
    """What the fit gives that nothing stops."""
    return outcome(fit(spec_of(*CASES[case]))[0])


def outcome(run):
    curve = [{name: value for name, value in row.items() if name != "epoch_s"} for row in run.curve]
    return run.record.metrics, curve, {name: array.tobytes() for name, array in run.tensors.items()}


@pytest.mark.parametrize("case", list(CASES))
def test_a_fit_stopped_again_and_again_ends_in_the_same_bits(case):
    """Stopped after its first step, in the middle of an epoch, at its end, and in the last; 15 steps in all."""
    spec, disk = spec_of(*CASES[case]), Disk()
    for stop in (1, 2, 2, 4, 5):
        with pytest.raises(KilledError):
            fit(spec, disk, stop)
    resumed, steps = fit(spec, disk)
    assert [round(5 * done) for done in steps] == [15]
    assert outcome(resumed) == whole(case)
    assert resumed.record.cost["fit_s"] > 0


@pytest.mark.parametrize("lost", [4, 8])
def test_steps_since_the_last_checkpoint_are_taken_again(lost):
    """Every third state is kept, and the process ends while it writes one."""
    spec, disk = spec_of(*CASES["adam"]), Disk(every=3, lost=lost)
    with pytest.raises(KilledError):
        fit(spec, disk)
    resumed, steps = fit(spec, disk)
    assert len(steps) == 15 - lost // 3 * 3
    assert outcome(resumed) == whole("adam")


def test_seconds_before_an_interruption_count():
    spec, disk = spec_of(*CASES["adam"]), Disk()
    with pytest.raises(KilledError):
        fit(spec, disk, 7)
    disk.kept = packed(unpacked(disk.kept) | {"fit_s": 1000.0, "epoch_s": 500.0})
    resumed, _ = fit(spec, disk)
    assert 1000 < resumed.record.cost["fit_s"] < resumed.record.cost["total_s"] < 1100
    assert [row["epoch_s"] > 500 for row in resumed.curve] == [False, True, False]


def damaged(data):
    return data[:-40] + bytes([data[-40] ^ 1]) + data[-39:]


@pytest.mark.parametrize(
    "harm",
    [
        damaged,
        lambda data: data[:100],
        lambda data: b"",
        lambda data: packed(unpacked(data) | {"of": unpacked(data)["of"] | {"torch": "1.0"}}),
        lambda data: packed(unpacked(data) | {"optimizer": {}}),
        lambda data: packed(unpacked(data) | {"sums": []}),
        lambda data: packed({}),
    ],
)
def test_a_state_that_does_not_fit_is_dropped_and_the_fit_begins_anew(harm):
    spec, disk = spec_of(*CASES["adam"]), Disk()
    with pytest.raises(KilledError):
        fit(spec, disk, 7)
    disk.kept = harm(disk.kept)
    resumed, steps = fit(spec, disk)
    assert len(steps) == 15
    assert outcome(resumed) == whole("adam")


def test_a_checkpoint_is_due_when_its_seconds_have_passed_since_the_last_was_saved(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("randfeat.solver.checkpoint.time.monotonic", lambda: now[0])
    checkpoint = Timed(60, lambda: None, lambda data: now.__setitem__(0, now[0] + 30))  # a write takes half a minute
    seen = []
    for moment in (159.0, 160.0):
        now[0] = moment
        seen.append(checkpoint.due())
    checkpoint.save({})
    for moment in (249.0, 250.0):
        now[0] = moment
        seen.append(checkpoint.due())
    assert seen == [False, True, False, True]
    assert checkpoint.load() is None


def test_what_is_packed_comes_back():
    state = {"a": torch.arange(3.0), "big": 2**100 + 1, "list": [1, "x", None, {"y": 0.1}]}
    back = unpacked(packed(state))
    assert torch.equal(back.pop("a"), state.pop("a"))
    assert back == state
    assert unpacked(packed({"n": np.arange(3)})) is None  # no tensor, no plain value: not read
