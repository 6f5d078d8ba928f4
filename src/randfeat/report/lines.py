"""Figures of a table: one column against another, a line for every value of a third, a panel for every value of a fourth."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING

import pandas as pd

from randfeat.errors import ConfigError
from randfeat.report.statistics import CONFIDENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axis
    from matplotlib.axis import Axis as Axle
    from matplotlib.figure import Figure


PLAIN = r"[A-Za-z0-9_-]+"
"""What the name of a figure's or a table's file is made of."""

HOLLOW = 7.0
"""Size of a published point, larger than one of ours."""


@dataclass(frozen=True)
class Axes:
    """Which columns of a table a figure shows.

    Attributes:
        x: along the horizontal axis; ``<x> ci95``, where the table has it, is its interval.
        y: along the vertical one, likewise; ``n`` says how many seeds.
        line: a line, with a name in the legend, for each of its values; one for all where it is empty.
        panel: a panel for each of its values; one for all where it is empty.
        law: what theory expects of y, drawn dashed; nothing where it is empty.
        published: the paper's y, drawn hollow; nothing where it is empty.
        papers: values of ``line`` that are the paper's points, drawn hollow.
        log: whether y is on a logarithmic axis.
        logx: whether x is.
        joined: whether the points of a line are joined.
        equal: x and y are alike: the diagonal is drawn.
        xlabel: what stands at the axis, with its unit; the column's name where it is empty.
        ylabel: likewise.
        table: the file name of the study's table that is drawn.
        file: the file name of the figure.
    """

    x: str
    y: str
    line: str = ""
    panel: str = ""
    law: str = ""
    published: str = ""
    papers: list[str] = field(default_factory=list)
    log: bool = False
    logx: bool = False
    joined: bool = True
    equal: bool = False
    xlabel: str = ""
    ylabel: str = ""
    table: str = "summary"
    file: str = "figure"

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "papers":
                good = isinstance(value, list) and all(isinstance(name, str) for name in value)
            else:
                good = isinstance(value, type(each.default) if each.default is not MISSING else str)
            if not good or (each.name in ("x", "y") and not value):
                raise ConfigError(f"{each.name} of a figure cannot be {value!r}.")
        if not re.fullmatch(PLAIN, self.file):
            raise ConfigError(f"file of a figure is a plain name such as by_depth, got {self.file!r}.")


def lines(table: pd.DataFrame, axes: Axes) -> Figure:
    """Points with their 95 % intervals; a row whose x or y is missing has none."""
    from matplotlib.figure import Figure

    table = table.dropna(subset=[axes.x])
    panels = _split(table, axes.panel)
    picture = Figure(figsize=(4.2 * len(panels) + (1.9 if axes.line else 1), 4.2), layout="constrained")
    names = list(_split(table, axes.line))
    for ax, (title, rows) in zip(picture.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels.items(), strict=True):
        for name, own in _split(rows, axes.line).items():
            _points(ax, own.sort_values(axes.x), axes, name, names.index(name))
        if axes.law:
            law = rows.sort_values(axes.x)
            ax.plot(law[axes.x], law[axes.law], "k--", linewidth=1, label=axes.law, zorder=0)
        _frame(ax, axes)
        ax.set_title(title, fontsize=10)
    picture.axes[0].set_ylabel(axes.ylabel or axes.y)
    if axes.line or axes.law or axes.published:
        _legend(picture, axes)
    if "n" in table and len(n := sorted(set(table["n"].dropna().astype(int)))):
        seeds = f"n = {n[0]:,}" if len(n) == 1 else f"n = {n[0]:,} to {n[-1]:,}"
        picture.suptitle(f"mean and {100 * CONFIDENCE:.0f} % interval, {seeds} seeds", fontsize=10)
    return picture


def _points(ax: Axis, line: pd.DataFrame, axes: Axes, name: str, k: int) -> None:
    from matplotlib import colormaps

    colour, marker = colormaps["tab10"](k % 10), "osD^v<>pP*"[k % 10]
    fill = "white" if name in axes.papers else colour
    drawn = "-" if axes.joined and name not in axes.papers else ""
    ax.errorbar(
        line[axes.x],
        line[axes.y],
        yerr=line.get(f"{axes.y} ci95"),
        xerr=line.get(f"{axes.x} ci95"),
        label=name or ("here" if axes.law else None),
        linestyle=drawn,
        color=colour,
        marker=marker,
        markersize=4,
        markerfacecolor=fill,
        capsize=2,
        linewidth=1.2,
    )
    if axes.published and axes.published in line and line[axes.published].notna().any():
        theirs = pd.to_numeric(line[axes.published], errors="coerce")
        ax.plot(line[axes.x], theirs, color=colour, marker=marker, markersize=HOLLOW, markerfacecolor="none", linestyle="")


def _frame(ax: Axis, axes: Axes) -> None:
    """Scales, labels, and the diagonal."""
    if axes.log:
        ax.set_yscale("log")
        _plain(ax.yaxis)
    if axes.logx:
        ax.set_xscale("log")
        _plain(ax.xaxis)
    if axes.equal:
        ends = [max(ax.get_xlim()[0], ax.get_ylim()[0]), min(ax.get_xlim()[1], ax.get_ylim()[1])]
        ax.plot(ends, ends, color="grey", linewidth=0.8, linestyle=":", zorder=0)
    ax.set_xlabel(axes.xlabel or axes.x)
    ax.grid(alpha=0.3)


def _legend(picture: Figure, axes: Axes) -> None:
    """Each name once, beside the last panel; hollow points are explained."""
    from matplotlib.lines import Line2D

    found = {label: handle for ax in picture.axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    if axes.published and any(line.get_markersize() == HOLLOW for ax in picture.axes for line in ax.lines):
        found["published"] = Line2D([], [], color="grey", marker="o", markersize=HOLLOW, markerfacecolor="none", linestyle="")
    picture.axes[-1].legend(
        found.values(), found.keys(), fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), title=axes.line
    )


def _plain(axis: Axle) -> None:
    """Ticks such as 1.4 and 200 in place of powers of ten on a logarithmic axis; of one to two decades at 1, 2 and 5."""
    from matplotlib.ticker import LogLocator

    low, high = sorted(axis.get_view_interval())
    axis.set_major_formatter("{x:g}")
    if 10 * low <= high < 100 * low:
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
    if high < 100 * low:
        axis.set_minor_formatter("{x:g}")


def _split(table: pd.DataFrame, column: str) -> dict[str, pd.DataFrame]:
    """The rows by their value in a column, in order of appearance."""
    if not column:
        return {"": table}
    return {str(value): rows for value, rows in table.groupby(column, sort=False)}
