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
