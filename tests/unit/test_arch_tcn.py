"""Temporal convolutional networks: against loops over steps and taps, and how far back they see."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.network import norm_layers
from randfeat.registry import make_part
from randfeat.typing import Task

TASK = Task((9, 2), 3)


def net_of(task=TASK, **settings):
    return make_part("arch", {"part": "tcn"} | settings).build(task).eval()


def numbers(net, spread=0.4):
    """Numbers for every tensor and buffer, variances from 1/2 to 3/2."""
    generator = torch.Generator().manual_seed(0)
    tensors = [*net.named_parameters(), *net.named_buffers()]
    drawn = {name: spread * torch.randn(t.shape, generator=generator, dtype=torch.float64) for name, t in tensors}
    return {name: 1 + t.tanh() / 2 if name.endswith("running_var") else t for name, t in drawn.items()}


def sequences(n=3, shape=TASK.shape):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def linear(x, w, name):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def convolved(x, w, name, dilation, norm):
    """Step by step, tap by tap: the last tap sees the step itself, the one before it what lies ``dilation`` steps back."""
    taps = w[f"{name}.conv.weight"][:, :, 0].unbind(2)
    y = torch.zeros(*x.shape[:2], len(taps[0]), dtype=x.dtype)
    for t in range(x.shape[1]):
        for back, tap in enumerate(reversed(taps)):
            if (seen := t - back * dilation) >= 0:
                y[:, t] += x[:, seen] @ tap.T
    if norm == "none":
        return y + w[f"{name}.conv.bias"]
    mean, variance = w[f"{name}.norm.running_mean"], w[f"{name}.norm.running_var"]
    return (y - mean) / (variance + 1e-5).sqrt() * w[f"{name}.norm.weight"] + w[f"{name}.norm.bias"]


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("skip", [0, 3])
def test_the_scores_of_a_gated_network_are_the_formula(norm, skip):
    net = net_of(depth=7, width=4, kernel=3, cycle=5, skip=skip, norm=norm)
    w = numbers(net)
    x, skips = linear(sequences(), w, "stem.linear"), 0
    for k, dilation in enumerate([1, 2, 4, 8, 16, 1, 2], start=1):
        filtered, gates = (convolved(x, w, f"block{k}.{name}", dilation, norm) for name in ("filter", "gate"))
        out = linear(torch.tanh(filtered) / (1 + torch.exp(-gates)), w, f"block{k}.out")
        x, skips = x + out[..., :4], skips + out[..., 4:]
    features = linear(skips.clamp(min=0), w, "skips.linear").clamp(min=0) if skip else x
    expected = linear(features[:, -1], w, "head")
    torch.testing.assert_close(functional_call(net, w, (sequences(),)), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_scores_of_a_network_without_gates_are_the_formula(norm):
    net = net_of(depth=5, width=4, kernel=2, gates=False, activation="leaky_relu", norm=norm)
    w = numbers(net)
    x = linear(sequences(), w, "stem.linear")
    for k, dilation in enumerate([1, 2, 4, 8, 16], start=1):
        hidden = F.leaky_relu(convolved(x, w, f"block{k}.conv1", dilation, norm))
        x = F.leaky_relu(x + F.leaky_relu(convolved(hidden, w, f"block{k}.conv2", dilation, norm)))
    expected = linear(x[:, -1], w, "head")
    torch.testing.assert_close(functional_call(net, w, (sequences(),)), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"depth": 4}, 16),
        ({"depth": 10, "width": 2}, 1024),
        ({"depth": 5, "cycle": 3}, 1 + 7 + 3),
        ({"depth": 3, "kernel": 4}, 1 + 3 * 7),
        ({"depth": 3, "skip": 2}, 8),
        ({"depth": 3, "kernel": 3, "gates": False, "activation": "tanh"}, 1 + 2 * 2 * 7),
        ({"depth": 4, "kernel": 7, "cycle": 2, "gates": False, "activation": "tanh"}, 1 + 2 * 6 * (3 + 3)),
        ({"depth": 3, "kernel": 1}, 1),
    ],
)
def test_the_last_step_sees_so_many_steps_and_no_more(settings, field):
    steps = field + 6
    net = net_of(Task((steps, 1), 1), **({"width": 4} | settings))
    x = sequences(1, (steps, 1)).requires_grad_()
    functional_call(net, {name: t.abs() for name, t in numbers(net, spread=0.1).items()}, (x,)).sum().backward()
    assert x.grad.flatten().nonzero().flatten().tolist() == list(range(6, steps))


@pytest.mark.parametrize("settings", [{}, {"skip": 3}, {"gates": False}, {"gates": False, "norm": "batch"}])
def test_blocks_start_as_the_identity_where_the_law_says_so(settings):
    net = net_of(depth=2, width=5, **settings)
    weights = draw(make_part("init", {"part": "he", "branches": "zero"}), net, 0)
    buffers = {name: torch.full(t.shape, 1.0 if name.endswith("var") else 0.0) for name, t in net.named_buffers()}
    x = sequences(2, (9, 5 + settings.get("skip", 0))).float().abs()
    for k in (1, 2):
        block = {name.removeprefix(f"block{k}."): t for name, t in (weights | buffers).items() if name.startswith(f"block{k}.")}
        assert torch.equal(functional_call(net.get_submodule(f"block{k}"), block, (x,)), x)


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({"depth": 8, "width": 25, "kernel": 7, "gates": False}, 50 + 8 * 2 * (7 * 25**2 + 25) + 260),
        ({"depth": 30, "width": 32, "skip": 256}, 64 + 30 * (2 * (2 * 32**2 + 32) + 33 * 288) + 257 * 256 + 2570),
        ({"depth": 3, "width": 8, "norm": "batch"}, 16 + 3 * (2 * (2 * 8**2 + 16) + 72) + 90),
    ],
)
def test_the_number_of_parameters_is_that_of_its_layers(settings, count):
    net = net_of(Task((784, 1), 10), **settings)
    assert sum(t.numel() for t in net.parameters()) == count


def test_a_network_of_the_sizes_of_bai_et_al_has_70_710_parameters():
    net = net_of(Task((784, 1), 10), depth=8, width=25, kernel=7, gates=False)
    assert sum(t.numel() for t in net.parameters()) == 70_710


def test_units_have_the_names_of_the_documentation_and_norm_layers_are_where_it_says():
    net = net_of(depth=3, width=4, skip=2, norm="batch")
    assert net.unit_names == ["stem", "block1", "block2", "block3", "skips", "readout"]
    assert list(norm_layers(net)) == [f"block{k}.{name}.norm" for k in (1, 2, 3) for name in ("filter", "gate")]


def test_there_is_no_more_padding_for_a_tap_than_there_are_steps():
    net = net_of(Task((5, 1), 2), depth=40, width=2, kernel=3, cycle=1000)
    assert [net.get_submodule(f"block{k}.filter").before for k in (1, 2, 3, 4, 40)] == [2, 4, 8, 10, 10]


def test_skips_without_gates_are_refused():
    with pytest.raises(ConfigError) as refusal:
        net_of(gates=False, skip=4)
    assert str(refusal.value) == "arch.skip sums up gated blocks, but arch.gates=false. Use arch.skip=0, or arch.gates=true."
