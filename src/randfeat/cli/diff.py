"""``randfeat diff``: what differs between two runs, two sets of results or two tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from randfeat.cli.options import RESULTS
from randfeat.report.formats import DiffFormat

_SIDE = "A run's key, a results folder, or a .jsonl, .csv or .parquet file."


def diff(
    a: Annotated[str, typer.Argument(help=_SIDE)],
    b: Annotated[str, typer.Argument(help="The same. Differences are B minus A.")],
    results: Annotated[Path, typer.Option(help="Results folder in which keys are looked up.")] = RESULTS,
    metric: Annotated[list[str] | None, typer.Option(help="What to compare, once for each.")] = None,
    format: Annotated[DiffFormat, typer.Option(help="json keeps every digit.")] = DiffFormat.RICH,
    fail_if_worse: Annotated[bool, typer.Option("--fail-if-worse", help="Exit with 1 where B is worse.")] = False,
) -> None:
    """Settings that differ first, then paired differences with 95 % intervals over seeds."""
    from rich.console import Console

    from randfeat.report.diff import diff as compare
    from randfeat.report.diff_render import write_diff
    from randfeat.report.sides import side
    from randfeat.store import Store

    first, second = side(a, Store(results)), side(b, Store(results))
    found = compare(first, second, metric or [])
    write_diff(found, format, Console())
    for problem in dict.fromkeys([*first.problems, *second.problems]):
        Console(stderr=True).print(f"note: {problem}", markup=False, highlight=False, soft_wrap=True)
    if fail_if_worse and (found.worse(metric) if metric else found.worse()):
        raise typer.Exit(1)
