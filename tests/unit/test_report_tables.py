"""Groups of runs beside their twins: every number known beforehand."""

from __future__ import annotations

import io
import math
import re
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from randfeat.errors import ConfigError, ResultsError
from randfeat.record import Record, Status
from randfeat.report.comparison import comparison, left_out
from randfeat.report.formats import Format
from randfeat.report.frame import frame
from randfeat.report.human import amount, header, human, spread
from randfeat.report.render import read, rendered, show, write
from randfeat.report.statistics import Summary
from randfeat.report.tables import averaged, summarise
from tests.making import PARAMS, a_record, a_spec, with_twins

GOLDEN = Path(__file__).parents[1] / "golden"


def failed(arch: str = "mlp", seed: int = 7) -> Record:
    return a_record(a_spec(arch, seed=seed), status=Status.NON_FINITE, reason="loss was nan in epoch 3", metrics={})


def the_runs() -> pd.DataFrame:
    """vgg: three seeds, all with twins. mlp: two seeds, one with a twin, and a run that failed."""
    return frame([*with_twins([0.90, 0.92, 0.94], [0.97, 0.98, 0.99]), *with_twins([0.8, 0.84], [0.97], "mlp"), failed()])


def line(table: pd.DataFrame, **settings: str) -> pd.Series:
    (place,) = [i for i, row in enumerate(table.to_dict("records")) if settings.items() <= row.items()]
    return table.iloc[place]


def half_width(values: list[float]) -> float:
    low, high = scipy.stats.t.interval(0.95, len(values) - 1, scale=scipy.stats.sem(values))
    return float(high - low) / 2


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_a_line_has_the_mean_the_twins_mean_and_the_paired_gap() -> None:
    found = line(summarise(the_runs()), arch="vgg", subset="last")
    assert found["n"] == 3
    assert found["test/accuracy"] == pytest.approx(0.92)
    assert found["test/accuracy ci95"] == pytest.approx(half_width([0.90, 0.92, 0.94]))
    assert found["twin test/accuracy"] == pytest.approx(0.98)
    assert found["gap test/accuracy"] == pytest.approx(-0.06)
    assert found["gap test/accuracy ci95"] == pytest.approx(half_width([0.07, 0.06, 0.05]))
    assert found["gap test/accuracy n"] == 3
    assert found["kept"] == pytest.approx(100 * 0.92 / 0.98)
    assert (found["trained_params"], found["params"]) == (5130, PARAMS)
    assert (found["fit_s"], found["twin fit_s"]) == (1.25, 60.0)
    assert found["failed"] == 0


def test_a_twin_that_is_not_on_record_counts_in_no_twins_number() -> None:
    found = line(summarise(the_runs()), arch="mlp", subset="last")
    assert (found["n"], found["failed"]) == (2, 1)
    assert found["test/accuracy"] == pytest.approx(0.82)  # the failed run is in no mean
    assert found["twin test/accuracy"] == 0.97
    assert found["gap test/accuracy"] == pytest.approx(0.80 - 0.97)
    assert found["gap test/accuracy n"] == 1
    assert found["kept"] == pytest.approx(100 * 0.80 / 0.97)  # over the seeds that have both


def test_fully_trained_runs_are_lines_of_their_own() -> None:
    found = line(summarise(the_runs()), arch="vgg", subset="all")
    assert found["test/accuracy"] == pytest.approx(0.98)
    assert (found["gap test/accuracy"], found["kept"], found["fit_s"]) == (0.0, 100.0, 60.0)


def test_a_line_never_mixes_runs_with_their_own_twins() -> None:
    found = line(summarise(the_runs(), rows=["arch"]), arch="vgg")
    assert found["n"] == 3
    assert found["test/accuracy"] == pytest.approx(0.92)
    assert found["twin test/accuracy"] == pytest.approx(0.98)


def test_a_failed_twin_is_no_twin() -> None:
    run = a_record()
    twin = a_record(a_spec(subset="all"), accuracy=0.99, status=Status.NON_FINITE)
    found = line(summarise(frame([run, twin])), subset="last")
    assert math.isnan(found["twin test/accuracy"])
    assert found["gap test/accuracy n"] == 0


