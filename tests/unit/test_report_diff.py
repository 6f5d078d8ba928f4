"""Differences: what is paired with what, and every number known beforehand."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from randfeat.errors import ConfigError, ResultsError
from randfeat.record import Record, Status
from randfeat.report.diff import Difference, Line, diff
from randfeat.report.diff_render import as_json, write_diff
from randfeat.report.formats import DiffFormat, Format
from randfeat.report.frame import frame
from randfeat.report.render import write
from randfeat.report.sides import Side, side
from randfeat.report.statistics import Summary
from randfeat.report.tables import summarise
from randfeat.store import Store
from tests.making import a_record, a_spec, with_twins

ORTHOGONAL = {"part": "orthogonal", "gain": 1.0}
GOLDEN = Path(__file__).parents[1] / "golden"


def runs(records: list[Record], name: str = "runs") -> Side:
    return Side(name, frame(records))


def last(accuracies: list[float], first_seed: int = 0, **settings: Any) -> list[Record]:
    """A closed-form run for each seed."""
    return [a_record(a_spec(seed=first_seed + i, **settings), value) for i, value in enumerate(accuracies)]


def line(found: Difference, metric: str = "test/accuracy", **group: str) -> Line:
    (match,) = [line for line in found.lines if line.metric == metric and line.group == group]
    return match


def shown(found: Difference, format: DiffFormat = DiffFormat.RICH) -> str:
    page = io.StringIO()
    write_diff(found, format, Console(file=page, width=80, force_terminal=False))
    return page.getvalue()


def test_settings_that_differ_and_the_paired_difference() -> None:
    found = diff(runs(last([0.90, 0.92, 0.94])), runs(last([0.91, 0.94, 0.96], init=ORTHOGONAL)))
    assert found.settings == [("init", "he", "orthogonal")]
    change = line(found).change
    low, high = scipy.stats.t.interval(0.95, 2, scale=scipy.stats.sem([0.01, 0.02, 0.02]))
    assert (line(found).a, line(found).b) == (pytest.approx(0.92), pytest.approx(0.9366666667))
    assert change.mean == pytest.approx(0.05 / 3)
    assert change.half_width == pytest.approx((high - low) / 2)
    assert change.n == 3
    assert change.excludes_zero
    assert [line.metric for line in found.lines] == ["test/accuracy", "test/loss", "fit_s", "peak_mib"]
    assert found.notes == []


def test_pairs_share_their_seeds_and_rows_without_a_counterpart_are_said() -> None:
    found = diff(runs(last([0.1, 0.2, 0.3])), runs(last([0.5, 0.7], first_seed=1, init=ORTHOGONAL)))
    assert line(found).change.mean == pytest.approx(((0.5 - 0.2) + (0.7 - 0.3)) / 2)
    assert found.notes == ["rows without a counterpart were left out: 1 of 3 in A, 0 of 2 in B."]


def test_one_seed_on_each_side_is_a_setting_that_differs() -> None:
    found = diff(runs(last([0.5])), runs(last([0.75], first_seed=4)))
    assert found.settings == [("seeds.weights", "0", "4")]
    assert line(found).change.mean == 0.25
    assert line(found).change.n == 1
    assert math.isnan(line(found).change.half_width)
    assert not line(found).change.excludes_zero


def test_settings_of_a_part_that_only_one_side_has_are_shown_with_a_dash() -> None:
    found = diff(runs(last([0.5], arch="vgg")), runs(last([0.75], arch="mlp")))
    assert found.settings == [
        ("arch", "vgg", "mlp"),
        ("arch.depth", "11", "-"),
        ("arch.width", "64", "-"),
        ("arch.hidden", "-", "[64,64]"),
        ("arch.norm", "-", "true"),
    ]


def test_settings_that_vary_on_both_sides_make_groups() -> None:
    a = [*with_twins([0.90, 0.92], [0.97, 0.99]), *with_twins([0.80], [0.95], "mlp")]
    b = [
        *with_twins([0.91, 0.94], [0.97, 0.99], init=ORTHOGONAL),
        *with_twins([0.70], [0.96], "mlp", init=ORTHOGONAL),
    ]
    found = diff(runs(a), runs(b))
    assert found.settings == [("init", "he", "orthogonal")]
    vgg = line(found, arch="vgg", subset="last", solver="ridge").change
    assert (vgg.mean, vgg.n) == (pytest.approx(0.015), 2)
    assert line(found, arch="mlp", subset="last", solver="ridge").change.mean == pytest.approx(-0.1)
    assert line(found, arch="mlp", subset="all", solver="sgd").change.mean == pytest.approx(0.01)


def test_a_setting_of_the_closed_form_is_told_apart_beside_twins_that_lack_it() -> None:
    stiff = [
        record if record.key == record.twin else a_record(record.spec | {"solver": {"part": "ridge", "penalty": 10.0}})
        for record in with_twins([0.5], [0.75])
    ]
    found = diff(runs(with_twins([0.5], [0.75])), runs(stiff))
    assert found.settings == [("solver.penalty", "1", "10")]
    assert line(found, subset="last", solver="ridge").change.mean == pytest.approx(0.4)


def test_settings_of_rows_without_a_counterpart_are_no_difference() -> None:
    both = with_twins([0.5], [0.75])
    found = diff(runs(both[:1]), runs(both))
    assert found.settings == []
    assert found.notes == ["rows without a counterpart were left out: 0 of 1 in A, 1 of 2 in B."]
    assert not found.same


def test_failed_runs_are_left_out_and_counted() -> None:
    a, b = last([0.5, 0.6, 0.7]), last([0.5, 0.6, 0.9])
    b[1] = a_record(b[1].spec, status=Status.NON_FINITE, metrics={})
    found = diff(runs(a), runs(b))
    assert line(found).change.n == 2
    assert line(found).change.mean == pytest.approx(0.1)
    assert found.notes == ["failed runs were left out: 0 in A, 1 in B."]


def test_a_metric_that_one_side_lacks_is_said() -> None:
    a, b = last([0.5, 0.6]), last([0.5, 0.6])
    b[1] = a_record(b[1].spec, metrics={"test/accuracy": math.nan, "test/loss": 0.4})
    found = diff(runs(a), runs(b), ["test/accuracy"])
    assert found.notes == ["test/accuracy is missing on one side of 1 pairs, which were left out."]
    assert not found.same


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(0, 1) | st.just(math.nan), min_size=1, max_size=4),
    st.lists(st.floats(0, 1), max_size=4),
    st.sampled_from(Status),
)
def test_a_side_does_not_differ_from_itself(accuracies: list[float], twins: list[float], status: Status) -> None:
    records = [*with_twins(accuracies, twins), a_record(a_spec("mlp"), status=status)]
    found = diff(runs(records, "x"), runs(records, "x"))
    assert found.same
    assert found.settings == []
    assert not any(line.worse for line in found.lines)
    assert shown(found).splitlines()[:2] == ["A = x, B = x", "no differences"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_swapping_the_sides_turns_the_sign(first: list[float], second: list[float]) -> None:
    a, b = runs(last(first)), runs(last(second, init=ORTHOGONAL))
    there, back = line(diff(a, b)), line(diff(b, a))
    assert there.change.mean == -back.change.mean
    assert there.change.n == back.change.n == min(len(first), len(second))


# --- worse? -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "metrics", "worse"),
    [
        ([0.9], [0.8], ["test/accuracy"], True),
        ([0.8], [0.9], ["test/accuracy"], False),
        ([0.9], [0.9], ["test/accuracy"], False),
        ([0.9], [0.8], ["test/loss"], True),
        ([0.8], [0.9], ["test/loss"], False),
        ([0.90, 0.91, 0.92], [0.80, 0.81, 0.82], ["test/accuracy"], True),
        ([0.90, 0.91, 0.92], [0.89, 0.92, 0.90], ["test/accuracy"], False),  # lower on average, but not clearly
        ([0.90, 0.91, 0.92], [0.89, 0.92, 0.90], ["test/loss"], False),
    ],
)
def test_worse_means_clearly_worse(a: list[float], b: list[float], metrics: list[str], worse: bool) -> None:
    assert diff(runs(last(a)), runs(last(b)), metrics).worse(metrics) is worse


def test_a_run_that_fails_where_it_did_not_is_worse() -> None:
    a, b = last([0.5, 0.6]), last([0.5, 0.6])
    b[1] = a_record(b[1].spec, status=Status.SINGULAR, metrics={})
    assert diff(runs(a), runs(b)).worse()
    assert not diff(runs(b), runs(a)).worse()


def test_nothing_to_judge_is_an_error() -> None:
    with pytest.raises(ResultsError) as caught:
        diff(runs(last([0.5, 0.6]), "x"), runs(last([0.5, 0.6], first_seed=5), "y")).worse()
    assert str(caught.value) == "x and y have no pair with test/accuracy to judge."


# --- tables -----------------------------------------------------------------------------------------------------------


def a_table(records: list[Record], path: Path) -> Side:
    write(summarise(frame(records), rows=["arch", "subset"]), Format(path.suffix[1:]), path, Console())
    return side(str(path), Store(path.parent))


def test_two_tables_are_paired_by_their_settings_and_their_half_widths_add_in_squares(tmp_path: Path) -> None:
    a = a_table([*with_twins([0.90, 0.92, 0.94], []), *last([0.3], arch="mlp")], tmp_path / "a.csv")
    b = a_table([*with_twins([0.80, 0.84], []), *last([0.4], subset="first")], tmp_path / "b.parquet")
    found = diff(a, b)
    (vgg,) = [line for line in found.lines if line.metric == "test/accuracy"]
    assert vgg.group == {"subset": "last"} | vgg.group
    assert (vgg.a, vgg.b) == (pytest.approx(0.92), pytest.approx(0.82))
    half_widths = [scipy.stats.t.ppf(0.975, n - 1) * s / math.sqrt(n) for n, s in ((3, 0.02), (2, 0.04 / math.sqrt(2)))]
    assert vgg.change.mean == pytest.approx(-0.1)
    assert vgg.change.half_width == pytest.approx(math.hypot(*half_widths))
    assert vgg.change.n == 2
    assert found.notes == ["rows without a counterpart were left out: 1 of 2 in A, 1 of 2 in B."]


def test_a_table_does_not_differ_from_itself_in_another_format(tmp_path: Path) -> None:
    records = with_twins([0.90, 0.92], [0.97, 0.99])
    assert diff(a_table(records, tmp_path / "a.csv"), a_table(records, tmp_path / "a.parquet")).same


def test_a_table_and_runs_are_not_compared(tmp_path: Path) -> None:
    table = a_table(last([0.5]), tmp_path / "a.csv")
    with pytest.raises(ConfigError) as caught:
        diff(runs(last([0.5]), "results/x"), table)
    assert str(caught.value) == (
        f"{tmp_path / 'a.csv'} is a table and results/x holds runs. Compare two tables, or runs with runs."
    )


def test_a_pivot_is_no_table_to_compare(tmp_path: Path) -> None:
    write(summarise(frame(last([0.5])), cols="subset"), Format.CSV, tmp_path / "pivot.csv", Console())
    with pytest.raises(ResultsError) as caught:
        side(str(tmp_path / "pivot.csv"), Store(tmp_path))
    assert str(caught.value) == f"{tmp_path / 'pivot.csv'} is not a table that randfeat table wrote without --cols."


# --- metrics and sides ------------------------------------------------------------------------------------------------


def test_a_metric_that_the_sides_do_not_share_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no column 'test/acuracy'\. Did you mean 'test/accuracy'\?"):
        diff(runs(last([0.5])), runs(last([0.6])), ["test/acuracy"])
    a = [a_record(metrics={"train/accuracy": 1.0}, cost={})]
    b = [a_record(metrics={"val/accuracy": 1.0}, cost={})]
    with pytest.raises(ResultsError) as caught:
        diff(runs(a, "x"), runs(b, "y"))
    assert str(caught.value) == "x and y have no metric in common."


def test_a_key_stands_for_the_run_and_its_seed_mates(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for record in with_twins([0.90, 0.92], [0.97, 0.98]):
        store.append(record)
    run = store.records()[1]
    assert side(run.key[:8], store).table["test/accuracy"].tolist() == [0.90, 0.92]
    assert side(run.twin, store).table["test/accuracy"].tolist() == [0.97, 0.98]


def test_a_folder_and_a_file_stand_for_all_their_runs(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for record in last([0.1, 0.2]):
        store.append(record)
    store.file.write_text(store.file.read_text() + "torn")
    for word in (store.folder, store.file):
        found = side(str(word), Store(tmp_path))
        assert found.table["test/accuracy"].tolist() == [0.1, 0.2]
        assert found.problems == [f"{store.file}: line 3 is torn and was left out"]


def test_a_side_that_is_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResultsError) as caught:
        side("results/nowhere", Store(tmp_path))
    assert str(caught.value) == (
        "'results/nowhere' is no folder and no .jsonl, .csv or .parquet file that is there, and no key of a run either."
    )
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(ResultsError) as caught:
        side(str(tmp_path / "empty.jsonl"), Store(tmp_path))
    assert str(caught.value) == f"{tmp_path / 'empty.jsonl'} holds no records."


# --- words ------------------------------------------------------------------------------------------------------------


def several() -> Difference:
    vgg = with_twins([0.90, 0.92, 0.94], [0.97, 0.98, 0.99])
    orthogonal = with_twins([0.91, 0.94, 0.96], [0.97, 0.98, 0.99], init=ORTHOGONAL)
    a = [*vgg, *last([0.8, 0.7], arch="mlp")]
    b = [*orthogonal, *last([0.8], arch="mlp", init=ORTHOGONAL)]
    return diff(runs(a, "results/he"), runs(b, "results/orthogonal"))


def test_a_difference_on_80_columns() -> None:
    assert shown(several()) == (GOLDEN / "table_diff.txt").read_text()


def test_a_single_group_is_one_table_of_metrics() -> None:
    found = diff(runs(last([0.90, 0.92, 0.94]), "x"), runs(last([0.91, 0.94, 0.96], init=ORTHOGONAL), "y"))
    assert shown(found, DiffFormat.MD) == "\n\n".join(
        [
            "A = x, B = y",
            "settings that differ:",
            "| setting | A | B |\n| --- | ---: | ---: |\n| init | he | orthogonal |",
            "B - A:",
            "| metric | A | B | B - A ± 95 % | n | * |\n"
            "| --- | ---: | ---: | ---: | ---: | ---: |\n"
            "| test accuracy % | 92.00 | 93.67 | +1.67 ± 1.43 | 3 | * |\n"
            "| test loss | 0.08 | 0.06333 | -0.01667 ± 0.014 | 3 | * |\n"
            "| fit s | 1.25 | 1.25 | +0.00 ± 0.00 | 3 |  |\n"
            "| peak MiB | 128 | 128 | +0 ± 0 | 3 |  |",
            "* zero lies outside the 95 % interval.\n",
        ]
    )


def test_json_keeps_every_digit() -> None:
    found = json.loads(as_json(several()), parse_constant=pytest.fail)
    assert list(found) == ["a", "b", "same", "settings", "lines", "notes"]
    assert found["settings"] == [{"setting": "init", "a": "he", "b": "orthogonal"}]
    (mlp,) = [x for x in found["lines"] if x["group"]["arch"] == "mlp" and x["metric"] == "test/accuracy"]
    assert mlp == {
        "group": {"arch": "mlp", "subset": "last", "solver": "ridge"},
        "metric": "test/accuracy",
        "a": 0.8,
        "b": 0.8,
        "difference": 0.0,
        "ci95": None,
        "n": 1,
        "excludes_zero": False,
    }
    assert found["notes"] == ["rows without a counterpart were left out: 1 of 8 in A, 0 of 7 in B."]


def test_a_line_without_an_interval_is_worse_by_any_amount() -> None:
    assert Line({}, "fit_s", 1.0, 1.1, Summary(0.1, math.nan, 3)).worse
    assert not Line({}, "fit_s", 1.0, 1.1, Summary(0.1, 0.2, 3)).worse
