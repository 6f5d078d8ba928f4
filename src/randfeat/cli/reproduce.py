"""``randfeat reproduce``: a study's probes and runs, and whether its claims hold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from randfeat.cli.asked import Asked
from randfeat.cli.options import RESULTS, DataDir, Device, device_of
from randfeat.errors import ConfigError, InterruptError, ResultsError

if TYPE_CHECKING:
    from randfeat.study.folder import Study
    from randfeat.study.reproduce import Outcome, Shop
    from randfeat.study.wanted import Wanted


def reproduce(
    study: Annotated[str | None, typer.Argument(metavar="STUDY", help="Its name; without one the studies are listed.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few seeds and small networks: minutes on a CPU.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Run nothing: check the claims on what is on record.")] = False,
    index: Annotated[bool, typer.Option("--index", help="Write results/README.md: all studies, and what held.")] = False,
    results: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write.", show_default="results/STUDY, or results/STUDY-quick")
    ] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads, of all workers.", show_default="all")] = None,
    workers: Annotated[int | None, typer.Option(min=1, metavar="N", help="So many processes.", show_default="this one")] = None,
    per_gpu: Annotated[int, typer.Option(min=1, metavar="K", help="So many workers share a GPU.")] = 1,
    stack: Annotated[
        str, typer.Option(metavar="auto|N", help="Train so many runs together; auto: on a GPU what fits.")
    ] = "auto",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="The claims alone.")] = False,
) -> None:
    """Run what is missing of a study and check its claims. Exit code 0 if all hold, 1 if one fails, 3 if one is undecided."""
    if index and (quick or check):
        raise ConfigError("--index is of all studies, at both sizes. Leave --quick and --check out.")
    if index:
        return _indexed(study, results)
    if study is None:
        if quick or check:
            raise ConfigError("--quick and --check are of one study. Name it; randfeat reproduce lists them.")
        return _listed()

    from randfeat.places import data_folder
    from randfeat.store import Store
    from randfeat.study.folder import load
    from randfeat.study.pages import write_all
    from randfeat.study.reproduce import Shop, on_record
    from randfeat.study.wanted import wanted

    loaded, folder = load(study), data_folder(data_dir)
    target = results or RESULTS.parent / (f"{study}-quick" if quick else study)
    if target.is_file():
        raise ConfigError(f"--results {target} is a file. Give a folder.")
    asked = Asked(workers, per_gpu, None, None, None, device, threads, 120, stack)
    plan = wanted(loaded.plan, quick, folder)
    if check:
        outcome = on_record(loaded, plan, target)
    else:
        shop = Shop(target, device_of(device), folder, asked.crew(folder, Store(target)), asked.stacks)
        outcome = _carried_out(loaded, plan, shop, quiet)
    for problem in outcome.problems:
        print(f"note: {problem}", file=sys.stderr)
    if check:
        _refuse_a_loss(outcome, target)
    options = [*(["--quick"] if quick else []), *(["--results", str(results)] if results else [])]
    write_all(outcome, target, " ".join(["randfeat reproduce", study, *options]), quick)
    for arm, why in plan.left_out.items():
        print(f"note: arm {arm} is left out: {why}.", file=sys.stderr)
    _show(outcome, quick)
    print(f"Written to {target}.")
    raise typer.Exit({"holds": 0, "fails": 1, "undecided": 3}[outcome.verdict])


def _refuse_a_loss(outcome: Outcome, target: Path) -> None:
    """A page is not written over by one with fewer of its numbers."""
    from randfeat.study.facts import read

    wanted, page = outcome.wanted, target / "README.md"
    asked = {"runs": wanted.n_runs, "probes": len(wanted.probes)}
    found = {"runs": len(outcome.runs), "probes": len(outcome.probes)}
    try:
        known = read(target)
        before = {"runs": known.runs, "probes": known.probes}
    except ResultsError:
        before = asked if page.exists() else {}
    for kind, n in before.items():
        if found[kind] < min(n, asked[kind]):
            raise ConfigError(
                f"{page} stands on {n:,} {kind}, and {found[kind]:,} are there. Leave --check out to make the others."
            )


def _carried_out(study: Study, plan: Wanted, shop: Shop, quiet: bool) -> Outcome:
    """Do what is missing, with a bar for the probes and a board for the runs."""
    from rich.console import Console

    from randfeat.cli.board import Board
    from randfeat.cli.probe import bar
    from randfeat.forecast import Experience
    from randfeat.study.reproduce import on_record, probe, run

    with bar(len(plan.probes), hidden=quiet or not plan.probes) as done:
        probe(plan, shop, done)
    experience = Experience(() if quiet or not plan.runs else shop.runs.records())
    with Board(Console(stderr=True), experience, quiet=quiet, verbose=False) as view:
        try:
            run(plan, shop, view)
        except KeyboardInterrupt:
            raise InterruptError(view.interrupted()) from None
    return on_record(study, plan, shop.folder)


def _indexed(study: str | None, results: Path | None) -> None:
    from randfeat.study.index import write

    if study is not None:
        raise ConfigError(f"--index is of all studies. Leave {study} out.")
    folder = results or RESULTS.parent
    print(f"{write(folder, None if results else Path('README.md'))} studies in {folder / 'README.md'}.")


def _listed() -> None:
    from randfeat.cli.ls import folded
    from randfeat.study.folder import load_plan, studies

    found = studies()
    wide = max(map(len, found), default=0)
    for name, folder in found.items():
        print(folded(f"{name:{wide}}  ", load_plan(folder).title))


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