def test_a_group_in_which_every_run_failed_is_a_line_too() -> None:
    found = summarise(frame([failed(), *with_twins([0.5], [0.6])]))
    assert line(found, arch="mlp")["failed"] == 1
    assert human(found).query("arch == 'mlp'")["test accuracy % ± 95 %"].tolist() == ["-"]


def test_twins_are_found_though_they_do_not_meet_the_conditions() -> None:
    table = summarise(the_runs(), where=["subset=last", "arch=vgg"])
    assert len(table) == 1
    assert table["twin test/accuracy"][0] == pytest.approx(0.98)


def test_the_default_rows_are_the_settings_that_differ() -> None:
    assert list(summarise(the_runs()).columns[:4]) == ["arch", "subset", "solver", "n"]
    assert list(summarise(the_runs(), where=["subset=last", "arch=vgg"]).columns[:3]) == ["arch", "subset", "n"]


def test_a_loss_keeps_nothing() -> None:
    table = summarise(the_runs(), metric="test/loss")
    assert "kept" not in table
    assert line(table, arch="vgg", subset="last")["gap test/loss"] == pytest.approx(0.06)


def test_a_cost_can_be_the_metric() -> None:
    found = line(summarise(the_runs(), metric="fit_s"), arch="vgg", subset="last")
    assert (found["fit_s"], found["fit_s ci95"], found["gap fit_s"]) == (1.25, 0.0, -58.75)


def test_a_pivot_has_columns_for_every_value_and_its_twin() -> None:
    table = summarise(the_runs(), cols="arch", where=["subset=last"])
    assert list(table.columns) == [
        "subset",
        "test/accuracy arch=mlp",
        "test/accuracy arch=mlp ci95",
        "test/accuracy arch=mlp n",
        "twin test/accuracy arch=mlp",
        "test/accuracy arch=vgg",
        "test/accuracy arch=vgg ci95",
        "test/accuracy arch=vgg n",
        "twin test/accuracy arch=vgg",
        "failed",
    ]
    assert table["test/accuracy arch=vgg"][0] == pytest.approx(0.92)
    assert table["twin test/accuracy arch=mlp"][0] == 0.97
    assert (table["test/accuracy arch=mlp n"][0], table["failed"][0]) == (2, 1)


def test_a_pivots_rows_are_what_still_differs_and_fully_trained_columns_need_no_twin() -> None:
    table = summarise(the_runs(), cols="subset")
    assert table["arch"].tolist() == ["mlp", "vgg"]
    assert table["test/accuracy subset=all"].tolist() == pytest.approx([0.97, 0.98])
    assert "twin test/accuracy subset=all" not in table
    assert human(table)["test accuracy % subset=last ± 95 %"].tolist()[1] == "92.00 ± 4.97 (3)"


def test_settings_that_a_line_averages_over_are_named() -> None:
    runs = frame([a_record(a_spec(init={"part": "he", "gain": gain})) for gain in (1.0, 2.0)])
    assert averaged(runs, ["arch"]) == ["init.gain"]
    assert averaged(runs, ["init.gain"]) == []
    assert averaged(the_runs(), ["arch"]) == []  # the twins are in a column of their own


def test_unknown_words_are_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError) as caught:
        summarise(the_runs(), metric="test/acuracy")
    assert str(caught.value) == (
        "the results have no column 'test/acuracy'. Did you mean 'test/accuracy'? "
        "Columns: fit_s, params, peak_mib, test/accuracy, test/loss, total_s, trained_params."
    )
    for rows, cols in ((["archs"], None), (None, "archs"), (["test/loss"], None)):
        with pytest.raises(ConfigError, match=r"the results have no column '(archs|test/loss)'"):
            summarise(the_runs(), rows=rows, cols=cols)


