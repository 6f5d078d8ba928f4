"""What ``run`` and ``sweep`` print when all is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from randfeat.record import Record


def print_table(runs: list[Record], twins: list[Record | None], several: bool) -> None:
    """Runs beside their twins; several that differ in their settings as one table of means over seeds."""
    from rich.console import Console

    from randfeat.report.comparison import comparison, left_out
    from randfeat.report.formats import Format
    from randfeat.report.frame import frame
    from randfeat.report.render import show, write
    from randfeat.report.tables import summarise

    on_record = list({record.key: record for record in (*runs, *twins) if record is not None}.values())
    if several:
        write(summarise(frame(on_record)), Format.RICH, None, Console())
    else:
        show(comparison(runs, twins), Console())
    if failed := left_out(on_record):
        print(failed)
