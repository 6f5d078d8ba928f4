"""Every registered solver on small problems whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from randfeat.registry import make_part, part_names
from tests.heads import problem

PARTS = ["adam", "logistic", "pinv", "ridge", "sgd", "svm"]
CLOSED = {"pinv", "ridge"}


def two_clouds(n=80):
    rng = np.random.default_rng(0)
    y = torch.arange(n) % 2
    x = torch.from_numpy(rng.normal(size=(n, 3)).astype(np.float32)) + 4 * y[:, None]
    return x, y


def solver(part, **settings):
    return make_part("solver", {"part": part} | settings)


def test_the_battery_covers_every_registered_part():
    assert part_names("solver") == PARTS
    assert len(PARTS) == 6


@pytest.mark.parametrize("part", PARTS)
def test_clouds_four_deviations_apart_are_told_apart(part):
    x, y = two_clouds()
    fitted = solver(part, **({"lr": 0.1, "batch_size": 16} if part in ("adam", "sgd") else {})).fit(problem(x, y, x, y, 2))
    scores = F.linear(x, fitted.trained["head.weight"], fitted.trained["head.bias"])
    assert fitted.status == "ok"
    assert float((scores.argmax(1) == y).double().mean()) > 0.95


@pytest.mark.parametrize("p", [3, 200])
def test_ridge_is_the_normal_equations(p):
    rng = np.random.default_rng(0)
    phi, y = rng.normal(size=(50, p)), rng.integers(0, 4, 50)
    fitted = solver("ridge", penalty=2.0).fit(
        problem(torch.from_numpy(phi), torch.from_numpy(y), torch.empty(0, p), torch.empty(0), 4)
    )
    a, t = phi - phi.mean(0), np.eye(4)[y]
    beta = np.linalg.solve(a.T @ a + 2 * np.eye(p), a.T @ (t - t.mean(0)))
    np.testing.assert_allclose(fitted.trained["head.weight"], beta.T, atol=1e-6)
    np.testing.assert_allclose(fitted.trained["head.bias"], t.mean(0) - phi.mean(0) @ beta, atol=1e-6)
    assert fitted.chosen == {"penalty": 2.0}


def test_ridge_takes_the_penalty_that_is_best_on_the_validation_rows():
    """Feature 0 is small and right, feature 1 is large and right in training only; a penalty leaves only the large one."""
    y = torch.arange(40) % 2
    sign = 2.0 * y - 1
    noise = torch.where(torch.arange(40) % 10 < 2, -1.0, 1.0)
    x = torch.stack([0.01 * sign, sign * noise], 1)
    x_val = torch.stack([0.01 * sign, -sign], 1)
    for penalties in ([1e-6, 100.0], [100.0, 1e-6]):
        assert solver("ridge", penalty=penalties).fit(problem(x, y, x_val, y, 2)).chosen == {"penalty": 1e-6}
    assert solver("ridge", penalty=[1e-6, 100.0]).fit(problem(x_val, y, x_val, y, 2)).chosen == {"penalty": 100.0}


def test_ridge_says_singular_and_leaves_the_head_as_drawn():
    x, y = two_clouds()
    start = problem(torch.cat([x, x], 1), y, x[:0], y[:0], 2)
    fitted = solver("ridge", penalty=0).fit(start)
    assert (fitted.status, fitted.reason) == (
        "singular",
        "the system has no unique solution with penalty 0; a larger one gives it one",
    )
    assert fitted.trained is start.trained


@pytest.mark.parametrize("part", sorted(CLOSED))
@pytest.mark.parametrize("p", [3, 200])
def test_closed_forms_say_non_finite(part, p):
    x, y = two_clouds()
    x = torch.cat([x, torch.zeros(len(x), p - 3)], 1)
    x[5, 1] = float("nan")
    fitted = solver(part).fit(problem(x, y, x, y, 2))
    assert (fitted.status, fitted.reason) == ("non_finite", "a feature, or its square, was not finite")


@pytest.mark.parametrize("part", sorted(CLOSED))
@pytest.mark.parametrize("n", [10, 80])
def test_closed_forms_give_the_class_of_all_rows_where_there_is_one_class(part, n):
    x, y = two_clouds()
    x, y = torch.cat([x, torch.ones(80, 10)], 1)[:n], torch.ones_like(y)[:n]
    fitted = solver(part).fit(problem(x, y, x, y, 3))
    assert fitted.status == "ok"
    torch.testing.assert_close(fitted.trained["head.weight"], torch.zeros(3, 13), atol=1e-6, rtol=0)
    torch.testing.assert_close(fitted.trained["head.bias"], torch.tensor([0.0, 1.0, 0.0]))


@pytest.mark.parametrize("p", [3, 200])
def test_leave_one_out_takes_the_penalty_under_which_most_rows_are_right_when_they_are_left_out(p):
    rng = np.random.default_rng(0)
    n, penalties = 30, [0.01, 1.0, 100.0]
    y = torch.from_numpy(rng.integers(0, 3, n))
    x = torch.from_numpy(rng.normal(size=(n, p))) + 1.5 * F.one_hot(y, p)
    right = []
    for penalty in sorted(penalties, reverse=True):
        ridge, found = solver("ridge", penalty=penalty), 0
        for i in range(n):
            rest = torch.arange(n) != i
            head = ridge.fit(problem(x[rest], y[rest], x[:0], y[:0], 3)).trained
            found += int(F.linear(x[i].float(), head["head.weight"], head["head.bias"]).argmax() == y[i])
        right.append(found)
    best = sorted(penalties, reverse=True)[int(np.argmax(right))]
    fitted = solver("ridge", penalty=penalties, choose="leave_one_out").fit(problem(x, y, x[:0], y[:0], 3))
    assert len(set(right)) > 1
    assert fitted.chosen == {"penalty": best}


def test_a_feature_too_close_to_another_for_float32_products_is_told_apart_in_float64():
    rng = np.random.default_rng(0)
    y = torch.arange(200) % 2
    x = torch.from_numpy(rng.normal(size=(200, 2)).astype(np.float32))
    x = torch.cat([x, x[:, :1] + 1e-4 * (2 * y[:, None] - 1)], 1)  # the difference of two features is the class
    fitted = solver("ridge", penalty=[1e-12, 1e-11]).fit(problem(x, y, x, y, 2))
    assert float((F.linear(x, *fitted.trained.values()).argmax(1) == y).double().mean()) == 1.0


def test_pinv_interpolates_as_many_rows_as_there_are_features_and_says_the_rank():
    """Huang, Zhu and Siew 2006: N hidden units learn N distinct rows exactly."""
    rng = np.random.default_rng(0)
    x, y = torch.from_numpy(rng.normal(size=(30, 40))), torch.from_numpy(rng.integers(0, 4, 30))
    start = problem(x, y, x[:0], y[:0], 4, {"head.weight": torch.zeros(4, 40).double(), "head.bias": torch.zeros(4).double()})
    fitted = solver("pinv").fit(start)
    torch.testing.assert_close(F.linear(x, *fitted.trained.values()), F.one_hot(y, 4).double(), atol=1e-6, rtol=0)
    assert fitted.chosen == {"rank": 29}  # the intercept takes up one


@pytest.mark.parametrize("settings", [{"part": "pinv"}, {"part": "ridge"}, {"part": "ridge", "block": 10**9}])
def test_closed_forms_say_what_they_need_where_the_memory_does_not_suffice(settings, monkeypatch):
    monkeypatch.setattr("randfeat.solver.squares.memory_left", lambda device: 100.0)
    x, y = two_clouds()
    fitted = make_part("solver", settings).fit(problem(x, y, x, y, 2))
    assert fitted.status == "out_of_memory"
    assert fitted.reason == "3 features of 80 rows need 0.0 GiB, and 0.0 are free"


def test_a_list_of_penalties_longer_than_memory_is_scored_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr("randfeat.solver.head.SCORED_NUMBERS", 20)
    x, y = two_clouds()
    for choose in ("validation", "leave_one_out"):
        fitted = solver("ridge", penalty=list(np.logspace(-3, 6, 100)), choose=choose).fit(problem(x, y, x, y, 2))
        assert fitted.status == "ok"


def test_sgd_says_in_which_epoch_the_loss_was_not_finite():
    x, y = two_clouds()
    settings = {"lr": 1e20, "epochs": 5, "batch_size": 8, "schedule": "constant", "weight_decay": 1.0}
    fitted = solver("sgd", **settings).fit(problem(1e10 * x, y, x, y, 2))
    assert fitted.status == "non_finite"
    assert fitted.reason.endswith("in epoch 1")
    assert len(fitted.curve) == 1


@pytest.mark.parametrize("part", ["adam", "sgd"])
def test_keep_best_returns_the_weights_of_the_best_validation_epoch(part):
    x, y = two_clouds()
    settings = {"epochs": 6, "batch_size": 20, "schedule": "constant", "lr": 0.01}
    start = problem(x, y, x, 1 - y, 2)  # validation labels are wrong, so the first epochs are best
    fitted = solver(part, keep="best", **settings).fit(start)
    accuracies = [row["val/accuracy"] for row in fitted.curve]
    assert fitted.chosen == {"epoch": 1 + int(np.argmax(accuracies))}
    again = solver(part, **settings | {"epochs": fitted.chosen["epoch"]}).fit(problem(x, y, x, 1 - y, 2))
    assert all(torch.equal(fitted.trained[name], again.trained[name]) for name in again.trained)
