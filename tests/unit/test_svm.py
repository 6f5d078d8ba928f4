"""Squared-hinge machines against hands and liblinear."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.svm import LinearSVC

from tests.heads import coefficients, drawn, fit, objective


@pytest.mark.parametrize("method", ["lbfgs", "liblinear"])
@pytest.mark.parametrize("penalty", [0.5, 6.0])
def test_two_points_by_hand(method, penalty):
    """x = -1, 1 of classes 0, 1: 2 (1 - w)**2 + penalty w**2 is least at w = 2 / (2 + penalty), b = 0."""
    fitted = fit("svm", np.array([[-1.0], [1.0]]), np.array([0, 1]), 2, penalty=penalty, method=method)
    beta, b = coefficients(fitted)
    np.testing.assert_allclose(beta, [[-2 / (2 + penalty), 2 / (2 + penalty)]], atol=1e-5)
    np.testing.assert_allclose(b, 0, atol=1e-5)


def test_without_features_the_penalised_intercept_is_known():
    """n rows of a class and m of others: n (1 - b)**2 + m (1 + b)**2 + penalty b**2 is least at (n - m) / (n + m + penalty)."""
    y = np.repeat([0, 1, 2], [2, 3, 7])
    _, b = coefficients(fit("svm", np.zeros((12, 1)), y, penalty=4.0))
    np.testing.assert_allclose(b, (2 * np.array([2, 3, 7]) - 12) / 16, atol=1e-6)


@pytest.mark.parametrize("penalty", [0.05, 1.0, 50.0])
@pytest.mark.parametrize(("n", "p"), [(120, 6), (20, 50)])
def test_liblinear_s_minimum_at_c_1_over_twice_the_penalty(penalty, n, p):
    phi, y = drawn(n, p)
    reference = LinearSVC(C=1 / (2 * penalty), tol=1e-10, max_iter=10**6, random_state=0).fit(phi, y)
    beta, b = coefficients(fit("svm", phi, y, penalty=penalty, tolerance=1e-12))
    theirs = objective("svm", reference.coef_.T, reference.intercept_, phi, y, penalty)
    assert objective("svm", beta, b, phi, y, penalty) == pytest.approx(theirs, rel=1e-6)
    np.testing.assert_allclose(beta, reference.coef_.T, atol=1e-3)


@pytest.mark.parametrize("penalty", [0.1, 100.0])
def test_on_digits_in_float32_the_objective_is_liblinear_s(penalty):
    x, y = load_digits(return_X_y=True)
    phi = np.maximum(0, (x / 16) @ np.random.default_rng(0).normal(size=(64, 100))).astype(np.float32)
    reference = LinearSVC(C=1 / (2 * penalty), tol=1e-6, max_iter=10**5, dual=False, random_state=0).fit(phi, y)
    theirs = objective("svm", reference.coef_.T, reference.intercept_, phi, y, penalty)
    beta, b = coefficients(fit("svm", phi, y, 10, penalty=penalty, tolerance=1e-4))
    assert objective("svm", beta, b, phi, y, penalty) == pytest.approx(theirs, rel=1e-4)


def test_liblinear_as_a_method_gives_the_same_machine_every_time():
    phi, y = drawn()
    first, second = (fit("svm", phi, y, penalty=1.0, method="liblinear", tolerance=1e-6) for _ in range(2))
    for one, other in zip(coefficients(first), coefficients(second), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(coefficients(first), coefficients(fit("svm", phi, y, penalty=1.0)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("method", ["lbfgs", "liblinear"])
def test_a_class_without_rows_has_the_machine_that_says_no(method):
    """All t are -1: without features the intercept is -n / (n + penalty)."""
    _, b = coefficients(fit("svm", np.zeros((12, 1)), np.arange(12) % 2, penalty=4.0, method=method))
    np.testing.assert_allclose(b, [0, 0, -12 / 16], atol=1e-6)


def test_liblinear_s_own_limit_is_said():
    phi, y = drawn()
    fitted = fit("svm", phi, y, penalty=1e-4, method="liblinear", iterations=1)
    assert fitted.status == "ok"
    assert fitted.reason.startswith("not yet at the minimum for penalty 0.0001 after 1 passes")
