"""``randfeat ls``: recipes and parts with their one-line descriptions."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from randfeat.cli.options import RESULTS, DataDir, Results
from randfeat.errors import ConfigError, did_you_mean
from randfeat.registry import FAMILIES


def ls(
    family: Annotated[str | None, typer.Argument(help="data, arch, init, subset, solver, conf or a folder of recipes.")] = None,
    data_dir: DataDir = None,
    results: Results = RESULTS,
) -> None:
    """List the recipes, the parts of every family, whether the data sets are on disk, and what is on record."""
    from randfeat.menu import choices, collections
    from randfeat.places import data_folder, whereabouts

    shelves = ["conf", *collections(), *FAMILIES]
    if family is not None and family not in shelves:
        raise ConfigError(f"there is no family {family!r}.{did_you_mean(family, shelves)} Families: {', '.join(shelves)}.")
    folder = data_folder(data_dir)
    for shelf in [family] if family else shelves:
        found = choices("" if shelf == "conf" else shelf)
        wide = max(map(len, found), default=0)
        if family is None:
            print(f"{shelf}:" if shelf in ("conf", *FAMILIES) else f"conf={shelf}/NAME:")
        for name, description in found.items():
            where = f" [{whereabouts(name, folder)}]" if shelf == "data" else ""
            label = f"{'' if family else '  '}{name:{wide}}  "
            print(folded(label, f"{description}{where}"))
    if family is None:
        print(f"results:\n  {results}  {_count(results)}")


def _count(results: Path) -> str:
    from randfeat.record import Status
    from randfeat.store import Store

    store = Store(results)
    records = store.records()
    failed = sum(record.status is not Status.OK for record in records)
    torn = f"; {len(store.problems)} lines left out" if store.problems else ""
    return f"{len(records)} runs on record, {failed} of them failed{torn}"


def folded(label: str, words: str) -> str:
    """One line; on a terminal folded to its width, under the description's first word."""
    if not sys.stdout.isatty():
        return label + words
    return textwrap.fill(words, shutil.get_terminal_size().columns, initial_indent=label, subsequent_indent=" " * len(label))
