"""Rows with several answers, with answers that are not asked for, and with numbers for an answer: scores, heads, training."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from randfeat import metrics
from randfeat.errors import ConfigError
from randfeat.network import chain, connect, cut
from randfeat.registry import make_part
from randfeat.typing import Examples, Task
from tests.heads import coefficients, head_problem


def steps(n=40, s=3, p=5, k=4, seed=0):
    """Features of s answers a row, their classes, and which of them are asked for."""
    rng = np.random.default_rng(seed)
    phi = rng.normal(size=(n, s, p))
    y = (phi @ rng.normal(size=(p, k)) + rng.normal(size=(n, s, k))).argmax(-1)
    return torch.from_numpy(phi), torch.from_numpy(np.where(rng.random((n, s)) < 0.3, -1, y))


def test_scores_count_the_answers_that_are_asked_for_and_no_other():
    outputs = torch.tensor([[[2.0, 0.0], [0.0, 3.0], [5.0, 0.0]], [[0.0, 1.0], [4.0, 0.0], [0.0, 9.0]]])
    y = torch.tensor([[0, 0, -1], [1, -1, -1]])
    expected = [math.log1p(math.exp(-2)), math.log1p(math.exp(3)), math.log1p(math.exp(-1))]
    assert metrics.n_answers(y) == 3
    assert metrics.n_right(outputs, y).item() == 2
    assert metrics.accuracy(outputs, y) == pytest.approx(2 / 3)
    assert metrics.loss(outputs, y) == pytest.approx(sum(expected) / 3)


def test_a_number_is_right_within_its_tolerance_and_an_answer_where_all_its_numbers_are():
    true = torch.zeros(2, 2, 2)
    given = torch.tensor([[[0.03, -0.04], [0.03, 0.05]], [[0.0, 0.0], [1.0, 1.0]]], dtype=torch.float64)
    assert metrics.n_answers(true) == 4
    assert metrics.n_right(given, true).item() == 2
    assert metrics.accuracy(given, true) == 0.5
    assert metrics.loss(given, true) == pytest.approx((0.03**2 + 0.04**2 + 0.03**2 + 0.05**2 + 2) / 8)


def test_explained_is_one_for_the_truth_zero_for_the_mean_and_below_for_worse():
    true = torch.tensor([[0.0, 4.0], [2.0, 8.0]])
    assert metrics.explained(true, true) == 1
    assert metrics.explained(true.mean(0).expand(2, 2), true) == 0
    assert metrics.explained(-true, true) == pytest.approx(1 - 4 * (4 + 16 + 64) / (2 + 8))


@pytest.mark.parametrize("part", ["ridge", "pinv"])
@pytest.mark.parametrize("p", [5, 120])
def test_a_head_on_rows_with_several_answers_is_the_head_on_the_answers_as_rows(part, p):
    phi, y = steps(p=p)
    settings = {"penalty": (0.5,)} if part == "ridge" else {}
    solver = make_part("solver", {"part": part} | settings)
    found = coefficients(solver.fit(head_problem(phi, y, 4)))
    asked = y >= 0
    expected = coefficients(solver.fit(head_problem(phi[asked], y[asked], 4)))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("penalty", [0.0, 3.0])
def test_ridge_on_numbers_solves_the_normal_equations(penalty):
    rng = np.random.default_rng(1)
    phi, y = rng.normal(size=(30, 4)) + 1, rng.normal(size=(30, 2))
    problem = replace(head_problem(phi, np.zeros(30, int), 2), train=Examples(torch.from_numpy(phi), torch.from_numpy(y)))
    beta, intercept = coefficients(make_part("solver", {"part": "ridge", "penalty": (penalty,)}).fit(problem))
    centred = phi - phi.mean(0)
    expected = np.linalg.solve(centred.T @ centred + penalty * np.eye(4), centred.T @ (y - y.mean(0)))
    np.testing.assert_allclose(beta, expected, rtol=1e-9)
    np.testing.assert_allclose(intercept, y.mean(0) - phi.mean(0) @ expected, rtol=1e-9)


@pytest.mark.parametrize("choose", ["validation", "leave_one_out"])
def test_the_penalty_kept_for_numbers_is_that_of_the_least_squared_error(choose):
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(25, 1))
    phi, phi_val = rng.normal(size=(40, 25)), rng.normal(size=(60, 25))
    y, y_val = (x @ truth + 3 * rng.normal(size=(len(x), 1)) for x in (phi, phi_val))
    train, val = (Examples(torch.from_numpy(x), torch.from_numpy(t)) for x, t in ((phi, y), (phi_val, y_val)))
    problem = replace(head_problem(phi, np.zeros(40, int), 1), train=train, val=val)
    penalties = (0.01, 1.0, 10.0, 1000.0)

    def solve(x, t, penalty):
        centred = x - x.mean(0)
        beta = np.linalg.solve(centred.T @ centred + penalty * np.eye(25), centred.T @ (t - t.mean()))
        return lambda new: (new - x.mean(0)) @ beta + t.mean()

    def error(penalty):
        if choose == "validation":
            return ((solve(phi, y, penalty)(phi_val) - y_val) ** 2).sum()
        others = [np.arange(40) != i for i in range(40)]
        return sum((solve(phi[o], y[o], penalty)(phi[~o]) - y[~o]).item() ** 2 for o in others)

    fitted = make_part("solver", {"part": "ridge", "penalty": penalties, "choose": choose}).fit(problem)
    assert fitted.chosen["penalty"] == min(penalties, key=error)
    assert 0.01 < fitted.chosen["penalty"] < 1000


def test_training_on_numbers_comes_to_the_least_squares_solution():
    rng = np.random.default_rng(3)
    phi = torch.from_numpy(rng.normal(size=(50, 3)))
    y = torch.from_numpy(rng.normal(size=(50, 2)))
    problem = replace(head_problem(phi, np.zeros(50, int), 2), train=Examples(phi, y), val=Examples(phi, y))
    fitted = make_part("solver", {"part": "sgd", "epochs": 300, "batch_size": 50, "lr": 0.2}).fit(problem)
    beta, _ = coefficients(fitted)
    centred = phi - phi.mean(0)
    np.testing.assert_allclose(beta, torch.linalg.lstsq(centred, y - y.mean(0)).solution.numpy(), rtol=1e-4, atol=1e-5)
    given = phi @ fitted.trained["head.weight"].T + fitted.trained["head.bias"]
    assert fitted.curve[-1]["val/loss"] == pytest.approx((given - y).square().mean().item())


def test_the_curve_of_rows_with_several_answers_counts_answers():
    phi, y = steps(k=4)
    problem = head_problem(phi, y, 4)
    fitted = make_part("solver", {"part": "sgd", "epochs": 1, "batch_size": 40, "lr": 1e-9}).fit(problem)
    first = (y[y >= 0] == 0).double().mean().item()  # a head of zeros gives the first class to all
    assert fitted.curve[0]["train/accuracy"] == pytest.approx(first)
    assert fitted.curve[0]["train/loss"] == pytest.approx(math.log(4))


@pytest.mark.parametrize("part", ["svm", "logistic"])
def test_heads_for_one_class_a_row_refuse_other_answers(part):
    solver = make_part("solver", {"part": part})
    solver.check_task(Task((3,), 2))
    with pytest.raises(ConfigError, match="fits one class for each row, and the data ask for 6 answers for each row"):
        solver.check_task(Task((4, 3), 2, answers=(6,)))
    with pytest.raises(ConfigError, match="the data ask for numbers"):
        solver.check_task(Task((4,), 1, numbers=True))


def test_a_network_has_to_give_as_many_answers_as_the_data_ask_for():
    with torch.device("meta"):
        units = {"steps": nn.Linear(3, 5)}
    assert chain(units, Task((4, 3), 2, answers=(4,))).head.in_features == 5
    with pytest.raises(ConfigError, match="the data ask for one answer for each row, and this network gives 4 answers"):
        chain(units, Task((4, 3), 2))
    with pytest.raises(ConfigError, match="ask for 8x8 answers for each row, and this network gives one answer"):
        chain({"flatten": nn.Flatten()}, Task((1, 8, 8), 1, answers=(8, 8), numbers=True))


def test_a_head_lower_down_sees_each_answer_by_itself():
    with torch.device("meta"):
        units = {"one": nn.Linear(3, 5), "two": nn.Linear(5, 7)}
    task = Task((4, 3), 2, answers=(4,))
    lower = cut(chain(units, task), "one", task, "solver.at")
    assert lower.unit_names == ["one"]
    assert lower.head.in_features == 5


def test_the_edges_of_a_graph_go_to_every_layer_that_asks_for_them():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].register_buffer("edges", torch.zeros(2, 0, dtype=torch.int64))
    edges = torch.tensor([[0, 1], [1, 0]])
    connect(net, edges)
    assert torch.equal(net[1].edges, edges)
    assert "edges" not in dict(net[0].named_buffers())


def test_of_answers_that_are_all_the_same_nothing_can_be_explained():
    assert not math.isfinite(metrics.explained(torch.zeros(1, 1), torch.ones(1, 1)))
    assert not math.isfinite(metrics.explained(torch.ones(3, 1), torch.ones(3, 1)))


def test_a_head_below_a_unit_that_gives_the_answers_is_refused_with_those_that_do():
    with torch.device("meta"):
        units = {"steps": nn.Linear(3, 5), "last": nn.Unflatten(1, (2, 2)), "again": nn.Flatten(1, 2)}
    net = chain(units, Task((4, 3), 2, answers=(4,)))
    with pytest.raises(ConfigError, match=r"solver.at=last does not give the 4 answers for each row .* that do: steps, again"):
        cut(net, "last", Task((4, 3), 2, answers=(4,)), "solver.at")
