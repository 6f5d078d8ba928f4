"""The tables of ``randfeat show``: a spec with its non-defaults marked, a network by units and by tensors."""

from __future__ import annotations

import dataclasses
import itertools
import re
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


MANY = 12
"""So many units alike in a row, or more, stand on one line."""


def unit_sheet(units: list[Unit], shape: tuple[int, ...]) -> Table:
    """One line per unit, the total last. Of many units alike in a row one line, with the numbers of all of them together."""
    counts = "FLOPs of one input, a multiply-add counts as two; MiB of weights and output in float32"
    table = Table(title=f"input {'x'.join(map(str, shape))}", caption=counts, title_justify="left", show_footer=True)
    for name, footer in zip(("unit", "output", "parameters", "train", "MFLOPs", "MiB"), _row("total", "", units), strict=True):
        table.add_column(name, footer=footer, justify="left" if name in ("unit", "output") else "right")
    for _, group in itertools.groupby(units, _kind):
        alike = list(group)
        for line in [alike] if len(alike) >= MANY else [[unit] for unit in alike]:
            first, last = line[0], line[-1]
            name = first.name if first is last else f"{first.name} to {last.name}, {len(line):,} alike"
            table.add_row(*_row(name, "x".join(map(str, first.shape)), line))
    return table


def _kind(unit: Unit) -> tuple[object, ...]:
    """What neighbours have in common that stand on one line."""
    return re.sub(r"\d+$", "", unit.name), unit.shape, unit.params, unit.trained, unit.flops


def _row(name: str, output: str, units: list[Unit]) -> list[str]:
    params, trained, flops, mib = (sum(getattr(unit, of) for unit in units) for of in ("params", "trained", "flops", "mib"))
    return [name, output, f"{params:,}", f"{trained:,}", f"{flops / 1e6:,.2f}", f"{mib:,.2f}"]


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