def test_conditions_that_no_run_meets_are_said() -> None:
    with pytest.raises(ResultsError) as caught:
        summarise(the_runs(), where=["arch=vgg", "seeds.weights>9"])
    assert str(caught.value) == "none of the 10 runs meets arch=vgg and seeds.weights>9."


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "value", "words"),
    [
        ("test/accuracy", 0.91999, "92.00"),
        ("test/loss", 0.123456, "0.1235"),
        ("fit_s", 1.234, "1.23"),
        ("fit_s", 45.67, "45.7"),
        ("fit_s", 12345.6, "12,346"),
        ("peak_mib", 1536.4, "1,536"),
        ("params", 9228362.0, "9,228,362"),
        ("kept", 93.876, "93.9"),
        ("test/accuracy", math.nan, "-"),
    ],
)
def test_an_amount_in_words(measure: str, value: float, words: str) -> None:
    assert amount(measure, value) == words


def test_a_spread_in_words() -> None:
    assert spread("test/accuracy", Summary(-0.06, 0.0248, 3), signed=True) == "-6.00 ± 2.48"
    assert spread("test/loss", Summary(0.51234, 0.01234, 3)) == "0.5123 ± 0.012"
    assert spread("test/accuracy", Summary(0.5, math.nan, 1)) == "50.00"


@pytest.mark.parametrize(
    ("name", "with_interval", "words"),
    [
        ("arch.depth", False, "arch.depth"),
        ("test/accuracy", True, "test accuracy % ± 95 %"),
        ("test/best_accuracy", True, "best epoch on test % ± 95 %"),
        ("cross_validation/accuracy", False, "cross-validated accuracy %"),
        ("twin test/accuracy", False, "twin %"),
        ("gap test/loss", True, "gap ± 95 %"),
        ("twin fit_s", False, "twin fit s"),
        ("kept", False, "kept %"),
        ("test/accuracy arch=vgg", True, "test accuracy % arch=vgg ± 95 %"),
    ],
)
def test_a_header_states_its_unit(name: str, with_interval: bool, words: str) -> None:
    assert header(name, with_interval) == words


def test_a_number_of_pairs_is_shown_where_it_is_not_the_lines_own() -> None:
    gaps = human(summarise(the_runs()))["gap % ± 95 %"].tolist()
    assert gaps == ["+0.00", "-17.00 (1)", "+0.00 ± 0.00", "-6.00 ± 2.48"]


# --- the comparison of a run ------------------------------------------------------------------------------------------


def cells(table: pd.DataFrame) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in table.to_numpy().tolist()}


def test_a_comparison_over_seeds() -> None:
    records = with_twins([0.90, 0.92, 0.94], [0.97, 0.98, 0.99])
    table = comparison(records[:3], records[3:])
    assert list(table.columns) == ["", "last", "fully trained", "gap ± 95 %"]
    assert cells(table) == {
        "runs (n)": ["3", "3", "3"],
        "test accuracy %": ["92.00 ± 4.97", "98.00 ± 2.48", "-6.00 ± 2.48"],
        "kept %": ["93.9", "", ""],
        "trained parameters": ["5,130 of 9,228,362 (0.06 %)", "all 9,228,362", ""],
        "fit s": ["1.25", "60.0", ""],
        "total s": ["2.50", "62.0", ""],
        "peak MiB": ["128", "512", ""],
    }


def test_a_comparison_without_a_twin_shows_dashes() -> None:
    found = cells(comparison([a_record()], [None]))
    assert found["runs (n)"] == ["1", "0", "0"]
    assert found["test accuracy %"] == ["90.00", "-", "-"]
    assert found["kept %"][0] == "-"
    assert found["fit s"] == ["1.25", "-", ""]


def test_failed_runs_are_left_out_of_a_comparison_and_counted() -> None:
    records = with_twins([0.90, 0.92], [0.97, 0.98])
    runs = [*records[:2], failed("vgg", 7), failed("vgg", 8)]
    assert cells(comparison(runs, [*records[2:], None, None]))["runs (n)"] == ["2", "2", "2"]
    assert left_out(runs) == "2 of 4 runs failed and were left out: 2 x non_finite (loss was nan in epoch 3)."
    assert left_out(runs[:3]) == "1 of 3 runs failed and was left out: non_finite (loss was nan in epoch 3)."
    assert left_out(records) == ""


