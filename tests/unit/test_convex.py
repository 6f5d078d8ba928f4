"""What svm and logistic share: the minimum itself, however the rows come and whatever the coordinates are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from randfeat.errors import ConfigError
from randfeat.registry import make_part
from randfeat.solver import curvature, rows
from randfeat.solver.logistic import cross_entropies
from randfeat.solver.objective import Objective
from randfeat.solver.rows import training_rows
from randfeat.solver.svm import squared_hinges
from tests.heads import coefficients, drawn, fit, head_problem, objective

HEADS = ["svm", "logistic"]
LOSS = {"svm": squared_hinges, "logistic": cross_entropies}

pytestmark = pytest.mark.parametrize("part", HEADS)


def same(left, right, tolerance=1e-4):
    for one, other in zip(coefficients(left), coefficients(right), strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


def penalised(part, phi, y, penalty):
    """Everything penalised, the intercept too."""
    rows_given = training_rows(head_problem(phi, y, 3))
    return Objective(rows_given, LOSS[part], penalty, with_intercept=True, is_coupled=part == "logistic")


@pytest.mark.parametrize("penalty", [1e-2, 1.0, 1e2])
@pytest.mark.parametrize(("n", "p"), [(120, 6), (20, 50)])
def test_the_gradient_of_the_documented_formula_vanishes_at_the_solution(part, penalty, n, p):
    """By autograd, against its size where all coefficients are 0; within tolerance of a minimum it is at most the root of
    4 penalty tolerance objective, for the penalised coefficients."""
    phi, y = drawn(n, p)
    x, truth = torch.from_numpy(phi), torch.eye(3, dtype=torch.float64)[y]

    def gradients(beta, b):
        beta, b = (torch.tensor(each).requires_grad_() for each in (beta, b))
        s = x @ beta + b
        if part == "svm":
            value = ((1 - (2 * truth - 1) * s).clamp_min(0) ** 2).sum() + penalty * ((beta**2).sum() + (b**2).sum())
        else:
            value = (s.logsumexp(1) - (s * truth).sum(1)).sum() + penalty * (beta**2).sum()
        return torch.autograd.grad(value, (beta, b))

    fitted = fit(part, phi, y, penalty=penalty)
    start = gradients(np.zeros((p, 3)), np.zeros(3))
    for there, zero in zip(gradients(*coefficients(fitted)), start, strict=True):
        assert there.norm() <= 1e-4 * zero.norm()


def test_features_over_root_2_given_twice_change_nothing(part):
    """Scores ``(phi @ w1 + phi @ w2) / root 2`` at ``w1 = w2 = w / root 2`` are those of w, with the same norm."""
    phi, y = drawn()
    once, twice = (fit(part, given, y, penalty=0.7) for given in (phi, np.hstack([phi, phi]) / np.sqrt(2)))
    beta, b = coefficients(once)
    both, again = coefficients(twice)
    np.testing.assert_allclose(both, np.vstack([beta, beta]) / np.sqrt(2), atol=1e-4)
    np.testing.assert_allclose(again, b, atol=1e-4)


def test_each_row_twice_is_half_the_penalty(part):
    phi, y = drawn()
    twice = fit(part, np.vstack([phi, phi]), np.append(y, y), penalty=1.4)
    same(fit(part, phi, y, penalty=0.7), twice)
    assert abs(coefficients(twice)[0]).max() > 0.1


def test_classes_by_other_numbers_get_each_other_s_coefficients(part):
    phi, y = drawn()
    beta, b = coefficients(fit(part, phi, y, penalty=0.7))
    moved, shifted = coefficients(fit(part, phi, (y + 1) % 3, penalty=0.7))
    np.testing.assert_allclose(moved, np.roll(beta, 1, axis=1), atol=1e-4)
    np.testing.assert_allclose(shifted, np.roll(b, 1), atol=1e-4)


def test_features_that_do_not_fit_are_computed_again_with_the_same_answer(part, monkeypatch):
    phi, y = drawn(n=2500)
    kept = fit(part, phi, y, penalty=0.1)
    monkeypatch.setattr(rows, "fits", lambda n_bytes, device: False)
    streamed = fit(part, phi, y, penalty=0.1)
    assert not training_rows(head_problem(phi, y, 3)).are_kept
    assert all(torch.equal(kept.trained[name], streamed.trained[name]) for name in kept.trained)


def test_more_features_than_rows_are_solved_in_the_rows_own_coordinates(part, monkeypatch):
    phi, y = drawn(20, 50)
    spanned = fit(part, phi, y, penalty=0.5)
    monkeypatch.setattr(rows, "fits", lambda n_bytes, device: False)
    same(spanned, fit(part, phi, y, penalty=0.5))


@pytest.mark.parametrize(("limit", "value"), [("FACTOR_NUMBERS", 0), ("FACTORED_FEATURES", 3), ("SAMPLED_ROWS", 1)])
def test_coarser_coordinates_lead_to_the_same_minimum(part, limit, value, monkeypatch):
    phi, y = drawn()
    fine = fit(part, phi, y, penalty=0.5)
    monkeypatch.setattr(curvature, limit, value)
    same(fine, fit(part, phi, y, penalty=0.5, iterations=5000))


def test_sampled_second_derivatives_of_all_rows_are_autograd_s(part, monkeypatch):
    """Those within a class; with as many rows as there are nothing is left out."""
    phi, y = drawn(60, 4)
    monkeypatch.setattr(curvature, "SAMPLED_ROWS", 10**6)
    task = Objective(
        training_rows(head_problem(phi, y, 3)), LOSS[part], 0.3, with_intercept=True, is_coupled=part == "logistic"
    )
    w_QK = torch.from_numpy(np.random.default_rng(2).normal(size=(5, 3))) * 0.1
    factor = curvature.coordinates(task, task(w_QK), shared=False).factor
    x, classes = torch.from_numpy(np.hstack([phi, np.ones((60, 1))])), torch.from_numpy(y)
    for k in range(3):

        def value(column, k=k):
            w = w_QK.clone()
            w[:, k] = column
            return LOSS[part](x @ w, classes).total + 0.3 * (w**2).sum()

        hessian = torch.autograd.functional.hessian(value, w_QK[:, k])
        np.testing.assert_allclose(factor[k] @ factor[k].T, hessian, rtol=1e-5, atol=1e-5 * float(hessian.diagonal().mean()))


def test_a_sample_of_rows_sees_nearly_the_same_second_derivatives(part):
    """4 rows a feature: all eigenvalues of the ratio lie between (1 - 1/2)**2 and (1 + 1/2)**2, but for Gaussian tails."""
    rng = np.random.default_rng(0)
    phi, y = rng.normal(size=(6000, 40)), rng.integers(0, 3, 6000)
    task = Objective(
        training_rows(head_problem(phi, y, 3)), LOSS[part], 1e-3, with_intercept=True, is_coupled=part == "logistic"
    )
    point = task(torch.from_numpy(0.05 * rng.normal(size=(41, 3))))
    factor = curvature.coordinates(task, point, shared=False).factor
    x = torch.from_numpy(np.hstack([phi, np.ones((6000, 1))]))
    h_NK = LOSS[part](x @ point.w_QK, torch.from_numpy(y)).curvature_NK
    for k in range(3):
        inner = torch.linalg.solve_triangular(factor[k], x.T * h_NK[:, k].sqrt(), upper=False)
        ratios = torch.linalg.eigvalsh(inner @ inner.T)
        assert ratios.min() > 1 / 2.8
        assert ratios.max() < 1 / 0.2
        assert abs(ratios.log().mean()) < 0.3


def test_a_list_of_penalties_gives_what_each_gives_alone(part):
    phi, y = drawn()
    alone = fit(part, phi, y, penalty=0.01)
    start = head_problem(phi, y, 3)
    solver = make_part("solver", {"part": part, "tolerance": 1e-12, "penalty": [10.0, 0.01]})
    several = solver.fit(type(start)(**{**vars(start), "val": start.train}))
    assert [row["penalty"] for row in several.curve] == [10.0, 0.01]
    assert several.curve[1]["objective"] == pytest.approx(alone.curve[0]["objective"], rel=1e-8)
    assert alone.chosen == {"penalty": 0.01}


def test_the_curve_says_how_near_the_minimum_each_penalty_came(part):
    phi, y = drawn()
    loose, tight = (fit(part, phi, y, penalty=1.0, tolerance=each).curve[0] for each in (1e-2, 1e-10))
    beta, b = coefficients(fit(part, phi, y, penalty=1.0, tolerance=1e-10))
    assert tight["objective"] == pytest.approx(objective(part, beta, b, phi, y, 1.0), rel=1e-9)
    assert 0 <= loose["objective"] - tight["objective"] <= loose["gap"] * loose["objective"] <= 1e-2 * loose["objective"]
    assert loose["epoch"] < tight["epoch"]


def test_too_few_iterations_are_said_and_the_run_counts(part):
    phi, y = drawn()
    fitted = fit(part, phi, y, penalty=0.01, iterations=3)
    assert fitted.status == "ok"
    assert fitted.reason == "not yet at the minimum for penalty 0.01 after 3 passes; raise solver.iterations"


def test_a_constant_feature_beside_others_is_no_fault(part):
    phi, y = drawn()
    for given in (np.hstack([phi, np.zeros((120, 1))]), np.zeros((120, 2))):
        fitted = fit(part, given, y, penalty=0.5)
        assert (fitted.status, fitted.reason) == ("ok", "")
        np.testing.assert_allclose(coefficients(fitted)[0][np.ptp(given, 0) == 0], 0, atol=1e-8)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_said(part, value):
    phi, y = drawn()
    phi[7, 2] = value
    fitted = fit(part, phi, y, penalty=1)
    assert (fitted.status, fitted.reason) == ("non_finite", "a feature was not finite")


def test_products_that_overflow_float32_leave_finite_coefficients_or_a_status(part):
    phi, y = drawn()
    fitted = fit(part, (1e30 * phi).astype(np.float32), y, penalty=1)
    assert fitted.status == "non_finite" or all(np.isfinite(part).all() for part in coefficients(fitted))


@pytest.mark.parametrize("k", [0, 2])
def test_one_class_alone_is_predicted(part, k):
    phi, _ = drawn()
    fitted = fit(part, phi, np.full(120, k), penalty=0.5)
    beta, b = coefficients(fitted)
    assert (fitted.status, fitted.reason) == ("ok", "")
    assert ((phi @ beta + b).argmax(1) == k).all()


def test_a_penalty_of_zero_is_refused(part):
    with pytest.raises(ConfigError, match=r"^solver\.penalty must be a number > 0, got 0\.0\.$"):
        make_part("solver", {"part": part, "penalty": [1, 0]})
