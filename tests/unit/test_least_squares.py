"""Penalised least squares against numpy in float64, and the identities that any correct solver obeys."""

from __future__ import annotations

import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from randfeat.least_squares import EIGEN_PAYS, Dual, Primal
from randfeat.products import double, plain


def drawn(n, p, k=3, seed=0):
    rng = np.random.default_rng(seed)
    phi = rng.normal(size=(n, p)) + rng.normal(size=p)
    return phi, phi @ rng.normal(size=(p, k)) + rng.normal(size=k) + 0.1 * rng.normal(size=(n, k))


def primal(phi, y, cuts=()):
    system = Primal()
    for rows, targets in zip(np.split(phi, list(cuts)), np.split(y, list(cuts)), strict=True):
        system.partial_fit(torch.from_numpy(rows), torch.from_numpy(targets))
    return system


def dual(phi, y):
    return Dual(torch.from_numpy(phi.copy()), torch.from_numpy(y))


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
        single.partial_fit(torch.from_numpy(rows.astype(np.float32)), torch.from_numpy(targets))
    beta, _ = reference((phi + 1000).astype(np.float32).astype(np.float64), y, 0.1)
    np.testing.assert_allclose(single.solve(0.1).beta_PK, beta, atol=1e-4)


def shares(phi, y, cuts):
    return [primal(*share) for share in zip(np.split(phi, cuts), np.split(y, cuts), strict=True)]


@pytest.mark.parametrize("cuts", [[30], [1, 2], [10, 11, 39]])
def test_merged_sums_of_shares_are_the_sums_of_all_rows(cuts):
    """As other processes send them: pickled. The shares' means differ, and so do the shifts taken off their rows."""
    phi, y = drawn(40, 5)
    phi[20:] += 100
    merged = Primal()
    for share in shares(phi, y, cuts):
        merged.merge(pickle.loads(pickle.dumps(share)))
    agrees(merged.solve(0.3), *reference(phi, y, 0.3))
    assert merged.n == 40


def test_a_share_keeps_its_own_sums_when_it_is_merged():
    phi, y = drawn(40, 5)
    first, second = shares(phi, y, [15])
    first.merge(second)
    agrees(second.solve(0.3), *reference(phi[15:], y[15:], 0.3))
    agrees(first.merge(Primal()).solve(0.3), *reference(phi, y, 0.3))


def test_more_rows_later_are_the_recursion_of_the_online_sequential_elm():
    """Liang et al. 2006: P <- P - P h'(I + h P h')^-1 h P, beta <- beta + P h'(t - h beta), from the first rows on."""
    phi, y = drawn(200, 12)
    h = np.hstack([phi, np.ones((200, 1))])
    penalty = np.diag([0.5] * 12 + [0.0])
    system = primal(phi[:20], y[:20])
    p = np.linalg.inv(h[:20].T @ h[:20] + penalty)
    beta = p @ h[:20].T @ y[:20]
    for start in range(20, 200, 30):
        rows, targets = h[start : start + 30], y[start : start + 30]
        p = p - p @ rows.T @ np.linalg.solve(np.eye(len(rows)) + rows @ p @ rows.T, rows @ p)
        beta = beta + p @ rows.T @ (targets - rows @ beta)
        system.partial_fit(torch.from_numpy(phi[start : start + 30]), torch.from_numpy(targets))
        agrees(system.solve(0.5), beta[:-1], beta[-1], 1e-6 * np.abs(beta).max())


@pytest.mark.parametrize("form", [primal, dual])
@pytest.mark.parametrize(("n", "p"), [(25, 6), (12, 30)])
def test_leave_one_out_is_fitting_again_without_the_row(form, n, p):
    phi, y = drawn(n, p)
    penalties = [0.2, 30.0]
    system = form(phi, y)
    rows = (
        [(torch.from_numpy(a), torch.from_numpy(b)) for a, b in zip(np.split(phi, 3), np.split(y, 3), strict=True)]
        if n % 3 == 0
        else [(torch.from_numpy(phi), torch.from_numpy(y))]
    )
    found = torch.cat(list(system.left_out(system.spectrum(), rows, penalties))).numpy()
    for i in range(n):
        for s, penalty in enumerate(penalties):
            beta, b = reference(np.delete(phi, i, 0), np.delete(y, i, 0), penalty)
            np.testing.assert_allclose(found[i, s], phi[i] @ beta + b, atol=1e-8)


@pytest.mark.parametrize("form", [primal, dual])
@pytest.mark.parametrize(("n", "p"), [(60, 7), (12, 30)])
def test_eigenvectors_and_factorisations_give_the_same(form, n, p):
    phi, y = drawn(n, p)
    penalties = list(np.logspace(-3, 3, EIGEN_PAYS + 1))
    for penalty, solution in form(phi, y).solutions(penalties):
        agrees(solution, *reference(phi, y, penalty), 1e-7)


@pytest.mark.parametrize("penalties", [[0.0, 1.0], [0.0, *np.logspace(0, 1, EIGEN_PAYS)]])
def test_of_a_list_only_the_penalty_zero_is_singular_for_more_features_than_rows(penalties):
    for form in (primal, dual):
        solutions = dict(form(*drawn(10, 20)).solutions(penalties))
        assert solutions.pop(0.0) is None
        assert all(solutions.values())