def test_a_folder_of_failed_runs_alone_has_a_table() -> None:
    table = summarise(frame([failed("vgg", 7), failed("vgg", 8)]))
    assert table[["n", "failed"]].to_numpy().tolist() == [[0, 2]]


def test_a_failed_run_that_is_its_own_twin_is_counted_once() -> None:
    run = failed("vgg", 7)
    assert left_out([run, run]).startswith("1 of 1 runs failed")


def test_fully_trained_runs_are_compared_with_nothing() -> None:
    twins = with_twins([], [0.97, 0.99])
    table = comparison(twins, [None, None])
    assert list(table.columns) == ["", "fully trained"]
    assert cells(table)["test accuracy %"] == ["98.00 ± 12.71"]
    assert "kept %" not in cells(table)


def test_accuracies_come_in_the_order_test_validation_training_and_losses_not_at_all() -> None:
    scores = {"train/accuracy": 1.0, "val/accuracy": 0.5, "test/loss": 2.0, "test/accuracy": 0.25, "chosen/penalty": 1.0}
    labels = list(cells(comparison([a_record(metrics=scores)], [None])))
    assert labels[1:5] == ["test accuracy %", "val accuracy %", "train accuracy %", "kept %"]


def test_the_best_epoch_stands_beside_the_test_accuracy_under_a_name_of_its_own() -> None:
    scores = {"test/accuracy": 0.25, "test/best_accuracy": 0.5, "cross_validation/accuracy": 0.75, "train/accuracy": 1.0}
    found = cells(comparison([a_record(metrics=scores)], [None]))
    assert list(found)[1:5] == ["test accuracy %", "best epoch on test %", "cross-validated accuracy %", "train accuracy %"]
    assert found["best epoch on test %"][0] == "50.00"
    assert found["kept %"][0] == "-"


@pytest.mark.parametrize(
    ("trained", "words"),
    [(0, "0 of 9,228,362 (0.00 %)"), (10, "10 of 9,228,362 (<0.01 %)"), (PARAMS, "all 9,228,362")],
)
def test_the_share_of_trained_parameters(trained: int, words: str) -> None:
    record = a_record(cost={"trained_params": trained, "params": PARAMS})
    found = cells(comparison([record], [None]))
    assert found["trained parameters"] == [words, "-", ""]
    assert found["fit s"] == ["-", "-", ""]


# --- formats ----------------------------------------------------------------------------------------------------------


def shown(words: pd.DataFrame, width: int = 80) -> str:
    page = io.StringIO()
    show(words, Console(file=page, width=width, force_terminal=False))
    return page.getvalue()


def test_a_summary_on_80_columns() -> None:
    assert rendered(summarise(the_runs()), Format.RICH) == (GOLDEN / "table_summary.txt").read_text()


def test_a_pivot_on_80_columns() -> None:
    assert rendered(summarise(the_runs(), cols="arch"), Format.RICH) == (GOLDEN / "table_pivot.txt").read_text()


def test_a_comparison_on_80_columns() -> None:
    records = with_twins([0.90, 0.92, 0.94], [0.97, 0.98, 0.99])
    assert shown(comparison(records[:3], records[3:])) == (GOLDEN / "table_comparison.txt").read_text()


def test_a_wide_terminal_has_it_all_in_one_table() -> None:
    lines = shown(human(summarise(the_runs())), width=140).splitlines()
    assert len(lines) == 2 + 4
    headers = ["test accuracy % ± 95 %", "twin %", "gap % ± 95 %", "kept %", "trained", "params", "fit s", "twin fit s"]
    assert re.split(r"  +", lines[0].strip()) == ["arch", "subset", "solver", "n", *headers, "failed"]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_nothing_is_cut_however_narrow(width: int) -> None:
    words = human(summarise(the_runs())).assign(**{"arch.widths": "[64,128,256,512]"})
    page = shown(words, width)
    assert max(map(len, page.splitlines())) <= width
    assert "…" not in page
    for number in ("82.00 ± 25.41", "-17.00 (1)", "+0.00 ± 0.00", "9,228,362"):
        assert number in page


