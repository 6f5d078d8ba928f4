"""``randfeat table`` and ``randfeat diff`` from the command line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from randfeat.cli.diff import diff
from randfeat.cli.table import table
from randfeat.errors import ConfigError, ResultsError
from randfeat.record import Status
from randfeat.report.render import read
from randfeat.store import Store
from tests.making import a_record, a_spec, with_twins

ORTHOGONAL = {"part": "orthogonal", "gain": 1.0}

app = typer.Typer()
app.command()(table)
app.command()(diff)


def call(*words: str | Path) -> Result:
    """Run the words; errors of the package are raised, as ``main`` gets them."""
    return CliRunner().invoke(
        app, [str(word) for word in words], catch_exceptions=False, env={"COLUMNS": "80", "FORCE_COLOR": None}
    )


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``results/local`` with vgg over three seeds and their twins, and an mlp that failed."""
    monkeypatch.chdir(tmp_path)
    store = Store(Path("results/local"))
    for record in with_twins([0.90, 0.92, 0.94], [0.97, 0.98, 0.99]):
        store.append(record)
    store.append(a_record(a_spec("mlp"), status=Status.NON_FINITE, metrics={"test/accuracy": math.nan}))
    return store.folder


@pytest.fixture
def worse(results: Path) -> Path:
    """The same with another initialisation, two points worse in every run."""
    store = Store(Path("results/worse"))
    for record in with_twins([0.88, 0.90, 0.92], [0.95, 0.96, 0.97], init=ORTHOGONAL):
        store.append(record)
    return store.folder


# --- table ------------------------------------------------------------------------------------------------------------


def test_the_default_folder_is_results_local(results: Path) -> None:
    there = call("table")
    assert there.exit_code == 0
    assert "92.00 ± 4.97    98.00   -6.00 ± 2.48     93.9" in there.stdout
    assert there.stderr == ""
    assert there.stdout == call("table", results).stdout == call("table", "--results", results).stdout


def test_rows_cols_metric_and_where(results: Path) -> None:
    page = call("table", "--rows", "arch,subset", "--metric", "test/loss", "--where", "arch=vgg", "--format", "md").stdout
    assert [line.split(" | ")[:5] for line in page.splitlines()[2:]] == [
        ["| vgg", "all", "3", "0.02 ± 0.025", "0.02"],
        ["| vgg", "last", "3", "0.08 ± 0.05", "0.02"],
    ]
    where = ["--where", "arch=vgg", "--where", "seeds.weights<2"]
    page = call("table", "--rows", "arch", "--cols", "subset", *where, "--format", "md").stdout
    assert page.splitlines()[2].startswith("| vgg | 97.50 ± 6.35 (2) | 91.00 ± 12.71 (2) | 97.50 | 0 |")


def test_csv_goes_to_stdout_or_to_a_file_alike(results: Path, tmp_path: Path) -> None:
    page = call("table", "--format", "csv").stdout
    assert call("table", "--format", "csv", "--output", tmp_path / "t.csv").stdout == ""
    assert (tmp_path / "t.csv").read_text() == page
    assert read(tmp_path / "t.csv").query("arch == 'vgg' and subset == 'last'")["test/accuracy"].tolist() == [
        pytest.approx(0.92)
    ]


def test_torn_lines_and_means_over_settings_are_notes_beside_the_results(results: Path) -> None:
    store = Store(results)
    store.append(a_record(a_spec(init=ORTHOGONAL), accuracy=0.5))
    store.file.write_text(store.file.read_text() + '{"torn')
    found = call("table", "--rows", "arch", "--format", "csv")
    assert found.stderr.splitlines() == [
        "note: results/local/runs.jsonl: line 9 is torn and was left out",
        "note: every line is a mean over runs that differ in init",
    ]
    assert "note" not in found.stdout


def test_no_results_is_an_error_that_says_how_to_make_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ResultsError) as caught:
        call("table")
    assert str(caught.value) == "no results in results/local. Make some with: randfeat run --results results/local"


def test_two_folders_are_refused(results: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        call("table", "x", "--results", "y")
    assert str(caught.value) == "two results folders, x and --results y. Give one."


def test_parquet_needs_an_output(results: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--format parquet is not text\. Say where to write it: --output FILE"):
        call("table", "--format", "parquet")


# --- diff -------------------------------------------------------------------------------------------------------------


def test_two_folders(results: Path, worse: Path) -> None:
    found = call("diff", results, worse)
    assert found.exit_code == 0
    assert "init      he   orthogonal" in found.stdout
    assert "last     ridge    92.00   90.00   -2.00 ± 0.00   3   *" in found.stdout
    assert "rows without a counterpart were left out: 1 of 7 in A, 0 of 6 in B." in found.stdout


def test_two_runs_by_the_beginning_of_their_keys(results: Path) -> None:
    run = Store(results).records()[0]
    found = json.loads(call("diff", run.key[:10], run.twin, "--metric", "test/accuracy", "--format", "json").stdout)
    assert {"setting": "subset", "a": "last", "b": "all"} in found["settings"]
    assert [(line["n"], round(line["difference"], 12)) for line in found["lines"]] == [(3, 0.06)]


def test_a_folder_and_itself(results: Path) -> None:
    found = call("diff", results, results, "--fail-if-worse")
    assert found.stdout.splitlines()[:2] == ["A = results/local, B = results/local", "no differences"]
    assert found.exit_code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["results/local", "results/worse", "--fail-if-worse"], 1),
        (["results/worse", "results/local", "--fail-if-worse"], 0),
        (["results/local", "results/worse"], 0),
        (["results/local", "results/worse", "--fail-if-worse", "--metric", "test/loss"], 1),
        (["results/local", "results/worse", "--fail-if-worse", "--metric", "fit_s"], 0),
    ],
)
def test_fail_if_worse_is_the_exit_code(worse: Path, words: list[str], code: int) -> None:
    assert call("diff", *words).exit_code == code


def test_two_tables(results: Path, worse: Path, tmp_path: Path) -> None:
    for folder in (results, worse):
        call("table", folder, "--rows", "arch,subset", "--format", "csv", "--output", tmp_path / f"{folder.name}.csv")
    found = json.loads(call("diff", "local.csv", "worse.csv", "--format", "json").stdout)
    (last,) = [x for x in found["lines"] if x["metric"] == "test/accuracy" and x["group"]["subset"] == "last"]
    assert last["difference"] == pytest.approx(-0.02)
    assert last["ci95"] == pytest.approx(math.sqrt(2) * 0.04968275423500651)  # of 0.90, 0.92, 0.94


def test_torn_lines_are_notes_said_once(results: Path) -> None:
    runs = results / "runs.jsonl"
    runs.write_text(runs.read_text() + "torn")
    found = call("diff", results, results)
    assert found.stderr == "note: results/local/runs.jsonl: line 8 is torn and was left out\n"


def test_a_key_that_is_not_there(results: Path) -> None:
    with pytest.raises(ResultsError, match=r"^no run 'ffffffffffff' in results/local\..* Keys there: "):
        call("diff", "ffffffffffff", results)
