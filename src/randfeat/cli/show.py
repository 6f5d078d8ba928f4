"""``randfeat show``: what the words mean, and what the network is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from randfeat.cli.options import RESULTS, Results, Words

if TYPE_CHECKING:
    from randfeat.record import Record


def show(words: Words = None, results: Results = RESULTS) -> None:
    """Print the resolved spec, what differs from default, every unit with what trains in it, and what is on record."""
    from rich.console import Console

    from randfeat.config import compose
    from randfeat.probe.anatomy import anatomy
    from randfeat.report.sheet import spec_sheet, unit_sheet
    from randfeat.spec import RunSpec
    from randfeat.store import Store

    spec = RunSpec.from_mapping(compose(words or []))
    net = spec.network()
    units = anatomy(net, spec.data.task, spec.subset.select(net, spec.seeds.subset))
    console = Console()
    console.print(spec_sheet(spec))
    console.print(unit_sheet(units, spec.data.task.shape))
    records = {record.key: record for record in Store(results).records()}
    for name, key in (("run", spec.key), ("twin", spec.twin.key)):
        console.print(f"{name} {key}: {_on_record(records.get(key))}", highlight=False)


def _on_record(record: Record | None) -> str:
    if record is None:
        return "not on record"
    score = record.metrics.get("test/accuracy")
    return f"on record, {record.status}" if score is None else f"on record, test accuracy {100 * score:.2f} %"
