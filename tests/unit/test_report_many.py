"""Tables and differences of many groups at once are, to the last digit, those of one group after another."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rich.console import Console

from randfeat.record import Record, Status
from randfeat.report.frame import frame, setting_columns, varying
from randfeat.report.pairs import pair
from randfeat.report.render import _table, _widest, _width, show
from randfeat.report.statistics import interval, intervals
from randfeat.report.tables import averaged, default_rows, summarise
from tests.making import a_record, a_spec
from tests.reference import slow_tables as slow

NUMBERS = st.floats(-1e3, 1e3) | st.just(math.nan)
SOLVERS = [{"part": "ridge", "penalty": 1.0}, {"part": "ridge", "penalty": [0.1, 1.0]}, {"part": "logistic", "penalty": 1}]


@st.composite
def some_records(draw: st.DrawFn, init: str = "he") -> list[Record]:
    """Runs and twins of two networks and three solvers, some failed, some missing, some without a score."""
    records = {}
    for _ in range(draw(st.integers(1, 14))):
        arch, subset = draw(st.sampled_from(["vgg", "mlp"])), draw(st.sampled_from(["last", "all"]))
        solver = {"solver": draw(st.sampled_from(SOLVERS))} if subset == "last" else {}
        spec = a_spec(
            arch, subset, draw(st.integers(0, 4)), init={"part": init, "gain": draw(st.sampled_from([1.0, 2]))}, **solver
        )
        status = draw(st.sampled_from([Status.OK, Status.OK, Status.OK, Status.SINGULAR]))
        metrics = {"test/accuracy": draw(st.floats(0, 1) | st.just(math.nan))} if status is Status.OK else {}
        record = a_record(spec, status=status, metrics=metrics)
        records[record.key] = record
    return list(records.values())


@given(st.lists(st.tuples(st.integers(0, 6), NUMBERS), max_size=40))
def test_the_intervals_of_groups_are_those_of_each(pairs: list[tuple[int, float]]) -> None:
    groups, values = np.array([g for g, _ in pairs], dtype=np.int64), np.array([x for _, x in pairs], dtype=float)
    found = intervals(values, groups, 7).apart()
    one_by_one = [interval([x for g, x in pairs if g == group]) for group in range(7)]
    assert repr(found) == repr(one_by_one)  # nan is not equal to itself


@pytest.mark.parametrize("n", [7, 8, 9, 127, 128, 129, 1000])
def test_sums_of_any_length_are_added_up_in_the_same_order(n: int) -> None:
    draws = np.random.default_rng(n)
    values = draws.standard_normal((3, n)) * 10 ** draws.uniform(-3, 3, (3, n))
    found = intervals(values.T.ravel(), np.tile(np.arange(3), n), 3).apart()
    assert found == [interval(row) for row in values]


@settings(max_examples=30)
@given(some_records(), st.sampled_from([[], ["arch"], ["arch", "subset"], ["solver.penalty", "init.gain"]]), st.booleans())
def test_a_table_is_that_of_one_group_after_another(records: list[Record], rows: list[str], chosen: bool) -> None:
    runs = frame(records)
    rows = [name for name in rows if name in runs]
    where = [f"arch={runs['arch'][0]}"] if chosen else []
    assume((runs["status"] == "ok").any())
    expected = pd.DataFrame(slow.summarise(runs, rows, "test/accuracy", where))
    found = summarise(runs, rows, where=where)
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)
    part = runs[runs["arch"] == runs["arch"][0]] if chosen else runs
    assert varying(part) == slow.varying(part)
    assert averaged(runs, rows, where) == slow.averaged(part, rows)


@settings(max_examples=30)
@given(some_records())
def test_what_differs_where_a_column_agrees_is_what_differs_in_one_of_its_groups(records: list[Record]) -> None:
    runs = frame(records)
    expected = {name for _, group in slow.groups(runs, ["subset"]) for name in slow.varying(group)}
    assert default_rows(runs, "subset") == [name for name in setting_columns(runs) if name in (expected or {"arch"})]


@settings(max_examples=30)
@given(some_records(), some_records("orthogonal"), st.booleans())
def test_pairs_are_those_of_tuples_of_words(a: list[Record], b: list[Record], doubled: bool) -> None:
    first, second = frame([*a, *a[:1]] if doubled else a), frame(b)  # of rows that say the same the last counts
    found = pair(first, second)
    settings, places = slow.pairs(first, second)
    assert found.settings == settings
    assert found.a["key"].tolist() == [first["key"][k] for k, _ in places]
    assert found.b["key"].tolist() == [second["key"][k] for _, k in places]
    assert (found.lone_a, found.lone_b) == (len(first) - len(places), len(second) - len(places))


# --- on a terminal ----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(*[st.text("ab 層", max_size=30)] * 3), min_size=1, max_size=8), st.booleans())
def test_a_few_lines_take_the_room_of_all(cells: list[tuple[str, str, str]], broken: bool) -> None:
    words, console = pd.DataFrame(cells, columns=["arch", "test accuracy %", "n"]), Console(width=80)
    assert _width(_table(_widest(words), broken), console) == _width(_table(words, broken), console)


def test_of_very_many_lines_the_first_are_shown_and_the_rest_are_counted() -> None:
    words = pd.DataFrame({"arch": [f"net{k}" for k in range(1234)], "n": "3"})
    page = io.StringIO()
    show(words, Console(file=page, width=80), "--format csv")
    lines = page.getvalue().splitlines()
    assert (lines[2].split(), lines[-2].split()) == (["net0", "3"], ["net499", "3"])
    assert lines[-1] == "the first 500 of 1,234 lines. All of them: --format csv"
    page.truncate(0)
    show(words, Console(file=page, width=80))
    assert "net1233" in page.getvalue()
