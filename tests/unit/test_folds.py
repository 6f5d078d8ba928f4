"""Cross-validation against scikit-learn's, and on answers known beforehand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.svm import LinearSVC

from randfeat.config import compose
from randfeat.errors import ConfigError
from randfeat.places import data_folder
from randfeat.registry import make_part
from randfeat.run import run_one
from randfeat.seeds import stream
from randfeat.shelf import Shelf
from randfeat.solver.convex import AbstractConvex
from randfeat.solver.folds import folds, mean_accuracies
from randfeat.spec import RunSpec
from tests.heads import drawn, fit, head_problem, problem

HEADS = ["svm", "logistic"]
REFERENCE = {
    "svm": (LinearSVC(tol=1e-8, max_iter=10**5, dual=False), "C"),
    "logistic": (LogisticRegression(tol=1e-8, max_iter=10**4), "C"),
}
CHOOSES = {"choose": "cross_validation"}


def test_folds_hold_each_class_and_all_rows_in_equal_number_to_within_one():
    y_N = torch.from_numpy(np.random.default_rng(0).permutation(np.repeat(np.arange(5), [31, 3, 17, 1, 25])))
    fold_N = folds(y_N, 4, stream(0, "order"))
    counts = torch.stack([torch.bincount(y_N[fold_N == fold], minlength=5) for fold in range(4)])
    assert counts.sum() == 77
    assert (counts.max(0).values - counts.min(0).values).max() == 1
    assert sorted(counts.sum(1).tolist()) == [19, 19, 19, 20]


def test_folds_are_a_function_of_the_stream_and_shuffled():
    y_N = torch.arange(60) % 3
    same, again, other = (folds(y_N, 5, stream(seed, "order")) for seed in (0, 0, 1))
    assert torch.equal(same, again)
    assert not torch.equal(same, other)
    assert 0 < int((same == 0)[:30].sum()) < 12


def test_fewer_rows_than_folds_are_refused():
    x, y = torch.randn(4, 2), torch.arange(4) % 2
    words = r"^solver\.folds=5 needs 5 training rows or more, and there are 4\. Use fewer folds or more data\.n_train\.$"
    with pytest.raises(ConfigError, match=words):
        make_part("solver", {"part": "svm", **CHOOSES}).fit(problem(x, y, x[:0], y[:0], 2))


def test_the_mean_is_over_folds_whatever_their_size_and_exact():
    third, half = Fraction(1, 3), Fraction(1, 2)
    assert mean_accuracies([{10: third, 1: half}, {10: half, 1: third}, {10: half}]) == {10: Fraction(4, 9)}
    equal = mean_accuracies([{2: Fraction(a, 10), 1: Fraction(b, 10)} for a, b in [(1, 6), (2, 3), (6, 1), (3, 2)]])
    assert equal[2] == equal[1] == Fraction(3, 10)


@pytest.mark.parametrize("part", HEADS)
@pytest.mark.parametrize(("n", "p"), [(120, 6), (40, 60)])
def test_accuracies_are_those_of_a_grid_search_on_the_same_folds(part, n, p):
    phi, y = drawn(n, p)
    penalties = [0.01, 1.0, 100.0, 10000.0]
    fold_N = folds(torch.from_numpy(y), 5, stream(0, "order")).numpy()
    machine, name = REFERENCE[part]
    grid = {name: [1 / (2 * penalty) for penalty in reversed(penalties)]}
    search = GridSearchCV(machine, grid, cv=PredefinedSplit(fold_N), refit=False).fit(phi, y)
    fitted = fit(part, phi, y, penalty=penalties, tolerance=1e-9, **CHOOSES)
    found = [row["cross_validation/accuracy"] for row in fitted.curve[:-1]]
    np.testing.assert_allclose(found, search.cv_results_["mean_test_score"], atol=1e-12)
    assert len(set(found)) > 1
    best = list(reversed(penalties))[int(np.argmax(found))]
    assert fitted.chosen == {"penalty": best}
    assert fitted.metrics == {"cross_validation/accuracy": max(found)}


@pytest.mark.parametrize("part", HEADS)
@pytest.mark.parametrize("kept", [True, False])
def test_the_last_fit_is_that_of_the_chosen_penalty_alone_to_the_bit(part, kept, monkeypatch):
    phi, y = drawn()
    reference = fit(part, phi, y, penalty=[0.1, 10.0], **CHOOSES)
    monkeypatch.setattr("randfeat.solver.rows.fits", lambda n_bytes, device: kept)
    fitted = fit(part, phi, y, penalty=[0.1, 10.0], **CHOOSES)
    alone = fit(part, phi, y, penalty=fitted.chosen["penalty"])
    assert all(torch.equal(fitted.trained[name], alone.trained[name]) for name in alone.trained)
    assert (fitted.metrics, fitted.chosen) == (reference.metrics, reference.chosen)
    assert fitted.curve[-1]["objective"] == alone.curve[0]["objective"]
    assert fitted.curve[-1]["epoch"] == fitted.curve[-2]["epoch"] + alone.curve[0]["epoch"]


@pytest.mark.parametrize("part", HEADS)
def test_of_equals_it_is_the_largest_penalty(part):
    """Two points, many times each: every fit is right on all."""
    y = torch.arange(40) % 2
    x = (2.0 * y - 1)[:, None]
    fitted = make_part("solver", {"part": part, "penalty": [0.1, 1.0, 10.0], **CHOOSES}).fit(problem(x, y, x, y, 2))
    assert fitted.chosen == {"penalty": 10.0}
    assert fitted.metrics == {"cross_validation/accuracy": 1.0}


@pytest.mark.parametrize("part", HEADS)
def test_validation_rows_have_no_say(part):
    """Feature 0 is small and right in training, feature 1 large and right in 8 of 10 rows, in all of the validation rows."""
    y = torch.arange(40) % 2
    sign = 2.0 * y - 1
    x = torch.stack([0.01 * sign, sign * torch.where(torch.arange(40) % 10 < 2, -1.0, 1.0)], 1)
    x_val = torch.stack([-0.01 * sign, sign], 1)
    asked = problem(x, y, x_val, y, 2)
    by_rows, by_folds = (
        make_part("solver", {"part": part, "penalty": [1e-6, 100.0], "choose": choose}).fit(asked).chosen["penalty"]
        for choose in ("validation", "cross_validation")
    )
    assert (by_rows, by_folds) == (100.0, 1e-6)


def test_a_fit_of_a_fold_that_ended_early_is_said(monkeypatch):
    ordinary = AbstractConvex.descend

    def early(solver, problem, *rest):
        return replace(ordinary(solver, problem, *rest), is_close=len(problem.train) == 120, passes=7)

    monkeypatch.setattr(AbstractConvex, "descend", early)
    fitted = fit("logistic", *drawn(), penalty=[1.0, 2.0], **CHOOSES)
    assert fitted.status == "ok"
    penalty = fitted.chosen["penalty"]
    assert fitted.reason == f"not yet at the minimum for penalty {penalty:g} after 7 passes; raise solver.iterations"


def test_a_penalty_at_which_a_fold_overflows_is_left_out(monkeypatch):
    ordinary = AbstractConvex.descend

    def overflowing(solver, problem, objective, *rest):
        is_finite = objective.penalty >= least or len(problem.train) == 120
        return replace(ordinary(solver, problem, objective, *rest), is_finite=is_finite)

    monkeypatch.setattr(AbstractConvex, "descend", overflowing)
    least = 1.0
    fitted = fit("logistic", *drawn(), penalty=[0.1, 1.0, 10.0], **CHOOSES)
    assert [row["penalty"] for row in fitted.curve[:-1]] == [10.0, 1.0]
    least = 100.0
    fitted = fit("logistic", *drawn(), penalty=[0.1, 1.0, 10.0], **CHOOSES)
    assert (fitted.status, fitted.reason) == ("non_finite", "a product of features was not finite in this precision")


def test_liblinear_finds_the_same_accuracies():
    phi, y = drawn()
    penalties = {"penalty": [0.1, 100.0]}
    own, theirs = (fit("svm", phi, y, method=m, tolerance=1e-7, **penalties, **CHOOSES) for m in ("lbfgs", "liblinear"))
    assert own.metrics == theirs.metrics
    assert own.chosen == theirs.chosen


@pytest.mark.parametrize("part", HEADS)
def test_one_penalty_alone_is_not_cross_validated(part):
    phi, y = drawn()
    solver = make_part("solver", {"part": part, "penalty": 2.0, **CHOOSES})
    fitted = solver.fit(head_problem(phi, y, 3))
    assert fitted.chosen == {"penalty": 2.0}
    assert fitted.metrics == {}


def test_a_run_needs_no_validation_rows_and_is_the_same_where_features_are_shared():
    words = ["conf=elm", "arch.width=30", "solver=svm", "solver.choose=cross_validation", "solver.penalty=[0.1,10]"]
    spec = RunSpec.from_mapping(compose([*words, "data.n_train=200", "data.n_test=50", "data.val_share=0", "solver.folds=3"]))
    folder, cpu = data_folder(None), torch.device("cpu")
    alone, shared = (run_one(spec, cpu, folder, shelf=shelf) for shelf in (None, Shelf([spec.network_key])))
    assert alone.record.metrics == shared.record.metrics
    assert alone.record.metrics["chosen/penalty"] in (0.1, 10)
    assert 0.5 < alone.record.metrics["cross_validation/accuracy"] < 1
