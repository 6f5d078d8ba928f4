"""Figures of probes: a measure against depth, and curves such as spectra. A DataFrame in, a figure out."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from randfeat.errors import ResultsError
from randfeat.probe.catalogue import Measure
from randfeat.report.statistics import CONFIDENCE, interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACROSS = 3
"""Panels side by side."""
_APART = 4
"""Curves in one panel up to which each has its colour, its interval and its name; of more the colour is the depth."""


def drawable(numbers: pd.DataFrame, measure: Measure) -> bool:
    """Whether any point can be drawn: finite in every seed, and positive where the axis is logarithmic."""
    good = np.isfinite(numbers["value"]) & ((numbers["value"] > 0) | (not measure.factor))
    points = good.groupby([numbers["network"], numbers["unit"], numbers["at"] if measure.curve else numbers["place"]])
    return bool(points.all().any())


def figure(numbers: pd.DataFrame, measure: Measure) -> Figure:
    """The readings of one measure (see :func:`randfeat.report.probes.readings`) as :func:`curves` or :func:`against_depth`."""
    numbers = numbers.assign(value=numbers["value"].where(np.isfinite(numbers["value"])))
    return curves(numbers, measure) if measure.curve else against_depth(numbers, measure)


def save(picture: Figure, path: Path) -> None:
    """Write a figure as PNG.

    Raises:
        ResultsError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.savefig(path, dpi=120, bbox_inches="tight")
    except OSError as error:
        raise ResultsError(f"{path} cannot be written: {error.strerror}.") from error


def against_depth(numbers: pd.DataFrame, measure: Measure) -> Figure:
    """Value against depth, a line with its band for every network, on a logarithmic axis where layers multiply.

    Units that stand in no order, as kernels do, have points with error bars instead.

    On a logarithmic axis the mean is the geometric one and the interval that of the logarithm; where a value is not
    positive there is no point. Networks with the same units share an axis of units; others are aligned by the share of
    their depth.
    """
    from matplotlib.figure import Figure

    picture = Figure(figsize=(8, 4.5))
    ax = picture.subplots()
    alike, in_order = numbers["units"].nunique() == 1, bool(numbers["depth"].notna().any())
    networks = list(dict.fromkeys(numbers["network"]))
    lines = {name: _line(numbers[numbers["network"] == name], "place", measure.factor) for name in networks}
    for k, (name, line) in enumerate(lines.items()):
        colour, marker = _colour(k, len(lines)), "osD^v<>pP*X"[k % 11]
        if in_order:
            _draw(ax, line if alike else line.assign(x=line["x"] / line["x"].max()), colour, name, marker)
        else:
            ends = [line["mean"] - line["low"], line["high"] - line["mean"]]
            x = line["x"] + (k + 1) / (len(lines) + 1) - 0.5
            ax.errorbar(x, line["mean"], ends, color=colour, label=name or None, fmt=marker, markersize=4, capsize=3)
    if measure.factor:
        ax.set_yscale("log")
    if alike:
        units = numbers.drop_duplicates("unit").sort_values("place")
        ax.set_xticks(units["place"], units["unit"], rotation=60, ha="right", fontsize=8)
    where = "unit, from the input to the scores" if in_order else "filters"
    ax.set_xlabel(where if alike else "depth, as a share of the units")
    ax.set_ylabel(textwrap.fill(measure.words, 45, break_on_hyphens=False))
    ax.set_title(f"{measure.name}: {_statistic(numbers, measure.factor)}")
    ax.grid(alpha=0.3)
    if networks != [""]:
        ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    return picture


