"""Runs what is not on record yet, in this process, and saves each run as soon as it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch

from randfeat.record import Record, Status
from randfeat.run import Recall, Run, new_record, now, parameters, run_one, weights_left
from randfeat.shelf import Shelf
from randfeat.solver import Fitted, Watch
from randfeat.spec import RunSpec
from randfeat.store import Store
from randfeat.typing import Weights

Started = Callable[[RunSpec], Watch]
Finished = Callable[[Run], None]


def run_missing(
    specs: Iterable[RunSpec],
    store: Store,
    device: torch.device,
    folder: Path,
    *,
    force: bool = False,
    started: Started = lambda spec: lambda step: None,
    finished: Finished = lambda run: None,
) -> dict[str, Record]:
    """The records of these specs by key: from the store where they are finished, else run now.

    Args:
        specs: what is wanted; a spec that comes twice is run once. Runs of one network come after each other and share
            what nothing trains.
        store: where records are and go.
        device: where to run.
        folder: where the data sets lie.
        force: run again what is on record.
        started: is told of every run that begins and gives what watches its progress.
        finished: is told of every run that ends, after it is saved.
    """
    store.prepare()
    records = {} if force else dict(store.finished())
    wanted = _together(specs)
    missing = {spec.key: spec.network_key for spec in wanted if spec.key not in records and spec.key != spec.twin.key}
    shelf = Shelf([network for network, runs in Counter(missing.values()).items() if runs > 1])
    for spec in wanted:
        if spec.key in records:
            records[spec.key] = _beside(records[spec.key], spec, store)
            continue
        run = _run_or_reason(spec, device, folder, started(spec), recalling(store, folder), shelf)
        save(run, store)
        records[spec.key] = run.record
        finished(run)
    return records


def _together(specs: Iterable[RunSpec]) -> list[RunSpec]:
    """The specs, those of one network after each other: the least frozen first, for others go on from what it computes.

    Fully trained twins come last.
    """
    networks: dict[str, list[RunSpec]] = {}
    for spec in specs:
        networks.setdefault(spec.network_key, []).append(spec)
    return [
        spec
        for group in networks.values()
        for spec in sorted(group, key=lambda spec: (spec.key == spec.twin.key, spec.n_frozen))
    ]


def _beside(record: Record, spec: RunSpec, store: Store) -> Record:
    """The record with the twin that is asked for now: another solver of the twin makes another twin, and not another run."""
    if record.twin == spec.twin.key:
        return record
    record = replace(record, twin=spec.twin.key, spec=spec.to_mapping(), written=now())
    store.append(record)
    return record


def save(run: Run, store: Store) -> None:
    """Write the run's curve and tensors, and last its record; the record also where the others cannot be written.

    Raises:
        ResultsError: something could not be written; says what.
    """
    try:
        if run.curve:
            store.save_curve(run.record.key, run.curve)
        if run.record.status == Status.OK:
            store.save_tensors(run.record.key, run.tensors, {"key": run.record.key, "version": run.record.version})
    finally:
        store.append(run.record)


def recalling(store: Store, folder: Path) -> Recall:
    """What gives the weights of a run in the store, for laws that start from one."""

    def recall(key: str) -> Weights:
        record = store.find(key)
        tensors, _ = store.load_tensors(record.key)
        return weights_left(RunSpec.from_mapping(record.spec), tensors, folder, recall)

    return recall


def _run_or_reason(spec: RunSpec, device: torch.device, folder: Path, watch: Watch, recall: Recall, shelf: Shelf) -> Run:
    """The run, or where the memory did not suffice a record that says so."""
    try:
        return run_one(spec, device, folder, watch, recall, shelf)
    except (MemoryError, RuntimeError) as error:
        if not memory_was_short(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else "not enough memory"
        failed = Fitted({}, Status.OUT_OF_MEMORY, reason)
        return Run(new_record(spec, device, failed, {}, parameters(spec)), [], {})


def memory_was_short(error: Exception) -> bool:
    """Whether an error says so: torch has one of its own on CUDA and words on the CPU, numpy raises MemoryError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
