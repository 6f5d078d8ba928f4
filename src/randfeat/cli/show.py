"""``randfeat show``: what the words mean, what the network is made of, what trains in it, and what is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from randfeat.cli.options import RESULTS, Results, Words

if TYPE_CHECKING:
    from randfeat.record import Record


def show(
    words: Words = None,
    tensors: Annotated[bool, typer.Option("--tensors", help="Every tensor: what of it trains, and when.")] = False,
    results: Results = RESULTS,
) -> None:
    """Print the resolved spec, what differs from default, every unit (and tensor) with what trains in it."""
    from rich.console import Console

    from randfeat.config import compose
    from randfeat.probe.anatomy import anatomy, lines
    from randfeat.report.sheet import spec_sheet, tensor_sheet, unit_sheet
    from randfeat.spec import RunSpec
    from randfeat.store import Store

    spec = RunSpec.from_mapping(compose(words or []))
    net = spec.network()
    selection = spec.selection
    console = Console()
    console.print(spec_sheet(spec))
    console.print(unit_sheet(anatomy(net, spec.data.task, selection), spec.data.task.shape))
    if tensors:
        begins = spec.subset.begins(net, spec.seeds.subset)
        console.print(tensor_sheet(lines(net, selection, begins), console.width))
    records = {record.key: record for record in Store(results).records()}
    for name, key in (("run", spec.key), ("twin", spec.twin.key)):
        console.print(f"{name} {key}: {_on_record(records.get(key))}", highlight=False)


def _on_record(record: Record | None) -> str:
    if record is None:
        return "not on record"
    score = record.metrics.get("test/accuracy")
    return f"on record, {record.status}" if score is None else f"on record, test accuracy {100 * score:.2f} %"
