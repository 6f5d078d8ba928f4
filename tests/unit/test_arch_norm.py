"""Residual, dense and branching networks without their norm layers."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call

from randfeat.arch.residual import PadShortcut
from randfeat.network import Role, norm_layers, roles
from randfeat.typing import Task
from tests.zoo import TASKS, build, inputs, n_parameters, weights_of


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("resnet", {"depth": 8}),
        ("wrn", {"depth": 10}),
        ("densenet", {"depth": 16, "growth": 4}),
        ("inception", {"width": 8}),
    ],
)
def test_without_norm_layers_a_network_computes_what_it_does_with_norm_layers_that_are_the_identity(part, settings):
    bare, normed = (build(part, TASKS["8"], **settings, norm=norm) for norm in ("none", "batch"))
    assert not norm_layers(bare)
    weights = weights_of(bare, dtype=torch.float64)
    same = {name: tensor for name, tensor in weights.items() if name in normed.state_dict()}
    assert {name for name in weights if name not in same} == {
        name for name, role in roles(bare).items() if role is Role.BIAS and not name.startswith("head.")
    }
    for name, layer in norm_layers(normed).items():
        one, zero = (torch.full((layer.num_features,), value, dtype=torch.float64) for value in (1, 0))
        same |= {
            f"{name}.weight": one,
            f"{name}.bias": zero,
            f"{name}.running_mean": zero,
            f"{name}.running_var": one - layer.eps,
        }
    x = inputs(TASKS["8"], 3, torch.float64)
    expected, found = functional_call(normed.eval(), same, (x,)), functional_call(bare.eval(), weights, (x,))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert float(expected.std()) > 0.01


@pytest.mark.parametrize("part", ["resnet", "wrn"])
def test_blocks_without_norm_layers_start_as_their_shortcuts_where_the_law_says_so(part):
    net = build(part, TASKS["8"], depth={"resnet": 14, "wrn": 16}[part], norm="none")
    weights = weights_of(net, branches="zero")
    block = {name.removeprefix("block1_2."): tensor for name, tensor in weights.items() if name.startswith("block1_2.")}
    x = inputs(Task((16, 8, 8), 4), 2).abs()
    assert torch.equal(functional_call(net.get_submodule("block1_2"), block, (x,)), x)


@pytest.mark.parametrize("n", [2, 5, 9])
def test_a_resnet_of_6n_plus_2_layers_has_448n_plus_224_norm_parameters(n):
    net = build("resnet", TASKS["32"], depth=6 * n + 2)
    assert sum(n_parameters(layer) for layer in norm_layers(net).values()) == 448 * n + 224


def test_the_pad_shortcut_takes_every_other_pixel_and_puts_zeros_around_the_channels():
    x = torch.arange(1.0, 33.0).reshape(1, 2, 4, 4)
    y = PadShortcut(2, 2)(x)
    assert y[0, 0].abs().max() == y[0, 3].abs().max() == 0
    assert y[0, 1].tolist() == [[1, 3], [9, 11]]
    assert y[0, 2].tolist() == [[17, 19], [25, 27]]
