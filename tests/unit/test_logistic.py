"""Logistic regression against hands and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from tests.heads import coefficients, drawn, fit, objective


def test_two_points_by_hand():
    """x = -1, 1: 2 log(1 + exp(-2 v)) + 2 penalty v**2, of coefficients -v and v, is least at penalty v (1 + exp(2 v)) = 1."""
    fitted = fit("logistic", np.array([[-1.0], [1.0]]), np.array([0, 1]), 2, penalty=1 / (1 + np.exp(2)))
    beta, b = coefficients(fitted)
    np.testing.assert_allclose(beta, [[-1, 1]], atol=1e-4)
    np.testing.assert_allclose(b, 0, atol=1e-6)


def test_without_features_the_free_intercept_is_the_log_of_the_share():
    y = np.repeat([0, 1, 2], [2, 3, 7])
    _, b = coefficients(fit("logistic", np.zeros((12, 1)), y, penalty=4.0))
    logs = np.log([2, 3, 7])
    np.testing.assert_allclose(b, logs - logs.mean(), atol=1e-4)


def test_the_intercept_takes_up_shifts_without_penalty():
    phi, y = drawn()
    beta, b = coefficients(fit("logistic", phi, y, penalty=1.0))
    same, moved = coefficients(fit("logistic", phi + 5, y, penalty=1.0))
    np.testing.assert_allclose(same, beta, atol=1e-4)
    np.testing.assert_allclose(moved, b - 5 * beta.sum(0), atol=1e-2)


@pytest.mark.parametrize("penalty", [0.05, 1.0, 50.0])
@pytest.mark.parametrize(("n", "p"), [(120, 6), (20, 50)])
def test_scikit_learn_s_minimum_at_c_1_over_twice_the_penalty(penalty, n, p):
    phi, y = drawn(n, p)
    reference = LogisticRegression(C=1 / (2 * penalty), tol=1e-9, max_iter=10**5).fit(phi, y)
    beta, b = coefficients(fit("logistic", phi, y, penalty=penalty, tolerance=1e-12))
    theirs = objective("logistic", reference.coef_.T, reference.intercept_, phi, y, penalty)
    assert objective("logistic", beta, b, phi, y, penalty) == pytest.approx(theirs, rel=1e-6)
    np.testing.assert_allclose(beta, reference.coef_.T, atol=1e-3)


@pytest.mark.parametrize("penalty", [0.1, 100.0])
def test_on_digits_in_float32_the_objective_is_scikit_learn_s(penalty):
    x, y = load_digits(return_X_y=True)
    phi = np.maximum(0, (x / 16) @ np.random.default_rng(0).normal(size=(64, 100))).astype(np.float32)
    reference = LogisticRegression(C=1 / (2 * penalty), tol=1e-6, max_iter=10**4).fit(phi.astype(np.float64), y)
    theirs = objective("logistic", reference.coef_.T, reference.intercept_, phi, y, penalty)
    beta, b = coefficients(fit("logistic", phi, y, 10, penalty=penalty, tolerance=1e-4))
    assert objective("logistic", beta, b, phi, y, penalty) == pytest.approx(theirs, rel=1e-4)


def test_a_class_without_rows_is_left_out():
    """The others are as without it, and no row is ever taken for it, however far out."""
    phi, y = drawn(k=2)
    beta, b = coefficients(fit("logistic", phi, y, 2, penalty=0.3))
    wide, more = coefficients(fit("logistic", phi, y, 3, penalty=0.3))
    np.testing.assert_allclose(wide, np.hstack([beta, np.zeros((6, 1))]), atol=1e-4)
    np.testing.assert_allclose(more, [*b, -50], atol=1e-3)
    assert ((1e6 * phi @ wide + more).argmax(1) != 2).all()
