"""The fully connected networks and the LeNet of 1989, by their formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from randfeat.typing import Task
from tests.zoo import build, inputs, model_of, scores_of, weights_of


def test_the_scores_of_an_mlp_are_the_formula():
    net = build("mlp", Task((5,), 3), width=4, activation="tanh")
    model = model_of(net, weights_of(net, dtype=torch.float64))
    w = model.weights.merge()
    x = inputs(Task((5,), 3), 6, torch.float64)
    expected = torch.tanh(x @ w["hidden1.linear.weight"].T) @ w["head.weight"].T
    torch.testing.assert_close(scores_of(model, x), expected, rtol=1e-12, atol=1e-12)


def test_an_mlp_has_the_widths_it_is_given_and_identity_makes_it_a_product_of_matrices():
    net = build("mlp", Task((5,), 3), widths=(7, 4, 6), activation="identity")
    assert [tuple(net.get_submodule(f"hidden{k}.linear").weight.shape) for k in (1, 2, 3)] == [(7, 5), (4, 7), (6, 4)]
    model = model_of(net, weights_of(net, dtype=torch.float64))
    w = model.weights.merge()
    x = inputs(Task((5,), 3), 6, torch.float64)
    names = [*(f"hidden{k}.linear.weight" for k in (1, 2, 3)), "head.weight"]
    expected = x @ torch.linalg.multi_dot([w[name] for name in reversed(names)]).T
    torch.testing.assert_close(scores_of(model, x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("side", [16, 9])
def test_the_scores_of_the_lenet_of_1989_are_the_formula(side):
    task = Task((1, side, side), 10)
    net = build("lenet", task, form="lenet1989", width=2)
    model = model_of(net, weights_of(net, dtype=torch.float64))
    w = model.weights.merge()
    x = y = inputs(task, 3, torch.float64)
    for unit, side_after in (("conv1", -(-side // 2)), ("conv2", -(-side // 4))):
        windows = F.pad(y, (2, 3, 2, 3)).unfold(2, 5, 2).unfold(3, 5, 2)[:, :, :side_after, :side_after]
        y = torch.tanh(torch.einsum("nchwij,mcij->nmhw", windows, w[f"{unit}.conv.weight"]))
    expected = torch.tanh(y.flatten(1) @ w["fc1.linear.weight"].T) @ w["head.weight"].T
    assert net.unit_names == ["conv1", "conv2", "fc1"]
    torch.testing.assert_close(scores_of(model, x), expected, rtol=1e-12, atol=1e-12)
