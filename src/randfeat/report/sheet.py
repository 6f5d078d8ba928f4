"""The tables of ``randfeat show``: a spec with its non-defaults marked, a network by units and by tensors."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from randfeat.probe.anatomy import Line, Unit
    from randfeat.spec import RunSpec


def spec_sheet(spec: RunSpec) -> Table:
    """One line per part: its name, and its settings; those that differ from the part's default carry a star."""
    twin = spec.twin
    table = Table(title=f"run {spec.key}, twin {twin.key}", caption="* differs from the default", title_justify="left")
    table.add_column("part")
    table.add_column("settings")
    for family in ("data", "arch", "init", "subset", "solver", "seeds"):
        part = getattr(spec, family)
        table.add_row(part.title(), Text(_settings(part)))
    table.add_row("precision", f"{spec.precision}{'' if spec.precision == 'float32' else ' *'}")
    table.add_row(f"twin={twin.solver.part}", Text(_settings(twin.solver)) if twin is not spec else "this run is its own twin")
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


def tensor_sheet(lines: list[Line], width: int) -> Table:
    """One line per tensor: what of it trains, and when, where some begin later. Names too long for ``width`` are folded."""
    later = any(line.begins > 0 for line in lines)
    headers = ["layer", "tensor", "shape", "role", "trains", *(["begins"] if later else [])]
    rows = [
        ["" if line.layer is None else str(line.layer), line.name, "x".join(map(str, line.shape)), line.role, line.trains]
        + ([f"{line.begins:.3g}" if line.trains != "-" else "-"] if later else [])
        for line in lines
    ]
    wide = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    wide[1], wide[4] = 0, min(wide[4], 24)  # what trains may stand on two lines
    room = max(24, width - sum(wide) - 2 * (len(headers) - 1))
    table = Table(
        title="tensors", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False
    )
    for name in headers:
        table.add_column(name, justify="right" if name in ("layer", "begins") else "left", no_wrap=name != "trains")
    for row in rows:
        table.add_row(*map(Text, [row[0], _folded(row[1], room), *row[2:]]))
    return table


def _folded(name: str, width: int) -> str:
    """A tensor's name on lines of at most this width, cut behind its dots where that can be."""
    if len(name) <= width:
        return name
    return "\n".join(line.replace(". ", ".") for line in textwrap.wrap(name.replace(".", ". "), width))
