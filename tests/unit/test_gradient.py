"""Training some rows or entries, or some tensors later: against a slow twin, and to the bit where nothing may change."""

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
from randfeat.split import Entries, split
from randfeat.typing import Examples

CHOICES = {"rows": torch.tensor([4, 1, 2]), "entries": Entries(torch.tensor([29, 3, 0, 17, 11]))}
ROWS = CHOICES["rows"]


def trains(choice):
    """True where an entry of the 6 x 5 weight trains."""
    mask = torch.zeros(6, 5, dtype=torch.bool)
    if isinstance(choice, Entries):
        mask.view(-1)[choice.index] = True
    else:
        mask[choice] = True
    return mask


def setting(choice=ROWS):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(60, 5, generator=g, dtype=torch.float64)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    weights = {
        "a.weight": torch.randn(6, 5, generator=g, dtype=torch.float64),
        "head.weight": torch.randn(3, 6, generator=g, dtype=torch.float64),
    }
    return x, y, split(weights, {"a.weight": choice, "head.weight": False}), weights


def score(weights, x):
    return torch.tanh(x @ weights["a.weight"].T) @ weights["head.weight"].T


def fit(solver, x, y, halves, begins=None, seen=None):
    def logits(trained, z):
        if seen is not None:
            seen.append({name: tensor.detach().clone() for name, tensor in trained.items()})
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
            begins or {},
        )
    )


SOLVERS = {
    "sgd": {"part": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.05, "schedule": "constant"},
    "plain": {"part": "sgd", "lr": 0.1, "momentum": 0.5, "nesterov": False, "weight_decay": 0.05, "schedule": "step"},
    "adam": {"part": "adam", "lr": 0.01, "weight_decay": 0.05, "schedule": "constant"},
}


@pytest.mark.parametrize("name", list(SOLVERS))
@pytest.mark.parametrize("choice", list(CHOICES))
def test_frozen_rows_and_entries_are_the_same_to_the_bit_after_a_hundred_steps(name, choice):
    x, y, halves, weights = setting(CHOICES[choice])
    fitted = fit(make_part("solver", SOLVERS[name] | {"epochs": 25, "batch_size": 15}), x, y, halves)
    merged, mask = halves.merge(fitted.trained), trains(CHOICES[choice])
    assert torch.equal(merged["a.weight"][~mask], weights["a.weight"][~mask])
    assert torch.equal(merged["head.weight"], weights["head.weight"])
    assert float((merged["a.weight"][mask] - weights["a.weight"][mask]).abs().min()) > 1e-4


