"""Blocks and roles of a known network."""

from __future__ import annotations

from torch import nn

from randfeat.network import Role, blocks, layers, roles
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


def test_layers_are_the_linear_and_convolutional_ones_in_order_with_their_biases():
    net = make_part("arch", {"part": "wrn", "depth": 10}).build(Task((3, 8, 8), 2))
    below = ["stem", "block1_1.conv1", "block1_1.conv2"]
    below += [f"block{k}_1.{layer}" for k in (2, 3) for layer in ("conv1", "conv2", "shortcut")]
    assert layers(net) == {name: [f"{name}.weight"] for name in below} | {"head": ["head.weight", "head.bias"]}


def test_the_inner_projection_of_an_attention_is_a_layer_and_a_table_of_positions_is_none():
    vit = make_part("arch", {"part": "torchvision", "name": "vit_b_16"}).build(Task((3, 224, 224), 2))
    block = "encoder_layers_encoder_layer_0.encoder.layers.encoder_layer_0"
    own = {name.removeprefix(f"{block}."): tensors for name, tensors in layers(vit).items() if name.startswith(block)}
    assert list(own) == ["self_attention.in_proj", "self_attention.out_proj", "mlp.0", "mlp.3"]
    assert own["self_attention.in_proj"] == [f"{block}.self_attention.in_proj_{tensor}" for tensor in ("weight", "bias")]
    swin = make_part("arch", {"part": "torchvision", "name": "swin_t"}).build(Task((3, 64, 64), 2))
    assert not any("table" in name for name in layers(swin))
    assert len(layers(swin)) == 1 + 12 * 4 + 3 + 1  # patches, twelve blocks, three mergings, head
