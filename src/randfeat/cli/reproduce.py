"""``randfeat reproduce``: a study's probes, and whether its claims hold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from randfeat.cli.options import DataDir, Device, device_of

if TYPE_CHECKING:
    from randfeat.study.reproduce import Outcome


def reproduce(
    study: Annotated[str | None, typer.Argument(metavar="STUDY", help="Its name; without one the studies are listed.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few seeds and small networks: a minute on a CPU.")] = False,
    results: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write.", show_default="results/STUDY, or results/STUDY-quick")
    ] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="all")] = None,
) -> None:
    """Run what is missing of a study and check its claims. Exit code 0 if all hold, 1 if one fails, 3 if one is undecided."""
    from randfeat.study.plan import load

    if study is None:
        return _listed()
    loaded = load(study)

    import torch

    from randfeat.cli.probe import bar
    from randfeat.places import data_folder
    from randfeat.store import Store
    from randfeat.study.pages import write_all
    from randfeat.study.reproduce import reproduce as run
    from randfeat.study.reproduce import wanted

    where, folder = device_of(device), data_folder(data_dir)
    if threads is not None:
        torch.set_num_threads(threads)
    target = results or Path("results") / (f"{study}-quick" if quick else study)
    store = Store(target, "probes")
    probes = wanted(loaded.plan, loaded.plan.quick if quick else loaded.plan.full)
    with bar(len(probes), hidden=False) as done:
        outcome = run(loaded, probes, store, where, folder, done)
    for problem in store.problems:
        print(f"note: {problem}", file=sys.stderr)
    options = [*(["--quick"] if quick else []), *(["--results", str(results)] if results else [])]
    write_all(outcome, target, " ".join(["randfeat reproduce", study, *options]), quick)
    _show(outcome, quick)
    print(f"Written to {target}.")
    raise typer.Exit({"holds": 0, "fails": 1, "undecided": 3}[outcome.verdict])


def _listed() -> None:
    from randfeat.study.plan import load_plan, studies

    found = studies()
    wide = max(map(len, found), default=0)
    for name, folder in found.items():
        print(f"{name:{wide}}  {load_plan(folder).title}")


def _show(outcome: Outcome, quick: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from randfeat.study.pages import claims_table, claims_words

    words = claims_words(claims_table(outcome))[["claim", "verdict", "estimate ± 95 %", "n"]]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in map(str, words):
        table.add_column(
            name, overflow="fold", no_wrap=name != "claim", justify="left" if name in ("claim", "verdict") else "right"
        )
    for line in words.to_numpy().tolist():
        table.add_row(*map(Text, map(str, line)))
    console = Console()
    title = f"{outcome.study.plan.title}{' (quick)' if quick else ''}"
    console.print(title, markup=False, highlight=False)
    console.print(table)
    console.print(f"All together: {outcome.verdict}.\n", markup=False, highlight=False)