def curves(numbers: pd.DataFrame, measure: Measure) -> Figure:
    """Value against what the measure is a curve of, a panel for every network and a line for every unit.

    For means on a logarithmic axis see :func:`against_depth`.
    """
    from matplotlib.figure import Figure

    networks = list(dict.fromkeys(numbers["network"]))
    apart = numbers.groupby("network")["unit"].nunique().max() <= _APART
    across = min(_ACROSS, len(networks))
    down = math.ceil(len(networks) / across)
    picture = Figure(figsize=(4 * across + 1.5, 3.2 * down + 0.8), layout="constrained")
    panels = picture.subplots(down, across, squeeze=False, sharex=True, sharey=True).flatten()
    for ax, name in zip(panels, networks, strict=False):
        own = numbers[numbers["network"] == name]
        units = own.drop_duplicates("unit").sort_values("place")["unit"]
        lines = {unit: _line(own[own["unit"] == unit], "at", measure.factor) for unit in units}
        for k, (unit, line) in enumerate(lines.items()):
            _draw(ax, line, _colour(k, len(lines), apart), unit, "." if apart else "", band=apart)
        if measure.factor:
            ax.set_yscale("log")
        if apart:
            ax.legend(fontsize=8)
        ax.set_title(name, fontsize=9)
        ax.grid(alpha=0.3)
    for ax in panels[len(networks) :]:
        ax.set_axis_off()
    alike = numbers["units"].nunique() == 1
    picture.supxlabel(measure.curve)
    picture.supylabel(measure.words)
    picture.suptitle(f"{measure.name}: {_statistic(numbers, measure.factor, apart)}")
    if not apart:
        _colour_bar(picture, panels, list(lines) if alike else ["input", *[""] * 7, "scores"])
    return picture


def _line(rows: pd.DataFrame, along: str, logarithmic: bool) -> pd.DataFrame:
    """``x`` in its order, ``mean``, and the ends ``low`` and ``high`` of the interval."""
    groups = rows.groupby(along)["value"]
    values = [own.to_numpy(dtype=float) for _, own in groups]
    if logarithmic:
        values = [np.log10(own) if (own > 0).all() else np.array([]) for own in values]
    summaries = [interval(own) for own in values]
    mean, half = (np.array([getattr(each, name) for each in summaries]) for name in ("mean", "half_width"))
    ends = {"mean": mean, "low": mean - half, "high": mean + half}
    x = {"x": np.array(list(groups.groups), dtype=float)}
    return pd.DataFrame(x | {name: 10**end if logarithmic else end for name, end in ends.items()})


def _draw(ax: Axes, line: pd.DataFrame, colour: Any, name: str, marker: str, band: bool = True) -> None:
    ax.plot(line["x"], line["mean"], color=colour, label=name or None, marker=marker, markersize=4, linewidth=1.3)
    if band:
        ax.fill_between(line["x"], line["low"], line["high"], color=colour, alpha=0.2, linewidth=0)


def _colour(k: int, n: int, apart: bool = True) -> Any:
    from matplotlib import colormaps

    return colormaps["tab10"](k) if apart and n <= 10 else colormaps["viridis"](0.92 * k / max(1, n - 1))


def _colour_bar(picture: Figure, panels: Any, units: list[str]) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap

    colours = ListedColormap([_colour(k, len(units), apart=False) for k in range(len(units))])
    bar = picture.colorbar(
        ScalarMappable(cmap=colours), ax=list(panels), ticks=[(k + 0.5) / len(units) for k in range(len(units))]
    )
    bar.ax.set_yticklabels(units, fontsize=7)
    bar.ax.invert_yaxis()


def _statistic(numbers: pd.DataFrame, logarithmic: bool, band: bool = True) -> str:
    """``mean and 95 % interval, n = 5 seeds``; the range of n where networks have different numbers of repetitions."""
    counts = numbers.groupby("network")["record"].nunique()
    low, high = counts.min(), counts.max()
    n = f"n = {low} seed{'' if low == 1 else 's'}" if low == high else f"n = {low} to {high} seeds"
    mean = f"{'geometric ' if logarithmic else ''}mean{f' and {100 * CONFIDENCE:.0f} % interval' if band else ''}"
    return n if high == 1 else f"{mean}, {n}"
