"""Test rows scored after every epoch: the scores that shorter runs have at their end, and nothing else changes."""

from __future__ import annotations

import pytest
import torch

from randfeat.config import compose
from randfeat.places import data_folder
from randfeat.run import run_one
from randfeat.spec import RunSpec

CPU = torch.device("cpu")
SMALL = ["data.n_train=120", "data.n_test=60", "data.val_share=0.25", "solver.batch_size=20", "solver.schedule=constant"]
CASES = {
    "batch norm, dropout and augmentation": [
        *["arch=wrn", "arch.depth=10", "arch.dropout=0.3", "subset=fraction", "subset.fraction=0.4", "subset.norm=train"],
        *["data.flip=true", "data.crop_pad=1", "solver=sgd"],
    ],
    "a prefix that is kept": ["arch=mlp", "arch.width=30", "subset=last", "solver=adam"],
    "the best on validation rows": [
        "arch=mlp",
        "arch.width=20",
        "arch.norm=batch",
        "subset=all",
        "solver=sgd",
        "solver.keep=best",
    ],
}


def run(*words):
    spec = RunSpec.from_mapping(compose([*SMALL, *words]))
    return run_one(spec, CPU, data_folder(None))


@pytest.fixture(scope="module", params=list(CASES))
def both(request):
    """The same run without and with it, four epochs."""
    words = [*CASES[request.param], "solver.epochs=4"]
    return words, run(*words), run(*words, "solver.best_epoch=true")


def test_weights_scores_and_curve_are_the_same_to_the_bit(both):
    _, without, with_it = both
    own = {name: value for name, value in with_it.record.metrics.items() if name != "test/best_accuracy"}
    assert own == without.record.metrics
    assert {name: array.tobytes() for name, array in with_it.tensors.items()} == {
        name: array.tobytes() for name, array in without.tensors.items()
    }
    left = ("epoch_s", "test/accuracy")
    curves = [[{name: row[name] for name in row if name not in left} for row in each.curve] for each in (without, with_it)]
    assert curves[0] == curves[1]


def test_an_epoch_scores_what_a_run_that_ends_there_does(both):
    """At a constant rate the first epochs of a longer run are those of a shorter one; it keeps its last."""
    words, _, with_it = both
    shorter = [run(*words, f"solver.epochs={epochs}", "solver.keep=last") for epochs in (1, 2, 3, 4)]
    ends = [each.record.metrics["test/accuracy"] for each in shorter]
    assert [row["test/accuracy"] for row in with_it.curve] == ends
    assert with_it.record.metrics["test/best_accuracy"] == max(ends)
    assert len(set(ends)) > 1


def test_the_accuracy_of_the_kept_epoch_is_the_one_in_the_curve(both):
    _, _, with_it = both
    epoch = int(with_it.record.metrics.get("chosen/epoch", 4))
    assert with_it.record.metrics["test/accuracy"] == with_it.curve[epoch - 1]["test/accuracy"]


def test_the_best_may_be_an_earlier_epoch_than_the_last():
    """The rate is too large to stay where it was good."""
    result = run(
        "arch=mlp", "arch.width=20", "subset=all", "solver=sgd", "solver.lr=0.7", "solver.epochs=6", "solver.best_epoch=true"
    )
    assert result.record.metrics["test/best_accuracy"] > result.record.metrics["test/accuracy"]


def test_where_nothing_trains_the_network_as_drawn_is_the_best():
    metrics = run("arch=mlp", "arch.width=20", "subset=none", "solver=sgd", "solver.best_epoch=true").record.metrics
    assert metrics["test/best_accuracy"] == metrics["test/accuracy"]


def test_a_run_that_diverges_has_no_best_epoch():
    result = run("arch=mlp", "arch.width=20", "subset=all", "solver=sgd", "solver.lr=1e30", "solver.best_epoch=true")
    assert result.record.status == "non_finite"
    assert result.record.metrics == {}
