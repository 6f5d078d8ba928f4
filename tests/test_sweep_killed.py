"""Sweeps whose drivers and workers are killed at random moments, and resumed: they leave what undisturbed ones do."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time

import pytest

from randfeat.record import Record, Status
from randfeat.store import Store

RUNS = [
    *["conf=elm", "data.n_train=150", "data.n_test=50", "arch.width=8,12", "seeds.weights=0,1", "solver.penalty=1,10"],
    *["twin.epochs=5", "twin.batch_size=30"],
]
OPTIONS = ["--results", "results", "--checkpoint", "0", "-q"]
N_RUNS = 12
WORKERS = ["--workers", "2"]


def lines_of(folder):
    return (folder / "results/runs.jsonl").read_text(errors="replace").splitlines()


def finished_keys(folder):
    """Of every whole line that is a finished run, in order."""
    found = []
    for line in lines_of(folder):
        with contextlib.suppress(ValueError):
            found.append(Record.from_line(line))
    return [record.key for record in found if record.finished]


def scores(folder):
    """What counts: key -> status and metrics."""
    return {record.key: (record.status, record.metrics) for record in Store(folder / "results").records()}


@pytest.fixture(scope="module")
def calm(nursery, tmp_path_factory):
    """What an undisturbed sweep leaves, and the seconds that one takes."""
    nursery.compose(*RUNS)
    for _ in range(2):  # in the first some things are done for the first time
        folder = tmp_path_factory.mktemp("calm")
        start = time.monotonic()
        driver = nursery.run(folder, "sweep", *RUNS, *OPTIONS)
        seconds = time.monotonic() - start
        assert driver.code == 0, driver.stderr
    wanted = scores(folder)
    assert len(wanted) == N_RUNS
    assert {status for status, _ in wanted.values()} == {Status.OK}
    return wanted, seconds


class Killer:
    """Ends drivers or workers at random moments of a sweep that takes about so many seconds."""

    def __init__(self, nursery, seconds, seed):
        self.nursery, self.seconds, self.random, self.kills = nursery, seconds, random.Random(seed), 0

    def disturb(self, driver, workers):
        """At most two workers of a driver: one that dies three times over the same run is to be on record as failed."""
        if workers and self.random.random() < 0.6:
            for _ in range(2):
                self.pause()
                self.kill(self.random.choice(self.nursery.workers or [0]), signal.SIGKILL)
        else:
            self.pause()
            self.kill(driver.pid, self.random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))

    def pause(self):
        time.sleep(self.random.uniform(0, 0.6 * self.seconds))

    def kill(self, pid, number):
        with contextlib.suppress(ProcessLookupError):
            if pid:
                os.kill(pid, number)
                self.kills += 1


def killed_and_resumed(nursery, calm, folders, kills, seed):
    """Sweeps in one folder after another, each resumed till it is done, until so many processes have been killed."""
    wanted, seconds = calm
    killer = Killer(nursery, seconds, seed)
    for folder in folders:
        starts = 0
        while True:
            starts += 1
            assert starts < 100, "it never ends"
            workers = killer.random.random() < 0.6
            driver = nursery.start(folder, "sweep", *RUNS, *OPTIONS, *(WORKERS if workers else []))
            if killer.kills < kills:
                killer.disturb(driver, workers)
            if driver.wait() == 0:
                break
            assert driver.code in (-signal.SIGKILL, -signal.SIGTERM), driver.stderr
        assert nursery.no_workers_left()
        assert scores(folder) == wanted
        assert sorted(finished_keys(folder)) == sorted(wanted)
        assert not (folder / "results/states").exists()
        if killer.kills >= kills:
            return


def test_after_fifty_kills_everything_is_on_record_once_as_if_nothing_had_happened(nursery, calm, tmp_path_factory):
    folders = (tmp_path_factory.mktemp("killed") for _ in range(60))
    killed_and_resumed(nursery, calm, folders, kills=50, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_after_five_hundred_kills_too(nursery, calm, tmp_path_factory, seed):
    folders = (tmp_path_factory.mktemp("killed") for _ in range(60))
    killed_and_resumed(nursery, calm, folders, kills=50, seed=seed)
