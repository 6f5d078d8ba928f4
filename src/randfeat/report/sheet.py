"""The two tables of ``randfeat show``: a spec with its non-defaults marked, a network with what trains in it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from randfeat.probe.anatomy import Unit
    from randfeat.spec import RunSpec


def spec_sheet(spec: RunSpec) -> Table:
    """One line per part: its name, and its settings; those that differ from the part's default carry a star."""
    twin = spec.twin
    table = Table(title=f"run {spec.key}, twin {twin.key}", caption="* differs from the default", title_justify="left")
    table.add_column("part")
    table.add_column("settings")
    for family in ("data", "arch", "init", "subset", "solver", "seeds"):
        part = getattr(spec, family)
        table.add_row(part.title(), _settings(part))
    table.add_row("precision", f"{spec.precision}{'' if spec.precision == 'float32' else ' *'}")
    table.add_row(f"twin={twin.solver.part}", _settings(twin.solver) if twin is not spec else "this run is its own twin")
    return table


def _settings(part: Any) -> str:
    words = []
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        words.append(f"{field.name}={_text(value)}{'' if value == field.default else ' *'}")
    return "\n".join(words) if words else "-"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def unit_sheet(units: list[Unit], shape: tuple[int, ...]) -> Table:
    """One line per unit, the total last."""
    counts = "FLOPs of one input, a multiply-add counts as two; MiB of weights and output in float32"
    table = Table(title=f"input {'x'.join(map(str, shape))}", caption=counts, title_justify="left", show_footer=True)
    total = [sum(getattr(unit, name) for unit in units) for name in ("params", "trained", "flops", "mib")]
    footers = ["total", "", f"{total[0]:,}", f"{total[1]:,}", f"{total[2] / 1e6:,.2f}", f"{total[3]:,.2f}"]
    for name, footer in zip(("unit", "output", "parameters", "train", "MFLOPs", "MiB"), footers, strict=True):
        table.add_column(name, footer=footer, justify="left" if name in ("unit", "output") else "right")
    for unit in units:
        output = "x".join(map(str, unit.shape))
        numbers = (f"{unit.params:,}", f"{unit.trained:,}", f"{unit.flops / 1e6:,.2f}", f"{unit.mib:,.2f}")
        table.add_row(unit.name, output, *numbers)
    return table