def test_cells_in_brackets_are_no_markup() -> None:
    assert "[bold,red]" in shown(pd.DataFrame({"arch.layers": ["[bold,red]"], "n": ["3"]}))


def test_a_csv_keeps_every_digit(tmp_path: Path) -> None:
    table = summarise(the_runs())
    write(table, Format.CSV, tmp_path / "deep" / "table.csv", Console())
    pd.testing.assert_frame_equal(read(tmp_path / "deep" / "table.csv"), table, check_exact=True)


def test_a_parquet_file_keeps_every_digit(tmp_path: Path) -> None:
    table = summarise(the_runs(), rows=["arch.depth", "arch.hidden", "data.n_train", "subset"])
    write(table, Format.PARQUET, tmp_path / "table.parquet", Console())
    pd.testing.assert_frame_equal(read(tmp_path / "table.parquet"), table, check_exact=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.lists(st.floats(0, 1), max_size=4))
def test_any_table_comes_back_from_csv(runs: list[float], twins: list[float]) -> None:
    table = summarise(frame(with_twins(runs, twins)))
    with tempfile.TemporaryDirectory() as folder:
        write(table, Format.CSV, Path(folder) / "table.csv", Console())
        pd.testing.assert_frame_equal(read(Path(folder) / "table.csv"), table, check_exact=True)


def test_markdown_is_a_pipe_table() -> None:
    page = rendered(summarise(the_runs(), rows=["arch"], where=["arch=vgg"]), Format.MD)
    assert page.splitlines() == [
        "| arch | n | test accuracy % ± 95 % | twin % | gap % ± 95 % | kept % | trained | params | fit s | twin fit s |"
        " failed |",
        "| --- |" + " ---: |" * 10,
        "| vgg | 3 | 92.00 ± 4.97 | 98.00 | -6.00 ± 2.48 | 93.9 | 5,130 | 9,228,362 | 1.25 | 60.0 | 0 |",
    ]


def test_latex_is_escaped_and_aligned() -> None:
    page = rendered(summarise(the_runs(), rows=["arch"], where=["arch=vgg"]), Format.LATEX)
    assert page.startswith("\\begin{tabular}{lrrrrrrrrrr}")
    assert r"test accuracy \% $\pm$ 95 \%" in page
    assert r"vgg & 3 & 92.00 $\pm$ 4.97 & 98.00 & -6.00 $\pm$ 2.48 &" in page


def test_html_has_a_cell_for_every_number() -> None:
    page = rendered(summarise(the_runs(), rows=["arch"], where=["arch=vgg"]), Format.HTML)
    assert page.count("<td>") == 11
    assert "<td>92.00 ± 4.97</td>" in page


def test_parquet_needs_a_file() -> None:
    with pytest.raises(ConfigError) as caught:
        write(summarise(the_runs()), Format.PARQUET, None, Console())
    assert str(caught.value) == "--format parquet is not text. Say where to write it: --output FILE.parquet"


@pytest.mark.parametrize(("format", "package"), [(Format.PARQUET, "pyarrow"), (Format.LATEX, "jinja2")])
def test_a_missing_package_is_named_with_its_extra(
    format: Format, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = summarise(the_runs())
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError) as caught:
        write(table, format, tmp_path / "table", Console())
    assert str(caught.value) == f"{format} needs {package}. Install it with: pip install 'randfeat[tables]'"


def test_files_that_cannot_be_written_or_read_are_said(tmp_path: Path) -> None:
    with pytest.raises(ResultsError) as caught:
        write(summarise(the_runs()), Format.CSV, tmp_path, Console())
    assert str(caught.value) == f"{tmp_path} cannot be written: Is a directory."
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "torn.parquet").write_text("PAR1")
    for name in ("empty.csv", "torn.parquet", "gone.csv"):
        with pytest.raises(ResultsError, match=f"{name} cannot be read as a table: "):
            read(tmp_path / name)
