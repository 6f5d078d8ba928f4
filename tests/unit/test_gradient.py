"""Training some rows of a tensor: against a slow twin on the whole tensor, and to the bit where nothing may change."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.solver import Problem
from randfeat.solver.schedule import schedule
from randfeat.split import split
from randfeat.typing import Examples

ROWS = torch.tensor([4, 1, 2])
REST = [0, 3, 5]


def setting():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(60, 5, generator=g, dtype=torch.float64)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    weights = {
        "a.weight": torch.randn(6, 5, generator=g, dtype=torch.float64),
        "head.weight": torch.randn(3, 6, generator=g, dtype=torch.float64),
    }
    return x, y, split(weights, {"a.weight": ROWS, "head.weight": False}), weights


def score(weights, x):
    return torch.tanh(x @ weights["a.weight"].T) @ weights["head.weight"].T


def fit(solver, x, y, halves):
    def logits(trained, z):
        return score(halves.merge(trained), z)

    nothing = Examples(x[:0], y[:0])
    return solver.fit(
        Problem(
            halves.trained,
            Examples(x, y),
            nothing,
            3,
            None,
            lambda z: z,
            logits,
            lambda: None,
            lambda: None,
            stream(0, "order"),
            lambda step: None,
        )
    )


SOLVERS = {
    "sgd": {"part": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.05, "schedule": "constant"},
    "plain": {"part": "sgd", "lr": 0.1, "momentum": 0.5, "nesterov": False, "weight_decay": 0.05, "schedule": "step"},
    "adam": {"part": "adam", "lr": 0.01, "weight_decay": 0.05, "schedule": "constant"},
}


@pytest.mark.parametrize("name", list(SOLVERS))
def test_frozen_rows_are_the_same_to_the_bit_after_a_hundred_steps(name):
    x, y, halves, weights = setting()
    fitted = fit(make_part("solver", SOLVERS[name] | {"epochs": 25, "batch_size": 15}), x, y, halves)
    merged = halves.merge(fitted.trained)
    assert torch.equal(merged["a.weight"][REST], weights["a.weight"][REST])
    assert torch.equal(merged["head.weight"], weights["head.weight"])
    assert float((merged["a.weight"][ROWS] - weights["a.weight"][ROWS]).abs().min()) > 1e-4


def test_the_gradient_of_trained_rows_is_those_rows_of_the_whole_gradient():
    x, y, halves, weights = setting()
    rows = halves.trained["a.weight"].clone().requires_grad_()
    F.cross_entropy(score(halves.merge({"a.weight": rows}), x), y).backward()
    full = weights["a.weight"].clone().requires_grad_()
    F.cross_entropy(score(weights | {"a.weight": full}, x), y).backward()
    torch.testing.assert_close(rows.grad, full.grad[ROWS], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", list(SOLVERS))
def test_the_steps_equal_a_slow_twin_with_a_mask(name):
    x, y, halves, weights = setting()
    part = make_part("solver", SOLVERS[name] | {"epochs": 10, "batch_size": 15})
    fitted = fit(part, x, y, halves)
    order = stream(0, "order")
    order.integers(2**63)
    w, mask = weights["a.weight"].clone(), torch.zeros(6, 1, dtype=torch.float64)
    mask[ROWS] = 1
    v, s, step = torch.zeros_like(w), torch.zeros_like(w), 0
    for _ in range(10):
        for batch in np.array_split(order.permutation(60), 4):
            leaf = w.clone().requires_grad_()
            F.cross_entropy(score(weights | {"a.weight": leaf}, x[batch]), y[batch]).backward()
            rate = part.lr * (0.2 ** sum(step >= m for m in (12, 24, 32)) if name == "plain" else 1)
            step += 1
            if name == "adam":
                v, s = 0.9 * v + 0.1 * leaf.grad, 0.999 * s + 0.001 * leaf.grad**2
                change = rate * (v / (1 - 0.9**step)) / ((s / (1 - 0.999**step)).sqrt() + 1e-8) + rate * 0.05 * w
            else:
                g = leaf.grad + 0.05 * w
                v = part.momentum * v + g
                change = rate * (g + part.momentum * v if part.nesterov else v)
            w = w - mask * change
    torch.testing.assert_close(halves.merge(fitted.trained)["a.weight"], w, rtol=1e-6, atol=1e-8)


def rates(name, n, lr=0.5):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    steps, seen = schedule(name, optimizer, lr, n, (0.3, 0.6, 0.8), 0.2), []
    for _ in range(n):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        steps.step()
    return seen


def test_one_cycle_peaks_at_lr_after_30_percent_and_ends_near_zero():
    seen = rates("one_cycle", 100)
    assert math.isclose(seen[0], 0.5 / 25)
    assert math.isclose(seen[29], 0.5)
    assert max(seen) == seen[29]
    assert math.isclose(seen[99], 0.5 / 25 / 1e4)


def test_step_shrinks_at_the_milestones_and_constant_stays():
    np.testing.assert_allclose(rates("step", 10), 0.5 * np.array([1, 1, 1, 0.2, 0.2, 0.2, 0.04, 0.04, 0.008, 0.008]))
    assert rates("constant", 5) == [0.5] * 5
