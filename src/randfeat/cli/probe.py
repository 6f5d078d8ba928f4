"""``randfeat probe``: what a random network does to a signal, unit by unit, before any training."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from randfeat.cli.options import RESULTS, DataDir, Device, Results, Words, device_of
from randfeat.errors import ConfigError, did_you_mean
from randfeat.report.formats import TextFormat

if TYPE_CHECKING:
    from randfeat.probe.catalogue import Measure
    from randfeat.probing import ProbeSpec
    from randfeat.record import Record


def probe(
    words: Words = None,
    measure: Annotated[str | None, typer.Option(metavar="NAME,...", help="What to measure; all for everything.")] = None,
    unit: Annotated[str | None, typer.Option(metavar="NAME,...", help="Show these units alone.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repeat with so many seeds of the weights.")] = 1,
    rows: Annotated[int, typer.Option(min=2, help="Training rows that are looked at.")] = 256,
    force: Annotated[bool, typer.Option(help="Probe again what is on record.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the records instead of tables, and make no figures.")] = False,
    format: Annotated[TextFormat, typer.Option(help="csv keeps every digit.")] = TextFormat.RICH,
    results: Results = RESULTS,
    figures: Annotated[Path | None, typer.Option(help="Folder of the figures.", show_default="RESULTS/figures")] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="all")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="The tables alone.")] = False,
) -> None:
    """Measure random networks before any training. A word may list values: init=he,glorot or arch.depth=range(1,5)."""
    import torch

    from randfeat.config import mappings
    from randfeat.places import data_folder
    from randfeat.probe.catalogue import OF_A_LAW, Probe, measures
    from randfeat.probing import ProbeSpec, probe_missing
    from randfeat.store import Store, make_writable

    specs = list(dict.fromkeys(ProbeSpec.from_mapping(mapping, Probe(rows=rows)) for _, mapping in mappings(words or [])))
    chosen = measures(measure.split(",") if measure else _usual(specs))
    only = _units(unit.split(","), specs, chosen) if unit else []
    store, folder, where = Store(results, "probes"), data_folder(data_dir), device_of(device)
    pictures = figures or results / "figures"
    store.prepare()
    if not json:
        make_writable(pictures, "figures")
    if threads is not None:
        torch.set_num_threads(threads)
    kinds = dict.fromkeys(each.probe for each in chosen)
    wanted = [
        spec.with_seed(k).of(Probe(kind=kind, rows=rows))
        for spec in specs
        for k in range(seeds)
        for kind in kinds
        if kind not in OF_A_LAW or spec.draws_filters
    ]
    of_a_law = [kind for kind in kinds if kind in OF_A_LAW]
    if of_a_law and (without := [spec.init.title() for spec in specs if not spec.draws_filters]):
        own = " and ".join(of_a_law)
        sentence = f"{own}: of filters drawn by a law from their shape alone, which {', '.join(without)} does not do"
        if not wanted:
            raise ConfigError(f"{sentence}. Use a law such as init=he.")
        _note(f"{sentence}: left out.")
    with bar(len(wanted), hidden=quiet or json) as done:
        found = probe_missing(wanted, store, where, folder, force=force, done=done)
    records = [found[key] for key in dict.fromkeys(spec.key for spec in wanted)]
    for problem in store.problems:
        _note(problem)
    if json:
        for record in records:
            print(record.to_line())
        return
    _show(records, chosen, only, format, pictures, quiet)
    if "best_inputs" in kinds:
        _portray([spec for spec in specs if spec.draws_filters], pictures)
    if not quiet and format is TextFormat.RICH:
        print(f"On record in {store.file}, figures in {pictures}.")


def _usual(specs: list[ProbeSpec]) -> list[str]:
    """``growth`` where networks are compared; of one network the measures that say most."""
    from randfeat.probe.catalogue import MEASURES

    if len({spec.with_seeds(0, 0) for spec in specs}) > 1:
        return ["growth"]
    return [name for name, measure in MEASURES.items() if measure.usual]


def _units(names: list[str], specs: list[ProbeSpec], chosen: list[Measure]) -> list[str]:
    """The units of these names, each of which one of the networks has to have."""
    from randfeat.probe.best_inputs import BEST_UNITS
    from randfeat.probe.kernels import UNITS

    own = {"kernels": UNITS, "best_inputs": BEST_UNITS}
    known = list(dict.fromkeys(name for spec in specs for name in spec.unit_names))
    for kind in dict.fromkeys(measure.probe for measure in chosen):
        known += own.get(kind, [])
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no unit {name!r}.{did_you_mean(name, known)} Units: {', '.join(known)}.")
    return names


def _show(
    records: list[Record], chosen: list[Measure], only: list[str], format: TextFormat, pictures: Path, quiet: bool
) -> None:
    from rich.console import Console

    from randfeat.report.comparison import left_out
    from randfeat.report.figures import drawable, figure, save
    from randfeat.report.formats import Format
    from randfeat.report.pages import pages
    from randfeat.report.probes import readings, words
    from randfeat.report.render import write

    console = Console()
    numbers = readings(records)
    if only:
        numbers = numbers[numbers["unit"].isin(only)]
        if numbers.empty:
            names = ", ".join(measure.name for measure in chosen)
            raise ConfigError(f"{names} has no value at {', '.join(only)}. Leave --unit out to see where it has.")
    if numbers.groupby("measure")["units"].nunique().max() > 1 and not quiet:
        _note("the units differ: a table for each architecture; figures align them by the share of their depth.")
    for measure in chosen:
        own = numbers[numbers["measure"] == measure.name]
        if len(own) and drawable(own, measure):
            save(figure(own, measure), pictures / f"probe_{measure.name}.png")
        elif len(own):
            _note(f"no figure of {measure.name}: it has no value that could be drawn.")
    for page in pages(numbers, chosen):
        if format is not TextFormat.CSV:
            console.print(page.title, markup=False, highlight=False)
        write(page.table, Format(format.value), None, console, words)
        console.print()
    if failed := left_out(records):
        _note(failed)


def _portray(specs: list[ProbeSpec], pictures: Path) -> None:
    """A picture for every law and seed: ``best_inputs.png``, numbered where there are several."""
    from randfeat.probe.best_inputs import portraits
    from randfeat.report.figures import save
    from randfeat.report.portraits import portrayed
    from randfeat.spelling import word

    laws = {(spec.init, spec.seeds.weights): spec for spec in specs}
    for k, ((law, seed), spec) in enumerate(laws.items(), start=1):
        changed = [f"init.{name}={word(value)}" for name, value in law.identity().items() if name != "part"]
        title = " ".join([law.title(), *changed, f"seeds.weights={seed}"])
        if not (shown := portraits(spec.weight)):
            _note(f"no picture of {title}: its filters are zero or not finite.")
            continue
        save(portrayed(shown, title), pictures / (f"best_inputs_{k}.png" if len(laws) > 1 else "best_inputs.png"))


def _note(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr)


@contextlib.contextmanager
def bar(total: int, *, hidden: bool) -> Iterator[Callable[[], None]]:
    """A bar on the terminal that one call moves on by one probe."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=hidden or not console.is_terminal) as progress:
        task = progress.add_task("probing", total=total)
        yield lambda: progress.advance(task)
