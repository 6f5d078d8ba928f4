"""``randfeat run``: one run and its fully trained twin, over as many seeds as wanted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from randfeat.cli.options import RESULTS, DataDir, Device, Results, Words, device_of
from randfeat.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from randfeat.store import Store


def run(
    words: Words = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repeat with so many seeds of weights, subset and order.")] = 1,
    twin: Annotated[bool, typer.Option(help="Train the fully trained twin too, unless it is on record.")] = True,
    force: Annotated[bool, typer.Option(help="Run again what is on record.")] = False,
    from_: Annotated[str | None, typer.Option("--from", metavar="KEY", help="Score a run on record again.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the records instead of the table.")] = False,
    log: Annotated[str | None, typer.Option(help="tensorboard: write event files too.")] = None,
    results: Results = RESULTS,
    data_dir: DataDir = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="all")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="The table alone.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Facts about every run.")] = False,
) -> None:
    """Train what the words select, beside the fully trained twin, and print one table.

    A word may list several values, as in solver=ridge,svm: every combination is run. Runs that differ in solver or subset
    alone share the features of their network.
    """
    import torch
    from rich.console import Console

    from randfeat.cli.outcome import print_table
    from randfeat.cli.progress import Reporter
    from randfeat.places import data_folder
    from randfeat.plan import specs_of, with_twins
    from randfeat.report.events import event_writer
    from randfeat.store import Store
    from randfeat.sweep import run_missing

    if threads is not None:
        torch.set_num_threads(threads)
    store, folder, where = Store(results), data_folder(data_dir), device_of(device)
    if from_ is not None:
        if seeds > 1 or force or json or log:
            raise ConfigError("--from KEY scores one run that is on record. Leave out --seeds, --force, --json and --log.")
        return _score_again(store, from_, words or [], where, folder)
    write_events = event_writer(log, store)
    specs = specs_of(words or [], seeds)
    wanted = with_twins(specs) if twin else specs
    with Reporter(Console(stderr=True), quiet=quiet or json, verbose=verbose, then=write_events) as reporter:
        records = run_missing(wanted, store, where, folder, force=force, view=reporter)
    for problem in store.problems:
        print(f"note: {problem}", file=sys.stderr)
    if log and (silent := [key for key in dict.fromkeys(spec.key for spec in wanted) if not store.tensorboard(key).exists()]):
        print(f"note: --log wrote nothing for runs on record: {' '.join(silent)}. Use --force.", file=sys.stderr)
    if json:
        for key in dict.fromkeys(spec.key for spec in wanted):
            print(records[key].to_line().rstrip())
    else:
        print_table([records[spec.key] for spec in specs], [records.get(spec.twin.key) for spec in specs], len(specs) > seeds)
        if not quiet:
            print(f"On record in {store.file}: {' '.join(spec.key for spec in specs)}")


def _score_again(store: Store, key: str, words: list[str], device: torch.device, folder: Path) -> None:
    from randfeat.run import score_again
    from randfeat.spec import RunSpec
    from randfeat.sweep import recalling

    record = store.find(key)
    if not record.metrics:
        raise ConfigError(f"run {record.key} has no score: {record.reason or record.status.sentence}.")
    tensors, _ = store.load_tensors(record.key)
    spec = RunSpec.from_mapping(_elsewhere(record.spec, words))
    if spec.key != record.key:
        raise ConfigError(f"{words[0]} does not hold the data of run {record.key}.")
    metrics = score_again(spec, tensors, device, folder, recalling(store, folder))
    for name, value in metrics.items():
        same = "the same" if value == record.metrics[name] else f"on record: {record.metrics[name]!r}"
        print(f"{name:16} {value!r} ({same})")
    if any(value != record.metrics[name] for name, value in metrics.items()):
        raise typer.Exit(1)


def _elsewhere(spec: dict[str, Any], words: list[str]) -> dict[str, Any]:
    """The spec of a record, with the user's own data where ``data.path=...`` says that they lie now."""
    if not words:
        return spec
    word, _, path = words[0].partition("=")
    if len(words) > 1 or word != "data.path" or "path" not in spec["data"]:
        raise ConfigError("--from KEY takes its words from the record, all but data.path=... Leave out the others.")
    return {**spec, "data": {**spec["data"], "path": path}}
