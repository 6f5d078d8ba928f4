"""Penalised least squares against numpy in float64, and the identities that any correct solver obeys."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from randfeat.least_squares import Dual, Primal


def drawn(n, p, k=3, seed=0):
    rng = np.random.default_rng(seed)
    phi = rng.normal(size=(n, p)) + rng.normal(size=p)
    return phi, phi @ rng.normal(size=(p, k)) + rng.normal(size=k) + 0.1 * rng.normal(size=(n, k))


def primal(phi, y, cuts=()):
    system = Primal()
    for rows, targets in zip(np.split(phi, list(cuts)), np.split(y, list(cuts)), strict=True):
        system.add(torch.from_numpy(rows), torch.from_numpy(targets))
    return system


def dual(phi, y):
    return Dual(torch.from_numpy(phi), torch.from_numpy(y))


def reference(phi, y, penalty):
    """The minimiser from the augmented least-squares problem: rows sqrt(penalty) I with targets 0, by SVD."""
    n, p = phi.shape
    rows = np.vstack([np.hstack([phi, np.ones((n, 1))]), np.hstack([np.sqrt(penalty) * np.eye(p), np.zeros((p, 1))])])
    solution = np.linalg.lstsq(rows, np.vstack([y, np.zeros((p, y.shape[1]))]), rcond=None)[0]
    return solution[:-1], solution[-1]


def agrees(solution, beta, intercept, tolerance=1e-8):
    np.testing.assert_allclose(solution.beta_PK, beta, atol=tolerance)
    np.testing.assert_allclose(solution.intercept_K, intercept, atol=tolerance)


@pytest.mark.parametrize("form", [primal, dual])
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("n", "p"), [(60, 7), (12, 30)])
def test_both_forms_give_the_minimiser(form, penalty, n, p):
    phi, y = drawn(n, p)
    agrees(form(phi, y).solve(penalty), *reference(phi, y, penalty))


def test_without_noise_and_penalty_the_coefficients_come_back():
    rng = np.random.default_rng(1)
    phi, beta, b = rng.normal(size=(50, 6)), rng.normal(size=(6, 2)), np.array([3.0, -5.0])
    agrees(primal(phi, phi @ beta + b).solve(0.0), beta, b, 1e-10)


def test_one_feature_by_hand():
    """x = -1, 1 and y = 1, 5: slope 4 / (2 + penalty), intercept 3."""
    phi, y = np.array([[-1.0], [1.0]]), np.array([[1.0], [5.0]])
    for form in (primal, dual):
        agrees(form(phi, y).solve(2.0), [[1.0]], [3.0], 1e-12)


@pytest.mark.parametrize("form", [primal, dual])
def test_each_feature_twice_shares_the_coefficient_at_half_the_penalty(form):
    """[X, X] with penalty 2 c gives beta / 2 in either half, where X with penalty c gives beta."""
    phi, y = drawn(40, 5)
    once, twice = form(phi, y).solve(0.7), form(np.hstack([phi, phi]), y).solve(1.4)
    half = once.beta_PK / 2
    agrees(twice, np.vstack([half, half]), once.intercept_K)


@pytest.mark.parametrize("form", [primal, dual])
def test_each_row_twice_is_half_the_penalty(form):
    phi, y = drawn(40, 5)
    once, twice = form(phi, y).solve(0.7), form(np.vstack([phi, phi]), np.vstack([y, y])).solve(1.4)
    agrees(twice, once.beta_PK, once.intercept_K)


@pytest.mark.parametrize("cuts", [(1,), (20,), (5, 6, 39), tuple(range(1, 40))])
def test_how_the_rows_come_in_blocks_does_not_show(cuts):
    phi, y = drawn(40, 5)
    whole = primal(phi, y).solve(0.3)
    agrees(primal(phi, y, cuts).solve(0.3), whole.beta_PK, whole.intercept_K, 1e-10)


@pytest.mark.parametrize("form", [primal, dual])
def test_without_a_penalty_more_features_than_rows_have_no_unique_solution(form):
    assert form(*drawn(10, 20)).solve(0.0) is None


def test_without_a_penalty_equal_features_have_no_unique_solution():
    phi, y = drawn(40, 5)
    assert primal(np.hstack([phi, phi[:, :1]]), y).solve(0.0) is None


@pytest.mark.parametrize("form", [primal, dual])
def test_a_constant_feature_gets_the_coefficient_zero(form):
    phi, y = drawn(40, 5)
    solution = form(np.hstack([phi, np.full((40, 1), 7.0)]), y).solve(0.3)
    beta, b = reference(phi, y, 0.3)
    agrees(solution, np.vstack([beta, np.zeros((1, 3))]), b)


@pytest.mark.parametrize("form", [primal, dual])
def test_the_intercept_takes_up_shifts_without_penalty(form):
    phi, y = drawn(40, 5)
    plain, moved = form(phi, y).solve(10.0), form(phi + 50, y - 3).solve(10.0)
    agrees(moved, plain.beta_PK, plain.intercept_K - 3 - 50 * plain.beta_PK.sum(0))


@pytest.mark.parametrize("form", [primal, dual])
def test_a_huge_penalty_leaves_the_mean(form):
    phi, y = drawn(40, 5)
    agrees(form(phi, y).solve(1e15), np.zeros((5, 3)), y.mean(0), 1e-9)


@pytest.mark.parametrize("form", [primal, dual])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_noticed(form, value):
    phi, y = drawn(20, 4)
    assert form(phi, y).is_finite
    phi[13, 2] = value
    assert not form(phi, y).is_finite


def test_float32_features_with_a_large_mean_lose_little():
    phi, y = drawn(500, 5)
    single = Primal()
    for rows, targets in zip(np.split(phi + 1000, 5), np.split(y, 5), strict=True):
        single.add(torch.from_numpy(rows.astype(np.float32)), torch.from_numpy(targets))
    beta, _ = reference((phi + 1000).astype(np.float32).astype(np.float64), y, 0.1)
    np.testing.assert_allclose(single.solve(0.1).beta_PK, beta, atol=1e-4)
