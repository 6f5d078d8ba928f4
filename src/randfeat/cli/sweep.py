"""``randfeat sweep``: all combinations of what the words list, each run once, whatever happens in between."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from randfeat.cli.options import RESULTS, DataDir, Device, Results, Words, device_of
from randfeat.errors import ConfigError, InterruptError

if TYPE_CHECKING:
    from randfeat.crew import AbstractCrew
    from randfeat.store import Store


def sweep(
    words: Words = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repeat with so many seeds of weights, subset and order.")] = 1,
    twin: Annotated[bool, typer.Option(help="Train the fully trained twins too, each once.")] = True,
    force: Annotated[bool, typer.Option(help="Run again what is on record.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and what it would cost; run nothing.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, metavar="N", help="So many processes.", show_default="this one")] = None,
    per_gpu: Annotated[int, typer.Option(min=1, metavar="K", help="So many workers share a GPU.")] = 1,
    stack: Annotated[
        str, typer.Option(metavar="auto|N", help="Train so many runs together; auto: on a GPU what fits.")
    ] = "auto",
    checkpoint: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds between two saved states of a fit.")] = 120,
    results: Results = RESULTS,
    data_dir: DataDir = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads, of all workers.", show_default="all")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="The table alone.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Facts about every run.")] = False,
) -> None:
    """Run every combination of what the words list, and print one table. What is on record is not run again.

    Lists are written as in Hydra: init=he,glorot 'seeds.weights=range(0,10)' solver.penalty=1,10. A recipe may list cases.
    Exit code 3 if a run is not ok.
    """
    import torch
    from rich.console import Console

    from randfeat.cli.board import Board
    from randfeat.cli.dry_run import print_plan
    from randfeat.cli.ending import print_failures, print_results
    from randfeat.forecast import Experience
    from randfeat.places import data_folder
    from randfeat.plan import plan, specs_of, with_twins
    from randfeat.store import Store
    from randfeat.sweep import carry_out

    store, folder = Store(results), data_folder(data_dir)
    specs = specs_of(words or [], seeds)
    wanted = with_twins(specs) if twin else specs
    together = _stack(stack)
    stacks = together != 1 and (together is not None or device_of(device).type == "cuda")
    crew = _crew(workers, per_gpu, device, threads or torch.get_num_threads(), folder, store, checkpoint, together)
    if dry_run:
        known = store.records()
        done = {} if force else {record.key: record for record in known if record.finished}
        return print_plan(plan(wanted, done, crew.places, stacks=stacks), specs, Experience(known), crew.places)
    with Board(Console(stderr=True), Experience(() if quiet else store.records()), quiet=quiet, verbose=verbose) as view:
        try:
            records = carry_out(wanted, store, crew, force=force, stacks=stacks, view=view)
        except KeyboardInterrupt:
            raise InterruptError(view.interrupted()) from None
    for problem in store.problems:
        print(f"note: {problem}", file=sys.stderr)
    print_results(records, store)
    print_failures(wanted, records, store, [*_given("--data-dir", data_dir), *_given("--device", device, "auto")])
    if not quiet:
        print(f"On record in {store.file}: {view.ended()}")
    if any(record.status != "ok" for record in records.values()):
        raise typer.Exit(3)


def _given(flag: str, value: object, default: object = None) -> list[str]:
    """A flag as it was typed; nothing where it was not."""
    return [] if value == default else [flag, str(value)]


def _crew(
    workers: int | None,
    per_gpu: int,
    device: str,
    threads: int,
    folder: Path,
    store: Store,
    seconds: float,
    stack: int | None,
) -> AbstractCrew:
    import torch

    from randfeat.crew import Here
    from randfeat.processes import Place, Processes
    from randfeat.sweep import recalling
    from randfeat.work import Worker

    if workers is None:
        torch.set_num_threads(threads)
        return Here(Worker(device_of(device), folder, recalling(store, folder), seconds, stack=stack))
    devices = _devices(workers, per_gpu, device)
    share = max(1, threads // workers)
    sharers = per_gpu if devices[0] != "cpu" else workers
    return Processes([Place(each, share, sharers, folder, store.folder, seconds, stack) for each in devices])


def _stack(word: str) -> int | None:
    """How many runs train together; None where memory says."""
    if word == "auto":
        return None
    if not word.isdecimal() or int(word) < 1:
        raise ConfigError(f"--stack {word} is neither auto nor a number of runs such as 8.")
    return int(word)


def _devices(workers: int, per_gpu: int, device: str) -> list[str]:
    """A device for each worker."""
    where = device_of(device)
    if where.type != "cuda":
        return [str(where)] * workers
    import torch

    gpus = [str(where)] if where.index is not None else [f"cuda:{k}" for k in range(torch.cuda.device_count())]
    if workers > per_gpu * len(gpus):
        need = -(-workers // len(gpus))
        raise ConfigError(
            f"--workers {workers} is more than {len(gpus)} GPU{'s' * (len(gpus) > 1)} at {per_gpu} each. "
            f"Use --per-gpu {need}, or --workers {per_gpu * len(gpus)}."
        )
    return [gpus[k % len(gpus)] for k in range(workers)]
