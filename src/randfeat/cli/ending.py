"""What ``randfeat sweep`` prints when all is done: the table, the runs that are not ok and how to run each alone."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Mapping, Sequence

from rich.console import Console

from randfeat.axes import added_twins, axes, label
from randfeat.config import compose
from randfeat.record import Record, Status
from randfeat.report.formats import Format
from randfeat.report.frame import frame
from randfeat.report.render import write
from randfeat.report.tables import summarise
from randfeat.spec import RunSpec
from randfeat.spelling import words_of
from randfeat.store import Store

LINES = 30
"""The table has at most so many lines; ``randfeat table`` prints them all."""

FAILURES = 10
"""So many runs that are not ok are printed with the words to run them alone."""


def print_results(records: Mapping[str, Record], store: Store) -> None:
    """The runs of a sweep in one table of means over seeds, each beside its twin; a long one is cut."""
    table = summarise(frame(records.values()))
    write(table.head(LINES), Format.RICH, None, Console())
    if len(table) > LINES:
        print(f"{len(table) - LINES:,} more lines. All: {_command(['table', '--results', str(store.folder)])}")


def print_failures(specs: Sequence[RunSpec], records: Mapping[str, Record], store: Store, options: Sequence[str]) -> None:
    """The runs that are not ok, those with one reason together, with the words to run each alone.

    Args:
        specs: what was wanted.
        records: what became of it, by key.
        store: where the records are.
        options: flags that the runs were started with, as ``--data-dir DIR``.
    """
    wanted = {spec.key: spec for spec in specs}
    failed = [spec for key, spec in wanted.items() if records[key].status is not Status.OK]
    if not failed:
        return
    twins = added_twins(wanted.values())
    names = list(axes(spec for spec in wanted.values() if spec.key not in twins))
    composed, shown = functools.cache(compose), 0
    print(f"{len(failed):,} of {len(wanted):,} runs {'is' if len(failed) == 1 else 'are'} not ok. Each alone:")
    for same in _by_reason(failed, records):
        few = same[: FAILURES - shown]
        shown += len(few)
        if few:
            print(f"{len(same):,} x {_why(records[few[0].key])}")
        for spec in few:
            flags = [
                "--no-twin",
                *(["--force"] if records[spec.key].finished else []),
                "--results",
                str(store.folder),
                *options,
            ]
            print(f"  {spec.key}  {label(spec, names, spec.key in twins)}")
            print(f"    {_command(['run', *words_of(spec, composed), *flags])}")
    if len(failed) > shown:
        all_of_them = _command(["table", "--results", str(store.folder), "--where", "status!=ok"])
        print(f"{len(failed) - shown:,} more. All by their settings: {all_of_them}")


def _by_reason(failed: Sequence[RunSpec], records: Mapping[str, Record]) -> list[list[RunSpec]]:
    """Runs whose reasons differ in numbers at most, together, the most first."""
    reasons: dict[str, list[RunSpec]] = {}
    for spec in failed:
        reasons.setdefault(re.sub(r"\d+", "0", _why(records[spec.key])), []).append(spec)
    return sorted(reasons.values(), key=len, reverse=True)


def _why(record: Record) -> str:
    return f"{record.status}: {record.reason}" if record.reason else str(record.status)


def _command(words: Sequence[str]) -> str:
    return shlex.join(["randfeat", *words])
