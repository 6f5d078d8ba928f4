"""``randfeat table``: the runs of a results folder, each beside its fully trained twin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from randfeat.cli.options import RESULTS
from randfeat.errors import ConfigError
from randfeat.report.formats import Format


def table(
    folder: Annotated[Path | None, typer.Argument(help="Results folder.", show_default=str(RESULTS))] = None,
    results: Annotated[Path | None, typer.Option(help="The same as FOLDER.")] = None,
    rows: Annotated[str | None, typer.Option(help="Settings to group by: a,b.", show_default="what differs")] = None,
    cols: Annotated[str | None, typer.Option(help="A setting whose values become columns.")] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="A metric or a cost.", show_default="test/accuracy; test/explained where answers are numbers"),
    ] = None,
    where: Annotated[list[str] | None, typer.Option(help="arch=vgg, seeds.weights<3, ... All have to hold.")] = None,
    format: Annotated[
        Format | None, typer.Option(help="csv and parquet keep every digit.", show_default="the output's, or rich")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
) -> None:
    """Means over seeds with 95 % intervals, every number beside its fully trained twin's."""
    from rich.console import Console

    from randfeat.report.render import format_of, write
    from randfeat.report.runs import runs
    from randfeat.report.tables import averaged, summarise
    from randfeat.store import Store

    if folder and results and folder != results:
        raise ConfigError(f"two results folders, {folder} and --results {results}. Give one.")
    found, problems = runs(Store(folder or results or RESULTS))
    by = [row.strip() for row in rows.split(",")] if rows else None
    summary = summarise(found, by, cols, metric, where or [])
    write(summary, format_of(format, output), output, Console())
    hidden = averaged(found, [*by, *([cols] if cols else [])], where or []) if by else []
    means = [f"every line is a mean over runs that differ in {', '.join(hidden)}"] if hidden else []
    for note in [*problems, *means]:
        Console(stderr=True).print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
