"""Mixer and vision transformer: against torchvision, against loops, and what mixing across patches must not change."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call
from torchvision import models

from randfeat.init import draw
from randfeat.network import Role, roles
from randfeat.registry import make_part
from randfeat.typing import Task

TASK = Task((2, 8, 12), 3)
IMAGENET = Task((3, 224, 224), 1000)
MIXERS = {"S": (8, 512), "B": (12, 768), "L": (24, 1024), "H": (32, 1280)}
VITS = {"B": (12, 768, 12), "L": (24, 1024, 16), "H": (32, 1280, 16)}


def net_of(part, task=TASK, **settings):
    return make_part("arch", {"part": part} | settings).build(task).eval()


def numbers(net, seed=0):
    """Numbers for every tensor: gains near 1, all else independent and of order one tenth to one."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {name: torch.randn(t.shape, generator=generator, dtype=torch.float64) for name, t in net.named_parameters()}
    return {
        name: 1 + t / 5 if role is Role.GAIN else t / 3
        for (name, t), role in zip(drawn.items(), roles(net).values(), strict=True)
    }


def images(n=3, shape=TASK.shape):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def normed(x, w, name):
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / (variance + 1e-6).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(x, w, name):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def perceptron(x, w, name):
    return linear(F.gelu(linear(x, w, f"{name}.linear1")), w, f"{name}.linear2")


def patches(x, w, side):
    """Every patch cut out and multiplied with each filter, line by line."""
    squares = [x[:, :, i : i + side, j : j + side] for i in range(0, x.shape[2], side) for j in range(0, x.shape[3], side)]
    filters, bias = w["patches.conv.weight"], w["patches.conv.bias"]
    return torch.stack([square.flatten(1) @ filters.flatten(1).T + bias for square in squares], 1)


def attention(x, w, name, heads, scale):
    """Head by head, row by row, query by query."""
    d = x.shape[2] // heads
    joined = torch.empty_like(x)
    for row, tokens in enumerate(x):
        q, k, v = (linear(tokens, w, f"{name}.{part}") for part in "qkv")
        for h in range(heads):
            own = slice(h * d, (h + 1) * d)
            for t, query in enumerate(q[:, own]):
                weights = torch.exp(torch.stack([query @ key for key in k[:, own]]) / (math.sqrt(d) if scale else 1))
                joined[row, t, own] = sum(a * value for a, value in zip(weights / weights.sum(), v[:, own], strict=True))
    return linear(joined, w, f"{name}.out")


def test_the_scores_of_a_mixer_are_the_formula():
    net = net_of("mixer", depth=2, width=6, token_ratio=0.9, channel_ratio=1.5)
    w = numbers(net)
    z = patches(images(), w, 4)
    for k in (1, 2):
        across = perceptron(normed(z, w, f"block{k}.norm1").transpose(1, 2), w, f"block{k}.tokens")
        z = z + across.transpose(1, 2)
        z = z + perceptron(normed(z, w, f"block{k}.norm2"), w, f"block{k}.channels")
    expected = linear(normed(z, w, "norm").mean(1), w, "head")
    torch.testing.assert_close(functional_call(net, w, (images(),)), expected, rtol=1e-11, atol=1e-11)
    assert w["block1.tokens.linear1.weight"].shape == (5, 6)
    assert w["block1.channels.linear1.weight"].shape == (9, 6)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("pool", ["class", "mean"])
def test_the_scores_of_a_vit_are_the_formula(pool, scale):
    net = net_of("vit", depth=2, width=6, heads=2, mlp_ratio=1.5, pool=pool, scale=scale)
    w = numbers(net)
    z = patches(images(), w, 4)
    if pool == "class":
        z = torch.cat([w["patches.class_token.token"].repeat(3, 1, 1), z], 1)
    z = z + w["patches.positions.table"]
    for k in (1, 2):
        z = z + attention(normed(z, w, f"block{k}.norm1"), w, f"block{k}.attention", 2, scale)
        z = z + perceptron(normed(z, w, f"block{k}.norm2"), w, f"block{k}.mlp")
    z = normed(z, w, "norm")
    expected = linear(z[:, 0] if pool == "class" else z.mean(1), w, "head")
    torch.testing.assert_close(functional_call(net, w, (images(),)), expected, rtol=1e-11, atol=1e-11)


def of_theirs(name, state, width):
    """The tensor of torchvision's transformer that one of ours is."""
    if name.startswith("block") and ".attention." in name:
        block, _, part, leaf = name.split(".")
        theirs = f"encoder.layers.encoder_layer_{int(block.removeprefix('block')) - 1}.self_attention."
        if part == "out":
            return state[f"{theirs}out_proj.{leaf}"]
        k = "qkv".index(part)
        return state[f"{theirs}in_proj_{leaf}"][k * width : (k + 1) * width]
    for ours, theirs in {
        "patches.conv": "conv_proj",
        "patches.class_token.token": "class_token",
        "patches.positions.table": "encoder.pos_embedding",
        "norm.": "encoder.ln.",
        "head": "heads.head",
        "norm1": "ln_1",
        "norm2": "ln_2",
        "mlp.linear1": "mlp.0",
        "mlp.linear2": "mlp.3",
        **{f"block{k}.": f"encoder.layers.encoder_layer_{k - 1}." for k in (1, 2)},
    }.items():
        name = name.replace(ours, theirs) if ours != "norm." or name.startswith(ours) else name
    return state[name]