@pytest.mark.parametrize("choice", list(CHOICES))
def test_the_gradient_of_what_trains_is_that_part_of_the_whole_gradient(choice):
    x, y, halves, weights = setting(CHOICES[choice])
    part = halves.trained["a.weight"].clone().requires_grad_()
    F.cross_entropy(score(halves.merge({"a.weight": part}), x), y).backward()
    full = weights["a.weight"].clone().requires_grad_()
    F.cross_entropy(score(weights | {"a.weight": full}, x), y).backward()
    expected = full.grad[ROWS] if choice == "rows" else full.grad.flatten()[CHOICES[choice].index]
    torch.testing.assert_close(part.grad, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", list(SOLVERS))
@pytest.mark.parametrize("choice", list(CHOICES))
def test_the_steps_equal_a_slow_twin_with_a_mask(name, choice):
    x, y, halves, weights = setting(CHOICES[choice])
    part = make_part("solver", SOLVERS[name] | {"epochs": 10, "batch_size": 15})
    fitted = fit(part, x, y, halves)
    order = stream(0, "order")
    order.integers(2**63)
    w, mask = weights["a.weight"].clone(), trains(CHOICES[choice])
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


@pytest.mark.parametrize(("name", "numbers"), [("sgd", 1), ("plain", 1), ("adam", 2)])
@pytest.mark.parametrize("choice", list(CHOICES))
def test_the_optimizer_keeps_its_averages_of_trained_entries_only(name, numbers, choice, monkeypatch):
    x, y, halves, _ = setting(CHOICES[choice])
    part, made = make_part("solver", SOLVERS[name] | {"epochs": 2, "batch_size": 15}), []
    ordinary = type(part).optimizer
    monkeypatch.setattr(type(part), "optimizer", lambda self, tensors: made.append(ordinary(self, tensors)) or made[-1])
    fit(part, x, y, halves)
    (optimizer,) = made
    kept = [value for state in optimizer.state.values() for value in state.values() if value.ndim]
    assert sum(value.numel() for value in kept) == numbers * len(CHOICES[choice]) * (5 if choice == "rows" else 1)


def both():
    """The same two layers, both to be trained."""
    x, y, _, weights = setting()
    return x, y, split(weights, dict.fromkeys(weights, True)), weights


@pytest.mark.parametrize("name", list(SOLVERS))
@pytest.mark.parametrize("late", ["a.weight", "head.weight"])
def test_a_tensor_stays_as_drawn_to_the_bit_until_it_begins_and_then_trains_without_a_past(name, late):
    """Ten epochs of four steps; one layer begins at 0.525, after 21 steps. The twin starts its averages then, from zero."""
    x, y, halves, weights = both()
    part, seen = make_part("solver", SOLVERS[name] | {"epochs": 10, "batch_size": 15, "schedule": "constant"}), []
    fitted = fit(part, x, y, halves, {late: 0.525}, seen).trained
    early = next(other for other in weights if other != late)
    assert len(seen) == 40
    assert all(torch.equal(step[late], weights[late]) for step in seen[:22])
    assert not torch.equal(seen[22][late], weights[late])
    assert not torch.equal(seen[1][early], weights[early])
    order = stream(0, "order")
    order.integers(2**63)
    w = {name: tensor.clone() for name, tensor in weights.items()}
    v, s, n = ({name: torch.zeros_like(w[name]) for name in w} for _ in range(3))
    batches = [batch for _ in range(10) for batch in np.array_split(order.permutation(60), 4)]
    for step, batch in enumerate(batches):
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in w.items()}
        F.cross_entropy(score(leaves, x[batch]), y[batch]).backward()
        for tensor in [early] if step < 21 else [early, late]:
            g = leaves[tensor].grad
            n[tensor] += 1
            if name == "adam":
                v[tensor], s[tensor] = 0.9 * v[tensor] + 0.1 * g, 0.999 * s[tensor] + 0.001 * g**2
                mean, spread = v[tensor] / (1 - 0.9 ** n[tensor]), (s[tensor] / (1 - 0.999 ** n[tensor])).sqrt()
                change = mean / (spread + 1e-8) + 0.05 * w[tensor]
            else:
                g = g + 0.05 * w[tensor]
                v[tensor] = part.momentum * v[tensor] + g
                change = g + part.momentum * v[tensor] if part.nesterov else v[tensor]
            w[tensor] = w[tensor] - part.lr * change
    for tensor in w:
        torch.testing.assert_close(fitted[tensor], w[tensor], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", list(SOLVERS))
def test_beginning_at_once_is_training_to_the_last_digit(name):
    x, y, halves, weights = both()
    part = make_part("solver", SOLVERS[name] | {"epochs": 5, "batch_size": 15})
    plain, named = (fit(part, x, y, halves, begins).trained for begins in ({}, dict.fromkeys(weights, 0.0)))
    assert all(torch.equal(plain[tensor], named[tensor]) for tensor in weights)


def test_until_anything_begins_nothing_moves():
    x, y, halves, weights = both()
    part, seen = make_part("solver", SOLVERS["sgd"] | {"epochs": 2, "batch_size": 15}), []
    fitted = fit(part, x, y, halves, dict.fromkeys(weights, 0.5), seen)
    assert fitted.status == "ok"
    assert all(torch.equal(step[tensor], weights[tensor]) for step in seen[:5] for tensor in weights)
    assert not any(torch.equal(fitted.trained[tensor], weights[tensor]) for tensor in weights)


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
