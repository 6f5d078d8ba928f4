"""A difference on the terminal, in a document, or as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
from rich.console import Console

from randfeat.report.diff import Difference, Line
from randfeat.report.formats import DiffFormat
from randfeat.report.frame import text
from randfeat.report.human import amount, header, spread
from randfeat.report.render import markdown, out, show

_LEGEND = "* zero lies outside the 95 % interval."


def write_diff(found: Difference, format: DiffFormat, console: Console) -> None:
    """Print a difference; what is the same on both sides is not shown."""
    if format is DiffFormat.JSON:
        out(as_json(found), console)
    elif format is DiffFormat.MD:
        pieces = [piece if isinstance(piece, str) else markdown(piece).rstrip("\n") for piece in _pieces(found)]
        out("\n\n".join(pieces), console)
    else:
        for piece in _pieces(found):
            _print(piece, console)


def as_json(found: Difference) -> str:
    """The difference with unrounded numbers, null where there is none; settings are in words."""
    fields = {
        "a": found.a,
        "b": found.b,
        "same": found.same,
        "settings": [{"setting": name, "a": a, "b": b} for name, a, b in found.settings],
        "lines": [_plain(line) for line in found.lines],
        "notes": found.notes,
    }
    return json.dumps(fields, indent=2, allow_nan=False)


def _plain(line: Line) -> dict[str, Any]:
    numbers = {"a": line.a, "b": line.b, "difference": line.change.mean, "ci95": line.change.half_width}
    return {
        "group": {name: text(value) for name, value in line.group.items()},
        "metric": line.metric,
        **{name: None if math.isnan(value) else value for name, value in numbers.items()},
        "n": line.change.n,
        "excludes_zero": line.change.excludes_zero,
    }


def _print(piece: str | pd.DataFrame, console: Console) -> None:
    if isinstance(piece, str):
        console.print(piece, markup=False, highlight=False)
    else:
        show(piece, console, "--format json")
        console.print()


def _pieces(found: Difference) -> list[str | pd.DataFrame]:
    """Sentences and tables of words, in the order in which they are shown."""
    title = f"A = {found.a}, B = {found.b}"
    if found.same:
        return [title, "no differences", *found.notes]
    pieces: list[str | pd.DataFrame] = [title]
    if found.settings:
        pieces += ["settings that differ:", pd.DataFrame(found.settings, columns=["setting", "A", "B"])]
    pieces += _differences(found.lines)
    if any(line.change.excludes_zero for line in found.lines):
        pieces.append(_LEGEND)
    return [*pieces, *found.notes]


def _differences(lines: list[Line]) -> list[str | pd.DataFrame]:
    """One table of all metrics for a single group; for several groups a table for each metric."""
    if not any(line.group for line in lines):
        rows = [{"metric": header(line.metric)} | _words(line) for line in lines]
        return ["B - A:", pd.DataFrame(rows)] if rows else []
    pieces: list[str | pd.DataFrame] = []
    for metric in dict.fromkeys(line.metric for line in lines):
        groups = [
            {name: text(value) for name, value in line.group.items()} | _words(line) for line in lines if line.metric == metric
        ]
        pieces += [f"{header(metric)}:", pd.DataFrame(groups)]
    return pieces


def _words(line: Line) -> dict[str, str]:
    return {
        "A": amount(line.metric, line.a),
        "B": amount(line.metric, line.b),
        "B - A ± 95 %": spread(line.metric, line.change, signed=True),
        "n": str(line.change.n),
        "*": "*" if line.change.excludes_zero else "",
    }
