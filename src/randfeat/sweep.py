"""Runs what is not on record yet: hands a plan out to a crew, saves each run as soon as it is done, and loses nothing else."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch

from randfeat.crew import AbstractCrew, Here
from randfeat.errors import DataError, ResultsError
from randfeat.plan import Group, Plan, plan
from randfeat.record import Record, Status
from randfeat.reservation import Reservations
from randfeat.run import Recall, Run, now, weights_left
from randfeat.solver import Step
from randfeat.spec import RunSpec
from randfeat.states import States
from randfeat.store import Store
from randfeat.tail import Tail
from randfeat.typing import Weights
from randfeat.work import Event, Finished, Job, Lost, Refused, Saved, Started, Stepped, Worker, failed

TRIES = 3
"""A run whose worker ends so many times is not handed out again."""

STATE_S = 120.0
"""Seconds from one saved state of a fit to the next."""

LOOK_S = 1.0
"""Seconds between two looks at runs that another process has taken."""


class View:
    """What someone sees of a sweep; this one shows nothing."""

    def planned(self, plan: Plan) -> None:
        """What is to be done, before it begins."""

    def started(self, spec: RunSpec) -> None:
        """A run begins, for the first time or again."""

    def stepped(self, spec: RunSpec, step: Step) -> None:
        """Its fit has come this far."""

    def finished(self, spec: RunSpec, run: Run) -> None:
        """It has ended, well or not, and is on record."""

    def elsewhere(self, spec: RunSpec, record: Record) -> None:
        """Another process has done it."""

    def lost(self, spec: RunSpec, ended: str) -> None:
        """Its worker is gone; it is handed out again."""


class Sweep:
    """A plan under way: the desk at which a crew gets its jobs, see :class:`randfeat.crew.Desk`.

    Args:
        plan: what is to be run.
        store: where records go.
        tail: what others write there.
        reservations: in the same folder.
        view: is told of everything, after it is saved.
    """

    def __init__(self, plan: Plan, store: Store, tail: Tail, reservations: Reservations, view: View) -> None:
        self.store, self.reservations, self.view = store, reservations, view
        self.records = dict(plan.done)
        self.specs = {spec.key: spec for spec in plan.wanted}
        self._one_data_set = len({(spec.data, spec.seeds.data) for spec in plan.wanted}) == 1
        self._queue = deque(plan.groups)
        self._elsewhere: list[Group] = []
        self._looked = time.monotonic()
        self._under_way: set[str] = set()
        self._current: set[str] = set()
        self._losses: Counter[str] = Counter()
        self._tail, self._states = tail, States(store.folder)
        self._states.tidy(self.records)

    @property
    def done(self) -> bool:
        """Whether every run is on record."""
        return not (self._queue or self._elsewhere or self._under_way)

    def give(self) -> Job | None:
        """The next job, of runs that no other process has taken; None where there is none at the moment."""
        if self._elsewhere and time.monotonic() - self._looked >= LOOK_S:
            self._look_again()
        while self._queue:
            group = self._queue.popleft()
            mine = {spec.key for spec in group.specs if self.reservations.take(spec.key)}
            if others := tuple(spec for spec in group.specs if spec.key not in mine):
                self._elsewhere.append(replace(group, specs=others))
            self._read_news()
            for key in mine & self.records.keys():
                self.reservations.free(key)
            if specs := tuple(spec for spec in group.specs if spec.key in mine - self.records.keys()):
                self._under_way.update(spec.key for spec in specs)
                states = {spec.key: state for spec in specs if (state := self._states.load(spec.key)) is not None}
                return Job(replace(group, specs=specs), states)
        return None

    def tell(self, event: Event) -> None:
        """Take in what has happened.

        Raises:
            DataError: the one data set of all runs is missing or malformed.
            ResultsError: something could not be written.
        """
        match event:
            case Started(key):
                self._current.add(key)
                self.view.started(self.specs[key])
            case Stepped(key, step):
                self.view.stepped(self.specs[key], step)
            case Saved(key, state):
                self._states.save(key, state)
            case Finished(run):
                self._keep(run)
            case Refused(run):
                if self._one_data_set:
                    raise DataError(run.record.reason)
                self._keep(run)
            case Lost(job, ended):
                self._hand_out_again(job, ended)

    def _keep(self, run: Run) -> None:
        key = run.record.key
        try:
            save(run, self.store)
        finally:
            self.records[key] = run.record
            self._under_way.discard(key)
            self._current.discard(key)
            self.reservations.free(key)
        self._states.drop(key)
        self.view.finished(self.specs[key], run)

    def _hand_out_again(self, job: Job, ended: str) -> None:
        rest = [spec for spec in job.group.specs if spec.key in self._under_way]
        begun = [spec for spec in rest if spec.key in self._current] or rest[:1]
        for spec in rest:
            self._under_way.discard(spec.key)
            self._current.discard(spec.key)
        for spec in begun:
            self._losses[spec.key] += 1
            self.view.lost(spec, ended)
            if self._losses[spec.key] >= TRIES:
                hint = "; the system ends a process where memory runs out" if "signal 9" in ended else ""
                reason = f"its worker {ended}, {TRIES} times{hint}"
                self._keep(failed(spec, torch.device("cpu"), Status.FAILED, reason))
        again = tuple(spec for spec in rest if self._losses[spec.key] < TRIES)
        for spec in again:
            self.reservations.free(spec.key)
        if again:
            self._queue.appendleft(Group(again))  # no stack any more: one bad run shall not take its neighbours with it

    def _look_again(self) -> None:
        self._looked = time.monotonic()
        self._queue.extend(self._elsewhere)
        self._elsewhere = []

    def _read_news(self) -> None:
        for record in self._tail.news():
            if record.key in self.specs and record.key not in self.records and record.finished:
                self.records[record.key] = record
                self.view.elsewhere(self.specs[record.key], record)


def carry_out(
    specs: Iterable[RunSpec],
    store: Store,
    crew: AbstractCrew,
    *,
    force: bool = False,
    stacks: bool = False,
    view: View | None = None,
) -> dict[str, Record]:
    """The records of these specs by key: from the store where they are finished, else run now.

    Args:
        specs: what is wanted; one that comes twice is run once.
        store: where records are and go.
        crew: who does it.
        force: run again what is on record.
        stacks: train together what can be.
        view: is told of everything.

    Raises:
        DataError: the one data set of all runs is missing or malformed.
        ResultsError: something could not be written.
    """
    view = view or View()
    store.prepare()
    tail = Tail(store)  # before the store is read, so that no record comes in between
    planned = plan(specs, {} if force else store.finished(), crew.places, stacks=stacks)
    planned = replace(planned, done=_beside(planned, store))
    view.planned(planned)
    with Reservations(store.taken) as reservations:
        sweep = Sweep(planned, store, tail, reservations, view)
        crew.work(sweep)
        return sweep.records


def run_missing(
    specs: Iterable[RunSpec],
    store: Store,
    device: torch.device,
    folder: Path,
    *,
    force: bool = False,
    view: View | None = None,
) -> dict[str, Record]:
    """The records of these specs by key: from the store where they are finished, else run now, in this process.

    Args:
        specs: what is wanted.
        store: where records are and go.
        device: where to run.
        folder: where the data sets lie.
        force: run again what is on record.
        view: is told of everything.

    Raises:
        RandfeatError: a run cannot be done as its words have it. Other errors come through as they are.
    """
    worker = Worker(device, folder, recalling(store, folder), STATE_S, strict=True)
    return carry_out(specs, store, Here(worker), force=force, view=view)


def _beside(plan: Plan, store: Store) -> dict[str, Record]:
    """The records of what is done, with the twins asked for now: another solver of the twin is no other run."""
    done = dict(plan.done)
    for spec in plan.wanted:
        record = done.get(spec.key)
        if record is not None and record.twin != spec.twin.key:
            done[spec.key] = replace(record, twin=spec.twin.key, spec=spec.to_mapping(), written=now())
            store.append(done[spec.key])
    return done


def save(run: Run, store: Store) -> None:
    """Write the run's curve and tensors, and last its record.

    Where the others cannot be written the record is, with its scores, as that of a failed run: the next time it is run again.

    Raises:
        ResultsError: something could not be written; says what.
    """
    try:
        if run.curve:
            store.save_curve(run.record.key, run.curve)
        if run.record.status == Status.OK:
            store.save_tensors(run.record.key, run.tensors, {"key": run.record.key, "version": run.record.version})
    except ResultsError as error:
        store.append(replace(run.record, status=Status.FAILED, reason=str(error)))
        raise
    store.append(run.record)


def recalling(store: Store, folder: Path) -> Recall:
    """What gives the weights of a run in the store, for laws that start from one."""

    def recall(key: str) -> Weights:
        record = store.find(key)
        tensors, _ = store.load_tensors(record.key)
        return weights_left(RunSpec.from_mapping(record.spec), tensors, folder, recall)

    return recall
