"""Blocks and roles of a known network."""

from __future__ import annotations

from torch import nn

from randfeat.network import Role, blocks, roles
from randfeat.registry import make_part
from randfeat.typing import Task


def test_units_with_numbers_make_blocks_and_units_without_weights_none():
    net = make_part("arch", {"part": "resnet", "depth": 14}).build(Task((3, 8, 8), 2))
    assert blocks(net) == {"stem": ["stem"]} | {f"block{s}": [f"block{s}_1", f"block{s}_2"] for s in (1, 2, 3)}


def test_roles_tell_weights_biases_gains_and_shifts():
    net = make_part("arch", {"part": "mlp", "norm": "layer"}).build(Task((4,), 2))
    own = [Role.WEIGHT, Role.BIAS, Role.GAIN, Role.SHIFT, Role.WEIGHT, Role.BIAS]
    assert list(roles(net).values()) == own


def test_a_layer_s_weight_is_a_weight_even_with_one_number_per_output():
    net = nn.Sequential(nn.Linear(1, 5), nn.Conv2d(5, 5, 1, groups=5), nn.Linear(5, 1))
    assert [role for name, role in roles(net).items() if name.endswith("weight")] == [Role.WEIGHT] * 3
