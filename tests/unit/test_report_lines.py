"""Figures of a summary: what is drawn is what the table says."""

import numpy as np
import pandas as pd
import pytest

from randfeat.report.lines import Axes, lines

TABLE = pd.DataFrame(
    {
        "layer": [2, 1, 1, 2],
        "law": ["he", "he", "uniform", "uniform"],
        "net": ["relu", "relu", "relu", "tanh"],
        "growth": [1.5, 1.2, 1.1, 1.4],
        "growth ci95": [0.1, 0.2, 0.3, 0.05],
        "exact": [1.6, 1.3, 1.3, 1.6],
        "n": [5, 5, 5, 7],
    }
)


def drawn(ax):
    return {bars.get_label(): np.array(bars.lines[0].get_xydata()).tolist() for bars in ax.containers}


def test_a_panel_and_a_line_for_every_value_in_order_of_x():
    picture = lines(TABLE, Axes("layer", "growth", line="law", panel="net"))
    relu, tanh = picture.axes
    assert (relu.get_title(), tanh.get_title()) == ("relu", "tanh")
    assert drawn(relu) == {"he": [[1, 1.2], [2, 1.5]], "uniform": [[1, 1.1]]}
    assert drawn(tanh) == {"uniform": [[2, 1.4]]}
    colours = [ax.containers[-1].lines[0].get_color() for ax in (relu, tanh)]
    assert colours[0] == colours[1] != relu.containers[0].lines[0].get_color()
    assert "n = 5 to 7 seeds" in picture.get_suptitle()


def test_bars_are_the_intervals_and_the_law_is_beside_them():
    (ax,) = lines(TABLE[TABLE["law"] == "he"], Axes("layer", "growth", law="exact", log=True)).axes
    (bars,) = ax.containers
    ends = np.array(bars.lines[2][0].get_segments())
    assert ends == pytest.approx(np.array([[[1, 1.0], [1, 1.4]], [[2, 1.4], [2, 1.6]]]))
    law = next(line for line in ax.lines if line.get_label() == "exact")
    assert np.array(law.get_xydata()).tolist() == [[1, 1.3], [2, 1.6]]
    assert ax.get_yscale() == "log"


def test_the_papers_numbers_are_hollow_beside_ours():
    table = TABLE.assign(paper=[None, 1.0, 1.05, None])
    (ax,) = lines(table, Axes("layer", "growth", line="law", published="paper", papers=["uniform"], joined=False)).axes
    hollow = [line for line in ax.lines if line.get_markersize() == 7]
    points = [[tuple(map(float, xy)) for xy in line.get_xydata() if np.isfinite(xy[1])] for line in hollow]
    assert points == [[(1.0, 1.0)], [(1.0, 1.05)]]
    assert {line.get_markerfacecolor() for line in hollow} == {"none"}
    fills = {bars.get_label(): bars.lines[0].get_markerfacecolor() for bars in ax.containers}
    assert (fills["uniform"] == "white", fills["he"] == "white") == (True, False)
    assert "published" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_both_axes_have_intervals_and_a_row_without_x_has_no_point():
    table = TABLE.assign(**{"layer ci95": [0.5, 0.25, 0.1, 0.2]})
    table.loc[3, "layer"] = np.nan
    picture = lines(
        table, Axes("layer", "growth", equal=True, joined=False, logx=True, xlabel="depth, layers", ylabel="growth, times")
    )
    (ax,) = picture.axes
    (bars,) = ax.containers
    across = next(lines for lines in bars.lines[2] if np.ptp(lines.get_segments()[0][:, 0]) > 0)
    ends = sorted(tuple(segment[:, 0]) for segment in across.get_segments())
    assert ends == [(0.75, 1.25), (0.9, 1.1), (1.5, 2.5)]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("depth, layers", "growth, times", "log")
    diagonal = next(line for line in ax.lines if line.get_linestyle() == ":")
    assert diagonal.get_xdata().tolist() == diagonal.get_ydata().tolist()


def test_ticks_of_less_than_a_decade_are_plain_on_either_axis():
    (ax,) = lines(TABLE[TABLE["law"] == "he"], Axes("layer", "growth", log=True, logx=True)).axes
    for scale in (ax.xaxis, ax.yaxis):
        assert [scale.get_minor_formatter()(tick) for tick in (1.2, 20.0)] == ["1.2", "20"]
    wide = TABLE[TABLE["law"] == "he"].assign(layer=[1.0, 1000.0])
    (ax,) = lines(wide, Axes("layer", "growth", log=True, logx=True)).axes
    assert ax.xaxis.get_major_formatter()(100.0) == "100"
