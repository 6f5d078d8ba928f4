"""Blocks and roles of a known network."""

from __future__ import annotations

import torch
from torch import nn

from randfeat.model import Model
from randfeat.network import Role, blocks, chain, connect, layers, roles
from randfeat.registry import make_part
from randfeat.split import split
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


class Neighbours(nn.Module):
    """The sum over the nodes with an edge to each."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2, bias=False, device="meta")
        self.register_buffer("edges", torch.zeros(2, 0, dtype=torch.int64))

    def forward(self, x):
        start, end = self.edges
        return torch.zeros_like(x).index_add(1, end, self.linear(x)[:, start])


def test_every_layer_of_a_graph_gets_its_edges_also_where_the_layers_below_are_computed_apart():
    task = Task((4, 2), 2, (4,), is_graph=True)
    net = chain({"layer1": Neighbours(), "layer2": Neighbours()}, task)
    edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    connect(net, edges)
    w = {name: torch.randn(t.shape, generator=torch.Generator().manual_seed(1)) for name, t in net.named_parameters()}
    model = Model(net, split(w, {name: not name.startswith("layer1") for name in w}), "auto", lambda x: x, "float32")
    adjacency = torch.zeros(4, 4)
    adjacency[edges[1], edges[0]] = 1
    x = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(2))
    z = adjacency @ x @ w["layer1.linear.weight"].T
    expected = adjacency @ z @ w["layer2.linear.weight"].T @ w["head.weight"].T + w["head.bias"]
    assert model.units_below == ("layer1",)
    torch.testing.assert_close(model.prefix(x), z)
    torch.testing.assert_close(model.suffix(model.weights.trained, z), expected)