@pytest.mark.parametrize("form", [primal, dual])
@pytest.mark.parametrize(("n", "p"), [(30, 8), (12, 30)])
def test_the_solution_of_least_norm_is_the_pseudo_inverse(form, n, p):
    phi, y = drawn(n, p)
    phi[:, 5] = phi[:, 4] + phi[:, 3]
    centred = phi - phi.mean(0)
    beta = np.linalg.pinv(centred, rcond=1e-9) @ (y - y.mean(0))
    solution, rank = form(phi, y).minimum_norm(1e-6)
    agrees(solution, beta, y.mean(0) - phi.mean(0) @ beta, 1e-7)
    assert rank == np.linalg.matrix_rank(centred)


def single(phi, y, **settings):
    return Primal(**settings).partial_fit(torch.from_numpy(phi.astype(np.float32)), torch.from_numpy(y))


def test_where_float32_products_cannot_tell_float64_products_do():
    """A feature that differs from another by 1e-5 of its norm: its sum of squares apart is 1e-10, far below 6e-8."""
    phi, y = drawn(200, 4)
    phi = phi.astype(np.float32).astype(np.float64)
    phi = np.hstack([phi, (phi[:, :1] + 1e-5 * np.random.default_rng(5).normal(size=(200, 1))).astype(np.float32)])
    assert single(phi, y).solve(1e-12) is None
    exact = single(phi, y, product=double).solve(1e-12)
    beta, _ = reference(phi, y, 1e-12)
    np.testing.assert_allclose(exact.beta_PK, beta, rtol=1e-3)


@pytest.mark.parametrize("block", [1, 7, 40, 1000])
def test_how_many_rows_are_multiplied_at_a_time_does_not_show(block):
    phi, y = drawn(40, 5)
    found = Primal(block=block).partial_fit(torch.from_numpy(phi), torch.from_numpy(y)).solve(0.3)
    agrees(found, *reference(phi, y, 0.3))


def test_memory_does_not_grow_with_the_rows():
    """What the sums hold once rows have come, in numbers: two P x P at most beside one block."""

    def held(n):
        system = primal(*drawn(n, 20), cuts=range(10, n, 10))
        return sum(tensor.numel() for tensor in vars(system).values() if isinstance(tensor, torch.Tensor))

    assert held(20_000) == held(100)


def test_the_example_of_the_page_on_heads_is_one_pass_over_all_rows():
    page = (Path(__file__).parents[2] / "docs/heads.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names = {}
    exec(code, names)
    whole = Primal().partial_fit(names["phi_NP"].double(), names["y_NK"]).solve(0.1)
    torch.testing.assert_close(names["beta_PK"], whole.beta_PK, atol=1e-6, rtol=0)
    torch.testing.assert_close(names["intercept_K"], whole.intercept_K, atol=1e-6, rtol=0)


def test_two_processes_can_take_half_the_rows_each():
    phi, y = drawn(40, 5)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first, second = pool.map(primal, np.split(phi, 2), np.split(y, 2))
    agrees(first.merge(second).solve(0.3), *reference(phi, y, 0.3))


@pytest.mark.parametrize("mean", [0, 1e3, 1e5])
def test_a_large_mean_costs_the_dual_form_no_more_than_float32_s_own_rounding_of_the_features(mean):
    phi, y = drawn(20, 60)
    phi = (phi + mean).astype(np.float32)
    solution = Dual(torch.from_numpy(phi), torch.from_numpy(y)).solve(1.0)
    beta, b = reference(phi.astype(np.float64), y, 1.0)
    found, true = (
        phi.astype(np.float64) @ w + c for w, c in ((solution.beta_PK.numpy(), solution.intercept_K.numpy()), (beta, b))
    )
    np.testing.assert_allclose(found - found.mean(0), true - true.mean(0), atol=1e-4)


def test_sums_in_float32_whose_mean_moves_far_are_not_taken_for_exact():
    phi, y = drawn(400, 5)
    phi[100:] += 1e5
    for product, solved in ((plain, False), (double, True)):
        system = Primal(product)
        for rows, targets in zip(np.split(phi.astype(np.float32), [100]), np.split(y, [100]), strict=True):
            solution = system.partial_fit(torch.from_numpy(rows), torch.from_numpy(targets)).solve(1e-3)
        assert (solution is not None) == solved
    beta, _ = reference(phi.astype(np.float32).astype(np.float64), y, 1e-3)
    np.testing.assert_allclose(solution.beta_PK, beta, atol=1e-4)


@pytest.mark.parametrize(
    ("features", "targets", "told"),
    [
        ((5, 3), (5, 2), "3 features and 2 targets"),
        ((5, 4), (5, 1), "4 features and 1 targets"),
        ((5, 4), (1, 2), "are wanted"),
    ],
)
def test_rows_of_another_shape_are_refused_and_nothing_is_lost(features, targets, told):
    phi, y = drawn(40, 4, 2)
    system = primal(phi, y)
    with pytest.raises(ValueError, match=told):
        system.partial_fit(torch.ones(features), torch.ones(targets))
    agrees(system.partial_fit(torch.ones(0, 4), torch.ones(0, 2)).solve(0.3), *reference(phi, y, 0.3))


def test_without_rows_there_is_nothing_to_solve():
    with pytest.raises(ValueError, match="no rows yet"):
        Primal().merge(Primal()).solve(1.0)
