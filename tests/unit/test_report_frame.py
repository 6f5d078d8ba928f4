"""Records as rows, and the conditions that choose among them."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from randfeat.errors import ConfigError
from randfeat.record import Status
from randfeat.report.frame import frame, is_setting, metric_columns, setting_columns, text, varying
from randfeat.report.where import select
from tests.making import a_record, a_spec, with_twins


def test_a_record_is_a_row_with_the_settings_first() -> None:
    record = a_record(a_spec("mlp", seed=3), accuracy=0.75)
    row = frame([record]).iloc[0]
    assert row.to_dict() == {
        "key": record.key,
        "twin": record.twin,
        "status": "ok",
        "reason": "",
        "data": "digits",
        "data.n_train": "null",
        "arch": "mlp",
        "arch.hidden": "[64,64]",
        "arch.norm": "true",
        "init": "he",
        "init.gain": 1.0,
        "subset": "last",
        "solver": "ridge",
        "solver.penalty": 1.0,
        "seeds.data": 0,
        "seeds.weights": 3,
        "seeds.subset": 0,
        "seeds.order": 0,
        "precision": "float32",
        "test/accuracy": 0.75,
        "test/loss": 0.25,
        "fit_s": 1.25,
        "total_s": 2.5,
        "peak_mib": 128.0,
        "params": 9228362,
        "trained_params": 5130,
    }
    assert list(row.index[4:10]) == ["data", "data.n_train", "arch", "arch.hidden", "arch.norm", "init"]


def test_what_a_run_does_not_have_is_missing_and_null_is_not() -> None:
    runs = frame([a_record(a_spec("vgg")), a_record(a_spec("mlp"))])
    assert runs["arch.depth"].map(text).tolist() == ["11", "-"]
    assert runs["arch.hidden"].map(text).tolist() == ["-", "[64,64]"]
    assert runs["data.n_train"].tolist() == ["null", "null"]


def test_the_twins_solver_is_no_setting_of_the_run() -> None:
    runs = frame([a_record()])
    assert "solver.epochs" not in runs
    assert [name for name in runs if name.startswith("twin")] == ["twin"]
    assert not is_setting("twin")


def test_columns_are_told_apart_by_their_names() -> None:
    runs = frame([a_record()])
    assert setting_columns(runs)[0] == "data"
    assert "seeds.weights" in setting_columns(runs)
    assert "seeds.weights" not in setting_columns(runs, seeds=False)
    assert metric_columns(runs) == [
        "test/accuracy",
        "test/loss",
        "fit_s",
        "total_s",
        "peak_mib",
        "params",
        "trained_params",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "-"), (math.nan, "-"), (True, "true"), (11.0, "11"), (0.1, "0.1"), (1e-5, "1e-05"), (7, "7"), ("he", "he")],
)
def test_a_setting_is_written_as_it_is_typed(value: object, words: str) -> None:
    assert text(value) == words


def test_a_parts_own_setting_varies_only_among_runs_of_that_part() -> None:
    assert varying(frame(with_twins([0.9, 0.8], [0.99, 0.98]))) == ["subset", "solver"]
    other = a_record(a_spec(solver={"part": "ridge", "penalty": 10.0}))
    assert varying(frame([a_record(), other])) == ["solver.penalty"]
    assert varying(frame([a_record(a_spec(seed=0)), a_record(a_spec(seed=1))])) == []


RUNS = [
    a_record(a_spec(arch, seed=seed, data={"part": "digits", "n_train": n}), accuracy=seed / 4)
    for arch, seed, n in (("vgg", 0, None), ("vgg", 1, 100), ("mlp", 2, 100), ("mlp", 3, 1000))
]


@pytest.mark.parametrize(
    ("where", "chosen"),
    [
        (["arch=vgg"], [0, 1]),
        (["arch!=vgg"], [2, 3]),
        (["seeds.weights<2"], [0, 1]),
        (["seeds.weights <= 2"], [0, 1, 2]),
        (["seeds.weights>=1", "arch=vgg"], [1]),
        (["seeds.weights>1"], [2, 3]),
        (["data.n_train=null"], [0]),
        (["data.n_train=1e3"], [3]),
        (["data.n_train<500"], [1, 2]),
        (["data.n_train!=100"], [0, 3]),
        (["arch.norm=true"], [2, 3]),
        (["arch.hidden=[64,64]"], [2, 3]),
        (["arch.depth=11"], [0, 1]),
        (["arch.depth!=11"], [2, 3]),
        (["arch.depth<12"], [0, 1]),
        (["test/accuracy>0.3"], [2, 3]),
        (["status=ok", "fit_s=1.25"], [0, 1, 2, 3]),
        ([], [0, 1, 2, 3]),
    ],
)
def test_all_conditions_have_to_hold(where: list[str], chosen: list[int]) -> None:
    assert select(frame(RUNS), where)["seeds.weights"].tolist() == chosen


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("arch", "--where 'arch' is no condition. Write COLUMN=VALUE, with one of = != < <= > >=."),
        ("=vgg", "--where '=vgg' is no condition. Write COLUMN=VALUE, with one of = != < <= > >=."),
        ("seeds.weights<few", "--where seeds.weights<few needs a number, got 'few'."),
    ],
)
def test_a_condition_that_means_nothing_is_refused(where: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        select(frame(RUNS), [where])
    assert str(caught.value) == sentence


def test_an_unknown_column_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError) as caught:
        select(frame(RUNS), ["arch.dept=11"])
    assert str(caught.value).startswith(
        "the results have no column 'arch.dept'. Did you mean 'arch.depth'? Columns: arch, arch.depth, "
    )


def test_a_failed_run_is_a_row_whose_missing_numbers_are_nan() -> None:
    runs = frame([a_record(), a_record(a_spec(seed=1), status=Status.SINGULAR, reason="no penalty", metrics={})])
    assert runs["status"].tolist() == ["ok", "singular"]
    assert runs["reason"].tolist() == ["", "no penalty"]
    assert pd.isna(runs["test/accuracy"][1])
