"""``randfeat show``: what the words mean, and what the network is made of."""

from __future__ import annotations

from randfeat.cli.options import Words


def show(words: Words = None) -> None:
    """Print the resolved spec, what differs from default, and every unit with what trains in it."""
    from rich.console import Console

    from randfeat.config import compose
    from randfeat.probe.anatomy import anatomy
    from randfeat.report.sheet import spec_sheet, unit_sheet
    from randfeat.spec import RunSpec

    spec = RunSpec.from_mapping(compose(words or []))
    net = spec.network()
    units = anatomy(net, spec.data.task, spec.subset.select(net, spec.seeds.subset))
    console = Console()
    console.print(spec_sheet(spec))
    console.print(unit_sheet(units, spec.data.task.shape))