def test_a_vit_computes_what_torchvision_s_does():
    task = Task((3, 8, 8), 4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = models.VisionTransformer(8, 2, 2, 3, 12, 24, num_classes=4).double().eval()
        for tensor in theirs.parameters():
            torch.nn.init.normal_(tensor, std=0.5)
    state = theirs.state_dict()
    net = net_of("vit", task, patch=2, depth=2, width=12, heads=3, mlp_ratio=2)
    w = {name: of_theirs(name, state, 12) for name, _ in net.named_parameters()}
    assert sum(tensor.numel() for tensor in w.values()) == sum(tensor.numel() for tensor in state.values())
    x = images(3, task.shape)
    with torch.no_grad():
        torch.testing.assert_close(functional_call(net, w, (x,)), theirs(x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("name", "size", "patch"), [("vit_b_32", "B", 32), ("vit_l_16", "L", 16), ("vit_h_14", "H", 14)])
def test_a_vit_has_as_many_parameters_as_torchvision_s(name, size, patch):
    depth, width, heads = VITS[size]
    net = net_of("vit", IMAGENET, patch=patch, depth=depth, width=width, heads=heads)
    with torch.device("meta"):
        theirs = models.get_model(name)
    assert sum(t.numel() for t in net.parameters()) == sum(t.numel() for t in theirs.parameters())


@pytest.mark.parametrize(
    ("size", "patch", "millions"),
    [("S", 32, 19), ("S", 16, 18), ("B", 32, 60), ("B", 16, 59), ("L", 32, 206), ("L", 16, 207), ("H", 14, 431)],
)
def test_a_mixer_without_its_head_has_the_millions_of_parameters_of_its_paper_s_table_1(size, patch, millions):
    depth, width = MIXERS[size]
    net = net_of("mixer", IMAGENET, patch=patch, depth=depth, width=width)
    assert round(sum(t.numel() for t in net[:-1].parameters()) / 1e6) == millions


@pytest.mark.parametrize(
    ("part", "settings", "same"),
    [
        ("vit", {"positions": "none", "pool": "mean"}, True),
        ("vit", {"positions": "none"}, True),
        ("vit", {}, False),
        ("vit", {"pool": "mean"}, False),
        ("mixer", {}, False),
    ],
)
def test_attention_without_positions_does_not_see_the_order_of_the_patches_and_all_else_does(part, settings, same):
    net = net_of(part, depth=2, width=8, **settings)
    w, x = numbers(net), images()
    shuffled = x.unflatten(3, (3, 4)).unflatten(2, (2, 4))[:, :, [1, 0]][:, :, :, :, [2, 0, 1]].flatten(4, 5).flatten(2, 3)
    difference = (functional_call(net, w, (x,)) - functional_call(net, w, (shuffled,))).abs().max()
    assert (float(difference) < 1e-11) == same
    assert same or float(difference) > 1e-3


@pytest.mark.parametrize("part", ["mixer", "vit"])
def test_blocks_start_as_the_identity_where_the_law_says_so(part):
    net = net_of(part, depth=2, width=8)
    weights = draw(make_part("init", {"part": "he", "branches": "zero"}), net, 0)
    x = images(2, (6, 8)).float()
    for k in (1, 2):
        block = {name.removeprefix(f"block{k}."): t for name, t in weights.items() if name.startswith(f"block{k}.")}
        assert torch.equal(functional_call(net.get_submodule(f"block{k}"), block, (x,)), x)


def test_class_token_and_positions_are_no_weights_and_a_fraction_leaves_them_as_drawn():
    net = net_of("vit", depth=1, width=20)
    tokens = {name for name, role in roles(net).items() if role is Role.TOKEN}
    assert tokens == {"patches.class_token.token", "patches.positions.table"}
    selection = make_part("subset", {"part": "fraction", "fraction": 0.1}).select(net, 0)
    assert {name for name, choice in selection.items() if choice is False} == tokens
    rows = {name: choice.tolist() for name, choice in selection.items() if not isinstance(choice, bool)}
    assert {name for name in rows if ".attention." in name} == {
        f"block1.attention.{layer}.{leaf}" for layer in ("q", "k", "v", "out") for leaf in ("weight", "bias")
    }
    assert rows.pop("block1.mlp.linear1.weight") == rows.pop("block1.mlp.linear1.bias") == list(range(8))
    assert set(map(tuple, rows.values())) == {(0, 1)}


def test_without_norm_layers_there_is_none_of_their_parameters():
    for part in ("mixer", "vit"):
        normed, bare = (net_of(part, depth=3, width=20, norm=norm) for norm in ("layer", "none"))
        gone = {name for name, _ in normed.named_parameters()} - {name for name, _ in bare.named_parameters()}
        assert gone == set(make_part("subset", {"part": "norm"}).choose(normed, 0))
        assert len(gone) == 2 * (2 * 3 + 1)
        assert not any(True for _ in normed.buffers())
