"""``randfeat sweep``: all combinations of what the words list, each run once, whatever happens in between."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from randfeat.cli.asked import Asked
from randfeat.cli.options import RESULTS, DataDir, Device, Results, Words
from randfeat.errors import InterruptError, ResultsError


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
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster: local, auto, HOST:PORT, ray://...")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="Of a worker on Ray.", show_default="1")] = None,
    gpus: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of one, of a worker on Ray.", show_default="1 if any")
    ] = None,
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
    asked = Asked(workers, per_gpu, ray, cpus, gpus, device, threads, checkpoint, stack)
    crew, stacks = asked.crew(folder, store), asked.stacks
    if dry_run:
        if results.is_file():
            raise ResultsError(f"{results} is a file. Give the folder that it lies in.")
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
        print(f"{view.ended()}\nOn record in {store.file}.")
    if any(record.status != "ok" for record in records.values()):
        raise typer.Exit(3)


def _given(flag: str, value: object, default: object = None) -> list[str]:
    """A flag as it was typed; nothing where it was not."""
    return [] if value == default else [flag, str(value)]
