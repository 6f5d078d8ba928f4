"""Highway layers: the formula, the gate at its ends, and a gate bias that no law draws over."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import functional_call, vmap

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.network import blocks
from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.typing import Task

FORMS = {"dense": Task((7,), 3), "convolutional": Task((2, 9, 11), 3)}


def build(form, **settings):
    return make_part("arch", {"part": "highway", "form": form, "width": 4, **settings}).build(FORMS[form]).eval()


def inputs(form, n=3):
    return torch.from_numpy(stream(0, "x").standard_normal((n, *FORMS[form].shape)))


def weights_of(net, init="he", **settings):
    law = make_part("init", {"part": init, **settings})
    buffers = {name: buffer.double() for name, buffer in net.named_buffers() if buffer.is_floating_point()}
    there = {name: torch.full_like(b, float("running_var" in name), device="cpu") for name, b in buffers.items()}
    return {name: tensor.double() for name, tensor in draw(law, net, 0).items()} | there


def scores(net, weights, x):
    with torch.no_grad():
        return functional_call(net, weights, (x,))


def padded(x):
    return np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))


def layer(x, weights, name):
    """A dense layer, or a 3x3 convolution as the sum over its nine places."""
    w, b = (weights[f"{name}.{kind}"].numpy() for kind in ("weight", "bias"))
    if w.ndim == 2:
        return x @ w.T + b
    height, width = x.shape[2:]
    places = [(i, j) for i in range(3) for j in range(3)]
    sums = sum(np.einsum("ncyx,oc->noyx", padded(x)[:, :, i : i + height, j : j + width], w[:, :, i, j]) for i, j in places)
    return sums + b[:, None, None]


def pooled(x):
    down, across = x.shape[2] // 2, x.shape[3] // 2
    return x[:, :, : 2 * down, : 2 * across].reshape(*x.shape[:2], down, 2, across, 2).max((3, 5))


@pytest.mark.parametrize("form", list(FORMS))
def test_the_scores_are_the_formula(form):
    net, x = build(form, depth=4, activation="tanh", gate_bias=-1.5), inputs(form)
    weights = weights_of(net, bias="normal", bias_std=0.5)
    y = np.tanh(layer(x.numpy(), weights, "stem.layer"))
    for units in list(blocks(net).values())[1:]:
        for unit in units:
            h, z = np.tanh(layer(y, weights, f"{unit}.transform.layer")), layer(y, weights, f"{unit}.gate")
            t = 1 / (1 + np.exp(1.5 - z))
            y = h * t + y * (1 - t)
        y = y if form == "dense" else pooled(y)
    expected = layer(y.reshape(len(y), -1), weights, "head")
    np.testing.assert_allclose(scores(net, weights, x), expected, rtol=1e-11, atol=1e-12)
    assert [len(units) for units in blocks(net).values()] == [1, 2, 1, 1]


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("form", list(FORMS))
def test_far_below_zero_a_layer_carries_its_input_and_far_above_it_is_plain(form, norm):
    x = torch.from_numpy(stream(0, "y").standard_normal((3, 4, 5, 6)[: 2 if form == "dense" else 4]))
    for gate_bias in (-60.0, 60.0):
        unit = build(form, gate_bias=gate_bias, norm=norm).get_submodule("block2_1")
        weights = weights_of(unit)
        plain = functional_call(
            unit.transform,
            {name.removeprefix("transform."): t for name, t in weights.items() if name.startswith("transform.")},
            (x,),
        )
        torch.testing.assert_close(scores(unit, weights, x), x if gate_bias < 0 else plain, rtol=1e-12, atol=1e-12)
        assert float((x - plain).abs().max()) > 0.1


@pytest.mark.parametrize("form", list(FORMS))
def test_the_gate_bias_is_added_to_the_biases_that_a_law_draws(form):
    x = inputs(form)
    for law in ({"init": "he"}, {"init": "uniform", "bias": "uniform", "bias_std": 0.3}):
        shifted, plain = build(form, depth=5, gate_bias=-2.5), build(form, depth=5, gate_bias=0)
        weights = weights_of(shifted, **law)
        moved = {name: t - 2.5 if name.endswith("gate.bias") else t for name, t in weights.items()}
        assert sum(name.endswith("gate.bias") for name in weights) == 5
        torch.testing.assert_close(scores(shifted, weights, x), scores(plain, moved, x), rtol=1e-12, atol=1e-12)
        assert not torch.allclose(scores(shifted, weights, x), scores(plain, weights, x), rtol=0.01)


def test_where_nothing_is_drawn_for_them_gates_are_open_by_the_sigmoid_of_the_gate_bias():
    unit = build("dense", gate_bias=-3).get_submodule("block1_1")
    weights = weights_of(unit)
    zero = {name: torch.zeros_like(t) for name, t in weights.items() if name.startswith("gate.")}
    x = inputs("dense", 2)[:, :4]
    carried = scores(unit, weights | zero | {"transform.layer.weight": torch.zeros(4, 4, dtype=torch.float64)}, x)
    torch.testing.assert_close(carried / x, torch.full_like(x, 1 - 1 / (1 + np.exp(3))), rtol=1e-12, atol=0)


def test_a_signal_crosses_fifty_layers_of_a_highway_and_not_fifty_plain_ones():
    x = torch.from_numpy(stream(0, "x").standard_normal((2, 7)))
    apart = {}
    for gate_bias in (-4, 60):
        net = build("dense", depth=49, width=50, activation="tanh", gate_bias=gate_bias)[:-1]
        y = scores(net, weights_of(net, "glorot", gain=0.7), x)
        apart[gate_bias] = float((y[0] - y[1]).norm())
    assert apart[-4] > 0.5
    assert apart[60] < 1e-4


def test_a_dense_layer_has_the_parameters_of_the_paper():
    """About 5000 each, and those of a plain layer of 71 outputs."""
    net = build("dense", depth=9, width=50)
    assert sum(tensor.numel() for tensor in net.get_submodule("block3_3").parameters()) == 5100
    assert abs(5100 - (71 * 71 + 71)) < 50


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_stacked_runs_agree_with_single_ones(form, norm):
    net, x = build(form, depth=3, norm=norm), inputs(form)
    law = make_part("init", {"part": "he"})
    runs = [weights_of(net) | {name: t.double() for name, t in draw(law, net, seed).items()} for seed in (0, 1)]
    stacked = {name: torch.stack([run[name] for run in runs]) for name in runs[0]}
    together = vmap(lambda weights: functional_call(net, weights, (x,)))(stacked)
    torch.testing.assert_close(together, torch.stack([scores(net, run, x) for run in runs]), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (Task((1, 7, 9), 2), "arch=highway needs images of 8x8 or more, but they are 7x9. Use data.resize=8."),
        (Task((20,), 2), "arch=highway needs images, but the data are vectors of 20. Use arch=mlp."),
    ],
)
def test_what_a_convolutional_one_cannot_take_is_an_error_that_says_what_would_fit(task, text):
    with pytest.raises(ConfigError) as error:
        make_part("arch", {"part": "highway", "form": "convolutional"}).build(task)
    assert str(error.value) == text
