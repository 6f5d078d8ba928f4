"""``randfeat show``: what the words mean, and what the network is made of."""

from __future__ import annotations

from typing import Annotated

import typer

from randfeat.cli.options import Words


def show(
    words: Words = None,
    tensors: Annotated[bool, typer.Option("--tensors", help="Every tensor: what of it trains, and when.")] = False,
) -> None:
    """Print the resolved spec, what differs from default, and every unit (and tensor) with what trains in it."""
    from rich.console import Console

    from randfeat.config import compose
    from randfeat.probe.anatomy import anatomy, lines
    from randfeat.report.sheet import spec_sheet, tensor_sheet, unit_sheet
    from randfeat.spec import RunSpec

    spec = RunSpec.from_mapping(compose(words or []))
    net = spec.network()
    selection = spec.subset.select(net, spec.seeds.subset)
    console = Console()
    console.print(spec_sheet(spec))
    console.print(unit_sheet(anatomy(net, spec.data.task, selection), spec.data.task.shape))
    if tensors:
        begins = spec.subset.begins(net, spec.seeds.subset)
        console.print(tensor_sheet(lines(net, selection, begins), console.width))
