"""Cells of a study's table: means by hand, failed runs counted and left out, the words kept."""

import math

import pandas as pd
import pytest

from randfeat.study import cells

ROWS = pd.DataFrame(
    {
        "arm": ["a"] * 6,
        "status": ["ok", "ok", "ok", "ok", "ok", "non_finite"],
        "init": ["he", "he", "he", "uniform", "uniform", "uniform"],
        "arch.depth": [2.0, 2.0, 2.0, math.nan, math.nan, math.nan],
        "test/accuracy": [90.0, 92.0, 94.0, 50.0, 54.0, math.nan],
        "trained_params": [10, 10, 10, 20, 20, 20],
        "words": ["init=he"] * 3 + ["init=uniform"] * 3,
    }
)
BY, MEANS, FACTS = {"init": "law", "arch.depth": "depth"}, {"test/accuracy": "test %"}, {"trained_params": "trained"}


def test_a_line_per_cell_with_the_numbers_by_hand():
    table = cells(ROWS, BY, MEANS, FACTS, lambda row: 91.5 if row["init"] == "he" else None)
    assert list(table) == ["law", "depth", "test %", "test % ci95", "trained", "published", "failed", "n", "words"]
    he, uniform = table.to_dict("records")
    assert (he["law"], he["depth"], he["n"], he["failed"], he["published"]) == ("he", 2, 3, 0, 91.5)
    assert (he["test %"], he["test % ci95"]) == (pytest.approx(92.0), pytest.approx(4.302652729749464 * 2 / math.sqrt(3)))
    assert (uniform["test %"], uniform["n"], uniform["failed"], uniform["words"]) == (52.0, 2, 1, "init=uniform")
    assert math.isnan(uniform["published"])


def test_columns_that_say_nothing_are_left_out():
    table = cells(
        ROWS[ROWS["init"] == "he"], BY | {"nothing": "nothing"}, MEANS | {"val/accuracy": "val %"}, FACTS, lambda row: None
    )
    assert list(table) == ["law", "depth", "test %", "test % ci95", "val %", "val % ci95", "trained", "n", "words"]
    assert math.isnan(table["val %"].iloc[0])
    assert cells(ROWS.iloc[:0], BY, MEANS).empty
