"""Plain networks: their formula, their symmetry under circular padding, and hundreds of layers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from randfeat.network import blocks
from randfeat.typing import Task
from tests.zoo import TASKS, build, inputs, model_of, scores_of, weights_of


@pytest.mark.parametrize("halve", ["stride", "average", "max"])
def test_the_scores_of_a_plain_network_are_the_formula(halve):
    net = build("plain", TASKS["8"], depth=1, width=3, halvings=1, halve=halve)
    model = model_of(net, weights_of(net, dtype=torch.float64))
    w = model.weights.merge()
    x = y = inputs(TASKS["8"], 4, torch.float64)
    for unit, stride in (("stem", 1), ("down1", 2 if halve == "stride" else 1), ("block1_1", 1)):
        y = torch.tanh(F.conv2d(y, w[f"{unit}.conv.weight"], w[f"{unit}.conv.bias"], stride, padding=1))
        if unit == "down1" and halve != "stride":
            windows = y.unflatten(3, (4, 2)).unflatten(2, (4, 2))
            y = windows.mean((3, 5)) if halve == "average" else windows.amax((3, 5))
    expected = y.mean((2, 3)) @ w["head.weight"].T + w["head.bias"]
    torch.testing.assert_close(scores_of(model, x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("halve", ["stride", "average", "max"])
def test_with_circular_padding_a_shift_by_whole_places_of_the_last_map_changes_no_score(halve):
    x = inputs(TASKS["32"], 2, torch.float64)
    for padding, same in (("circular", True), ("zeros", False)):
        net = build("plain", TASKS["32"], depth=4, width=6, padding=padding, halve=halve)
        model = model_of(net, weights_of(net, dtype=torch.float64))
        scores, shifted = scores_of(model, x), scores_of(model, x.roll((8, -4), (2, 3)))
        assert torch.allclose(scores, shifted, rtol=0, atol=1e-12 if same else 1e-4) == same


def test_hundreds_of_plain_layers_keep_the_norm_of_a_signal_under_a_delta_orthogonal_law():
    net = build("plain", TASKS["8"], depth=301, width=4, activation="identity", padding="circular")
    weights = weights_of(net, "delta_orthogonal", torch.float64)
    assert sum(name.endswith("conv.weight") for name in weights) == 304
    assert {len(units) for name, units in blocks(net).items() if name.startswith("block")} == {101, 100}
    start, end = net.unit_names.index("block1_1"), net.unit_names.index("pool")
    x = inputs(Task((4, 2, 2), 4), 3, torch.float64)
    y = functional_call(net[start:end], {name: t for name, t in weights.items() if name.startswith("block")}, (x,))
    torch.testing.assert_close(y.flatten(1).norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-4, atol=0)
