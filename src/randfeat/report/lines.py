"""A figure of a summary: one column against another, a line for every value of a third, a panel for every value of a fourth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from randfeat.report.statistics import CONFIDENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axis
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Axes:
    """Which columns of a table a figure shows.

    Attributes:
        x: along the horizontal axis.
        y: along the vertical one; ``<y> ci95``, where the table has it, is its interval, and ``n`` how many seeds.
        line: a line, with a name in the legend, for each of its values; one for all where it is empty.
        panel: a panel for each of its values; one for all where it is empty.
        law: what theory expects of y, drawn dashed; nothing where it is empty.
        log: whether y is on a logarithmic axis.
        joined: whether the points of a line are joined.
    """

    x: str
    y: str
    line: str = ""
    panel: str = ""
    law: str = ""
    log: bool = False
    joined: bool = True


def lines(table: pd.DataFrame, axes: Axes) -> Figure:
    """Points with their 95 % intervals; a row whose y is missing has none."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    panels = _split(table, axes.panel)
    picture = Figure(figsize=(4.2 * len(panels) + (1.5 if axes.line else 1), 4.2), layout="constrained")
    names = list(_split(table, axes.line))
    for ax, (title, rows) in zip(picture.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels.items(), strict=True):
        for name, own in _split(rows, axes.line).items():
            k = names.index(name)
            line = own.sort_values(axes.x)
            half = line.get(f"{axes.y} ci95")
            style = {"color": colormaps["tab10"](k % 10), "marker": "osD^v<>pP*"[k % 10], "markersize": 4, "capsize": 2}
            drawn = "-" if axes.joined else ""
            ax.errorbar(line[axes.x], line[axes.y], half, label=name or None, linestyle=drawn, linewidth=1.2, **style)
        if axes.law:
            law = rows.sort_values(axes.x)
            ax.plot(law[axes.x], law[axes.law], "k--", linewidth=1, label=axes.law, zorder=0)
        if axes.log:
            ax.set_yscale("log")
            _plain(ax)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel(axes.x)
        ax.grid(alpha=0.3)
    picture.axes[0].set_ylabel(axes.y)
    if axes.line or axes.law:
        picture.axes[-1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    if "n" in table:
        n = sorted(set(table["n"]))
        seeds = f"n = {n[0]:,}" if len(n) == 1 else f"n = {n[0]:,} to {n[-1]:,}"
        picture.suptitle(f"mean and {100 * CONFIDENCE:.0f} % interval, {seeds} seeds", fontsize=10)
    return picture


def _plain(ax: Axis) -> None:
    """Ticks such as 1.4 in place of 1.4 x 10^0 on a logarithmic axis of less than a decade."""
    low, high = ax.get_ylim()
    if high < 10 * low:
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}")


def _split(table: pd.DataFrame, column: str) -> dict[str, pd.DataFrame]:
    """The rows by their value in a column, in order of appearance."""
    if not column:
        return {"": table}
    return {str(value): rows for value, rows in table.groupby(column, sort=False)}
